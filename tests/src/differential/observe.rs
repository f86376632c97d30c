//! One run of a module: every export called, each call written down.

use wasmtime::{Engine, Extern, Instance, Module, Store, Val};
use waspect_abi::BuildId;

use super::imports::{imports, value};
use super::{Call, Observation};
use crate::counters;
use crate::facts::Facts;
use crate::host::{Host, Outcome, exported_state, hash, show};
use crate::mock::{Proof, ScopeEnd};
use crate::random::Random;
use crate::subject::Subject;

/// Memory that one instance may have.
const MEMORY_BYTES_MAX: usize = 2 << 20;
/// Instances that one module may use up by meeting limits.
const INSTANCES_MAX: usize = 6;

/// Runs a module; an instance that met a limit is replaced by a new one.
///
/// `skip` says which calls not to make, by their place in [`Observation::calls`]: those in which the original met a limit.
/// None where the module cannot be run at all: it imports what no host can make up, such as a non-null reference.
pub fn observe(engine: &Engine, original: &[u8], subject: &Subject, fuel: u64, skip: &[bool]) -> Option<Observation> {
    let mut seen = Observation::default();
    let prepared = match subject.prepare(original) {
        Ok(prepared) => prepared,
        Err(error) => return Some(seen.failed(format!("the rewriter refuses it: {error}"))),
    };
    let module = match Module::new(engine, &prepared) {
        Ok(module) => module,
        Err(error) => return Some(seen.failed(format!("{error:#}"))),
    };
    let facts = Facts::of(original);
    let hooked = subject.has_hooks() && prepared != original;
    let mut exports = facts.function_exports.iter().peekable();
    for _ in 0..INSTANCES_MAX {
        let skips = |seen: &Observation| skip.get(seen.calls.len()).copied().unwrap_or(false);
        if skips(&seen) {
            seen.calls.push(Call::skipped("")); // The original met a limit in its start function.
            break;
        }
        let mut run = Instantiation::new(engine, &module, hooked.then(|| BuildId::of(original)), &facts, fuel)?;
        let limited = run.instantiate(&mut seen);
        if let Some(instance) = run.instance.filter(|_| !limited) {
            for (name, &index) in exports.by_ref() {
                if skips(&seen) {
                    seen.calls.push(Call::skipped(name));
                    break;
                }
                if run.call(instance, name, index, &mut seen) {
                    break;
                }
            }
        }
        let instantiated = run.instance.is_some();
        run.finish(&mut seen);
        if exports.peek().is_none() || !instantiated {
            break;
        }
    }
    Some(seen)
}

/// One instance in a store of its own.
struct Instantiation<'a> {
    store: Store<Host>,
    module: &'a Module,
    facts: &'a Facts,
    imports: Vec<Extern>,
    instance: Option<Instance>,
    fuel: u64,
}

impl<'a> Instantiation<'a> {
    fn new(engine: &Engine, module: &'a Module, hooked: Option<BuildId>, facts: &'a Facts, fuel: u64) -> Option<Self> {
        let mut store = Store::new(engine, Host::new(Proof::Strict, MEMORY_BYTES_MAX));
        store.limiter(|host| &mut host.limits);
        let imports = imports(engine, &mut store, module)?;
        if let Some(build) = hooked {
            store.data_mut().mock.expect(build, facts.clone());
        }
        Some(Instantiation { store, module, facts, imports, instance: None, fuel })
    }

    /// True when it met a limit.
    fn instantiate(&mut self, seen: &mut Observation) -> bool {
        self.begin();
        let instance = Instance::new(&mut self.store, self.module, &self.imports);
        self.instance = instance.as_ref().ok().copied();
        self.end(String::new(), instance.map(|_| ()), &[], seen)
    }

    /// True when it met a limit.
    fn call(&mut self, instance: Instance, name: &str, index: u32, seen: &mut Observation) -> bool {
        let func = instance.get_func(&mut self.store, name).expect("an export of the original stays exported");
        let ty = func.ty(&self.store);
        let mut random = Random::new(hash(name.as_bytes()));
        let arguments: Option<Vec<Val>> = ty.params().map(|ty| value(&mut self.store, &ty, &mut random)).collect();
        let Some(arguments) = arguments else { return false };
        let mut results = vec![Val::I32(0); ty.results().len()];
        self.begin();
        let returned = func.call(&mut self.store, &arguments, &mut results);
        self.check_first(index, seen);
        let results = if returned.is_ok() { results } else { vec![] };
        self.end(name.to_owned(), returned, &results, seen)
    }

    fn begin(&mut self) {
        self.store.set_fuel(self.fuel).expect("fuel is on");
        self.store.data_mut().mock.scope_begin();
    }

    fn end(&mut self, name: String, returned: wasmtime::Result<()>, results: &[Val], seen: &mut Observation) -> bool {
        let end = if returned.is_ok() { ScopeEnd::Returned } else { ScopeEnd::Left };
        self.store.data_mut().mock.scope_end(end);
        let outcome = match returned {
            Ok(()) => Outcome::Returned(results.iter().map(|value| show(&mut self.store, value)).collect()),
            Err(error) => Outcome::of_error(&mut self.store, &error),
        };
        let limited = outcome.met_a_limit();
        let state = match self.instance {
            Some(instance) if !limited => exported_state(&mut self.store, instance, &self.facts.exports),
            _ => vec![],
        };
        let log = std::mem::take(&mut self.store.data_mut().log);
        seen.calls.push(Call { name, outcome, log, state: hash(state.join("\n").as_bytes()) });
        limited
    }

    /// The first hook call must speak of the function that was called.
    fn check_first(&mut self, index: u32, seen: &mut Observation) {
        let mock = &mut self.store.data_mut().mock;
        let Some(base) = mock.bases().next() else { return };
        let first = mock.first();
        if index >= self.facts.imported_functions && first.is_none_or(|(_, id)| id != base + index) {
            seen.faults.push(format!("func[{index}] is called, but the first hook call is {first:?} at base {base}"));
        }
    }

    fn finish(mut self, seen: &mut Observation) {
        if let Some(instance) = self.instance
            && let Some(calls) = counters::calls(&mut self.store, instance, self.facts)
        {
            if let Some(base) = self.store.data().mock.bases().next() {
                seen.faults.extend(counters::disagreements(&self.store, base, self.facts, &calls, |_| None));
            }
            seen.counters.push(calls);
        }
        let mock = &mut self.store.data_mut().mock;
        seen.faults.extend(mock.take_faults().0);
        seen.events += mock.events();
    }
}
