//! Counters and gates, read and set at the boundary and on ticks (rules C1, C2 and K1).

use wasmtime::{Config, Engine, Store};
use waspect_instrumenter::Options;

use crate::support::{Guest, Seen, State, call, linker, observe, start, store};

const WAT: &str = r#"(module
    (func $leaf)
    (func $never)
    (func $run (export "run") call $leaf call $leaf call $leaf)
    (func $trap (export "trap") call $leaf unreachable)
    (func $spin (export "spin") (loop $again call $leaf br $again)))"#;

#[test]
fn counts_mode_needs_no_linker_and_is_exact() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::counted(&seen, &engine, WAT);
    assert_eq!(guest.module.imports().len(), 0);
    let mut store = store(&seen, &engine);
    let instance = wasmtime::Instance::new(&mut store, &guest.module, &[]).unwrap();
    waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
    for _ in 0..5 {
        call(&mut store, &instance, "run").unwrap();
    }
    call(&mut store, &instance, "trap").unwrap_err();
    waspect_wasmtime::collect(&mut store, observe).unwrap();
    drop(store);
    assert_eq!((seen.calls("run"), seen.calls("leaf"), seen.calls("trap")), (5, 16, 1));
    assert!(seen.snapshot().functions.iter().all(|function| function.name != "never"));
}

#[test]
fn counts_of_many_short_instances_add_up() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::counted(&seen, &engine, WAT);
    for _ in 0..1_000 {
        let (mut store, instance) = start(&seen, &engine, &guest);
        waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
        call(&mut store, &instance, "run").unwrap();
    }
    assert_eq!((seen.calls("run"), seen.calls("leaf")), (1_000, 3_000));
    let module = &seen.snapshot().modules[0];
    assert_eq!((module.instances_started, module.instances_ended), (1_000, 1_000));
}

#[test]
fn counts_survive_an_interruption_and_leave_fuel_and_deadline_as_they_were() {
    let mut config = Config::new();
    config.consume_fuel(true).epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let seen = Seen::new();
    let guest = Guest::counted(&seen, &engine, WAT);
    let mut store = store(&seen, &engine);
    store.set_fuel(10_000).unwrap();
    store.set_epoch_deadline(1_000);
    let instance = linker(&engine).instantiate(&mut store, &guest.module).unwrap();
    waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
    call(&mut store, &instance, "spin").unwrap_err();
    assert_eq!(store.get_fuel().unwrap(), 0);
    let spun = seen.calls("leaf");
    assert!(spun > 100, "{spun}");

    store.set_fuel(10_000).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let fuel = store.get_fuel().unwrap();
    store.set_fuel(10_000).unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    run.call(&mut store, ()).unwrap();
    assert_eq!(store.get_fuel().unwrap(), fuel, "a scope costs the guest no fuel");

    waspect_wasmtime::collect(&mut store, observe).unwrap();
    assert_eq!((seen.calls("spin"), seen.calls("leaf")), (1, spun + 6));
}

#[test]
fn counts_are_read_after_the_deadline_of_the_epoch() {
    let mut config = Config::new();
    config.epoch_interruption(true);
    let (seen, engine) = (Seen::new(), Engine::new(&config).unwrap());
    let wat = r#"(module
        (import "host" "late" (func $late))
        (func $leaf)
        (func $run (export "run") call $late (loop $again call $leaf br $again)))"#;
    let guest = Guest::counted(&seen, &engine, wat);
    let mut linker = linker(&engine);
    linker.func_wrap("host", "late", |caller: wasmtime::Caller<'_, State>| caller.engine().increment_epoch()).unwrap();
    let mut store = store(&seen, &engine);
    store.set_epoch_deadline(1);
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    waspect_wasmtime::scope(&mut store, observe, |store| run.call(store, ())).unwrap_err();
    assert_eq!(seen.calls("run"), 1);
    // The deadline is as it was: over.
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
}

/// Runs `spin` until the governor has had enough of `leaf`.
fn governed() -> (Seen, Engine) {
    let seen = Seen::with(|config| config.overhead_budget = 0.0);
    let mut config = Config::new();
    config.consume_fuel(true);
    (seen, Engine::new(&config).unwrap())
}

fn untimed(seen: &Seen) -> bool {
    seen.snapshot().functions.iter().any(|function| function.name == "leaf" && function.untimed)
}

fn spin(store: &mut Store<State>, instance: &wasmtime::Instance) {
    store.set_fuel(2_000_000).unwrap();
    call(store, instance, "spin").unwrap_err();
    store.set_fuel(2_000_000).unwrap();
}

#[test]
fn governor_closes_gates_and_calls_stay_exact() {
    let (seen, engine) = governed();
    let guest = Guest::new(&seen, &engine, WAT);
    let mut store = store(&seen, &engine);
    store.set_fuel(2_000_000).unwrap();
    let instance = linker(&engine).instantiate(&mut store, &guest.module).unwrap();
    spin(&mut store, &instance);
    while !untimed(&seen) {
        // The governor decides in the background, on what ran.
        spin(&mut store, &instance);
    }
    // The next boundary closes the gate.
    call(&mut store, &instance, "run").unwrap();
    waspect_wasmtime::collect(&mut store, observe).unwrap();
    let before = seen.function("leaf");
    for _ in 0..100 {
        call(&mut store, &instance, "run").unwrap();
    }
    waspect_wasmtime::collect(&mut store, observe).unwrap();
    let after = seen.function("leaf");
    assert_eq!(after.calls - before.calls, 300);
    assert_eq!(after.timed_calls, before.timed_calls);

    // A new instance begins with the gate closed.
    let mut other = crate::support::store(&seen, &engine);
    other.set_fuel(2_000_000).unwrap();
    let instance = linker(&engine).instantiate(&mut other, &guest.module).unwrap();
    call(&mut other, &instance, "run").unwrap();
    drop(other);
    assert_eq!(seen.function("leaf").calls - after.calls, 3);
    assert_eq!(seen.function("leaf").timed_calls, before.timed_calls);
}

#[test]
fn selected_functions_alone_are_counted() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let options =
        Options { mode: waspect_abi::manifest::Mode::Counts, include: vec!["run".into()], ..Options::default() };
    let guest = Guest::with(&seen, &engine, WAT, &options);
    let (mut store, instance) = start(&seen, &engine, &guest);
    waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let snapshot = seen.snapshot();
    assert_eq!(snapshot.functions.iter().map(|function| &*function.name).collect::<Vec<_>>(), ["run"]);
}

#[test]
fn attaching_twice_counts_once() {
    let (seen, engine) = (Seen::new(), Engine::default());
    for guest in [Guest::counted(&seen, &engine, WAT), Guest::new(&seen, &engine, WAT)] {
        let before = seen.snapshot().modules.iter().map(|module| module.instances_started).sum::<u64>();
        let (mut store, instance) = start(&seen, &engine, &guest);
        waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
        waspect_wasmtime::attach(&mut store, &instance, observe).unwrap();
        drop(store);
        let after = seen.snapshot().modules.iter().map(|module| module.instances_started).sum::<u64>();
        assert_eq!(after - before, 1);
    }
}

#[test]
fn memory_sizes_are_seen_at_the_boundary_and_given_back() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let wat = r#"(module (memory (export "memory") 2) (func $run (export "run") (drop (memory.grow (i32.const 3)))))"#;
    let guest = Guest::new(&seen, &engine, wat);
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap();
    assert_eq!(seen.snapshot().modules[0].memory_bytes, 5 << 16);
    drop(store);
    let module = &seen.snapshot().modules[0];
    assert_eq!((module.memory_bytes, module.memory_bytes_max), (0, 5 << 16));
}
