//! Reads the counters of an instrumented instance, and holds them against the mock's own count (rule C1).

use wasmtime::{Instance, Store};
use waspect_abi::{COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, GATE_BIT};

use crate::facts::Facts;
use crate::host::Host;

/// Fuel for one accessor call.
const FUEL: u64 = 1_000_000;

/// Calls of every defined function, by index; none when the instance has no accessor.
pub fn calls(store: &mut Store<Host>, instance: Instance, facts: &Facts) -> Option<Vec<u64>> {
    let get = instance.get_typed_func::<u32, u64>(&mut *store, COUNTER_GET_EXPORT).ok()?;
    let defined = facts.imported_functions..facts.functions;
    let read = |func| {
        store.set_fuel(FUEL).expect("fuel is on");
        get.call(&mut *store, func).expect("the accessor never traps") & !GATE_BIT
    };
    Some(defined.map(read).collect())
}

/// Where the counters and the `enter` hooks of an instance disagree. `entered` has what a function whose gate is closed had
/// entered before; none for a function whose gate is open.
pub fn disagreements(
    store: &Store<Host>,
    base: u32,
    facts: &Facts,
    calls: &[u64],
    entered: impl Fn(u32) -> Option<u64>,
) -> Vec<String> {
    let mock = &store.data().mock;
    let mut faults = Vec::new();
    for (func, &count) in (facts.imported_functions..facts.functions).zip(calls) {
        let (seen, expected) = (mock.enters(base + func), entered(func).unwrap_or(count));
        if seen != expected || count < seen {
            faults.push(format!("func[{func}] entered {seen} times, not {expected}; its counter says {count} (C1)"));
        }
    }
    faults
}

/// Closes the gates of the functions that `closed` names, by original index.
pub fn close_gates(store: &mut Store<Host>, instance: Instance, facts: &Facts, closed: impl Fn(u32) -> bool) {
    let Ok(get) = instance.get_typed_func::<u32, u64>(&mut *store, COUNTER_GET_EXPORT) else { return };
    let Ok(set) = instance.get_typed_func::<(u32, u64), ()>(&mut *store, COUNTER_SET_EXPORT) else { return };
    for func in (facts.imported_functions..facts.functions).filter(|&func| closed(func)) {
        store.set_fuel(FUEL).expect("fuel is on");
        let count = get.call(&mut *store, func).expect("the accessor never traps") & !GATE_BIT;
        set.call(&mut *store, (func, count)).expect("the accessor never traps");
    }
}
