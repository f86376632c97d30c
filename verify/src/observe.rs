//! One run of a module: every call written down.

use wasmtime::{Engine, Extern, Instance, Store, Val};

use crate::counters;
use crate::host::{Host, Outcome, exported_state, show};
use crate::imports::{imports, value};
use crate::mock::{Proof, ScopeEnd};
use crate::observation::{Call, Observation};
use crate::random::Random;
use crate::side::Side;
use crate::trial::{Arguments, Planned, Trial};
use crate::{FUEL_FACTOR, Unprovidable};

/// Runs a module; an instance that met a limit is replaced by a new one.
///
/// `skip` says which calls not to make, by their place in [`Observation::calls`]: those in which the original met a limit.
pub(crate) fn observe(engine: &Engine, side: &Side, trial: &Trial, skip: &[bool]) -> Result<Observation, Unprovidable> {
    let mut seen = Observation::default();
    let planned = trial.calls(&side.facts);
    let mut planned = planned.iter().peekable();
    for _ in 0..trial.instances_max {
        let skips = |seen: &Observation| skip.get(seen.calls.len()).copied().unwrap_or(false);
        if skips(&seen) {
            seen.calls.push(Call::skipped("")); // The original met a limit in its start function.
            break;
        }
        let mut run = Instantiation::new(engine, side, trial)?;
        let limited = run.instantiate(&mut seen);
        if let Some(instance) = run.instance.filter(|_| !limited) {
            for call in planned.by_ref() {
                if skips(&seen) {
                    seen.calls.push(Call::skipped(&call.name));
                    break;
                }
                if run.call(instance, call, &mut seen) {
                    break;
                }
            }
        }
        let instantiated = run.instance.is_some();
        run.finish(&mut seen);
        if planned.peek().is_none() || !instantiated {
            break;
        }
    }
    Ok(seen)
}

/// One instance in a store of its own.
struct Instantiation<'a> {
    store: Store<Host>,
    side: &'a Side,
    imports: Vec<Extern>,
    instance: Option<Instance>,
    fuel: u64,
}

impl<'a> Instantiation<'a> {
    fn new(engine: &Engine, side: &'a Side, trial: &Trial) -> Result<Self, Unprovidable> {
        let proof = if side.whole { Proof::Strict } else { Proof::LowerToken };
        let mut host = Host::new(proof, trial.memory_bytes_max);
        host.read_bytes_max = trial.memory_bytes_max;
        host.read_bytes_left = trial.read_bytes_max;
        let mut store = Store::new(engine, host);
        store.limiter(|host| &mut host.limits);
        let imports = imports(engine, &mut store, side, trial)?;
        if let Some(build) = side.hooked {
            store.data_mut().mock.expect(build, side.facts.clone());
        }
        let fuel = if side.instrumented { trial.fuel.saturating_mul(FUEL_FACTOR) } else { trial.fuel };
        Ok(Instantiation { store, side, imports, instance: None, fuel })
    }

    /// True when it met a limit.
    fn instantiate(&mut self, seen: &mut Observation) -> bool {
        self.begin();
        let instance = Instance::new(&mut self.store, &self.side.module, &self.imports);
        self.instance = instance.as_ref().ok().copied();
        self.end("", vec![], instance.map(|_| vec![]), seen)
    }

    /// True when it met a limit.
    fn call(&mut self, instance: Instance, call: &Planned, seen: &mut Observation) -> bool {
        let func = instance.get_func(&mut self.store, &call.name).expect("an export of the original stays exported");
        let ty = func.ty(&self.store);
        let arguments = match &call.arguments {
            Arguments::Given(values) => Some(values.clone()),
            Arguments::Generated(seed) => {
                let mut random = Random::new(*seed);
                ty.params().map(|ty| value(&mut self.store, &ty, &mut random)).collect()
            }
        };
        let Some(arguments) = arguments else { return false };
        let words = arguments.iter().map(|value| show(&mut self.store, value)).collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        self.begin();
        let returned = func.call(&mut self.store, &arguments, &mut results);
        self.check_first(call.index, seen);
        self.end(&call.name, words, returned.map(|()| results), seen)
    }

    fn begin(&mut self) {
        self.store.set_fuel(self.fuel).expect("fuel is on");
        self.store.data_mut().mock.scope_begin();
    }

    fn end(
        &mut self,
        name: &str,
        arguments: Vec<String>,
        returned: wasmtime::Result<Vec<Val>>,
        seen: &mut Observation,
    ) -> bool {
        let end = if returned.is_ok() { ScopeEnd::Returned } else { ScopeEnd::Left };
        self.store.data_mut().mock.scope_end(end);
        let outcome = match returned {
            Ok(results) => Outcome::Returned(results.iter().map(|value| show(&mut self.store, value)).collect()),
            Err(error) => Outcome::of_error(&mut self.store, &error),
        };
        let limited = outcome.met_a_limit();
        let state = match self.instance {
            Some(instance) if !limited => exported_state(&mut self.store, instance, &self.side.observed),
            _ => vec![],
        };
        seen.unread += u64::from(state.iter().any(|words| words.ends_with("not read")));
        let log = std::mem::take(&mut self.store.data_mut().log);
        seen.calls.push(Call { name: name.to_owned(), arguments, outcome, log, state });
        limited
    }

    /// The first hook call must speak of the function that was called.
    fn check_first(&mut self, index: u32, seen: &mut Observation) {
        let mock = &mut self.store.data_mut().mock;
        let Some(base) = mock.bases().next() else { return };
        let first = mock.first();
        if self.side.whole
            && index >= self.side.facts.imported_functions
            && first.is_none_or(|(_, id)| id != base + index)
        {
            seen.faults.push(format!("func[{index}] is called, but the first hook call is {first:?} at base {base}"));
        }
    }

    fn finish(mut self, seen: &mut Observation) {
        let facts = &self.side.facts;
        if let Some(instance) = self.instance
            && let Some(calls) = counters::calls(&mut self.store, instance, facts)
        {
            if let Some(base) = self.store.data().mock.bases().next().filter(|_| self.side.whole) {
                seen.faults.extend(counters::disagreements(&self.store, base, facts, &calls, |_| None));
            }
            seen.counters.extend(self.side.whole.then_some(calls));
        }
        let host = self.store.data_mut();
        seen.faults.extend(host.mock.take_faults().0);
        seen.events += host.mock.events();
        if let Some(wasi) = &host.wasi {
            for (all, printed) in seen.printed.iter_mut().zip(wasi.printed()) {
                all.extend(printed);
            }
        }
    }
}
