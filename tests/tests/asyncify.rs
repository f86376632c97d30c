//! Stacks that Asyncify suspends and goes on with: every call counts once, however often it waits, and is one call of the recorder's.
//!
//! Binaryen rewrites a program of ours. It runs twice: with a host that answers at once, so that nothing ever waits, and with one that
//! suspends at every call; nothing here knows what the right numbers are, they must be the same.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use wasmtime::{AsContextMut, Caller, Engine, Instance, Linker, Module, Store, StoreContextMut};
use waspect_abi::{BuildId, COUNTER_GET_EXPORT, GATE_BIT};
use waspect_instrumenter::plan::Warning;
use waspect_instrumenter::{Mode, ModuleInfo, Options, instrument};
use waspect_tests::facts::Facts;
use waspect_tests::mock::{FIRST_BASE, Mock, Proof, ScopeEnd};
use waspect_tests::oracle::walrus;
use waspect_tests::stacks::Laps;
use waspect_tests::{assets, hooks, wasi};
use waspect_wasmtime::{Observe, Observer};

/// Two exports that wait at different depths; a recursion of which one arm waits; calls that never do.
const PROGRAM: &str = r#"(module $guest
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (memory (export "memory") 1)
    (table 1 funcref)
    (elem (i32.const 0) $leaf)
    (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func $tree (param i32) (result i32)
        (if (i32.le_s (local.get 0) (i32.const 1)) (then (return (call $wait (i32.const 1)))))
        (if (i32.and (local.get 0) (i32.const 1)) (then (return (call $leaf (local.get 0)))))
        (i32.add
            (call $tree (i32.sub (local.get 0) (i32.const 1)))
            (i32.add (call $leaf (local.get 0)) (call $tree (i32.div_s (local.get 0) (i32.const 2))))))
    (func $loop (param i32) (result i32) (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (local.get $sum)
                (call_indirect (param i32) (result i32) (call $wait (local.get 0)) (i32.const 0))))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if $again (local.get 0)))
        (local.get $sum))
    (func (export "tree") (result i32) (i32.add (call $tree (i32.const 16)) (call $tree (i32.const 8))))
    (func (export "loop") (result i32) (i32.add (call $loop (i32.const 9)) (call $loop (i32.const 4)))))"#;

/// A program that has its own scheduler, as TinyGo's: two tasks take turns whenever one pauses, unless `run` is told that nobody waits. Nobody
/// but the module itself suspends and goes on.
const SCHEDULER: &str = r#"(module $guest
    (import "asyncify" "start_unwind" (func $start_unwind (param i32)))
    (import "asyncify" "stop_unwind" (func $stop_unwind))
    (import "asyncify" "start_rewind" (func $start_rewind (param i32)))
    (import "asyncify" "stop_rewind" (func $stop_rewind))
    (memory (export "memory") 1)
    (type $task (func (param i32)))
    (table 2 funcref)
    (elem (i32.const 0) $pings $pongs)
    (global $waits (mut i32) (i32.const 0))
    (global $saved (mut i32) (i32.const 0))
    (global $rewinds (mut i32) (i32.const 0))
    (global $left (mut i32) (i32.const 0))
    (func $pause
        (if (global.get $rewinds)
            (then (call $stop_rewind) (global.set $rewinds (i32.const 0)))
            (else (if (global.get $waits)
                (then (global.set $left (i32.const 1)) (call $start_unwind (global.get $saved)))))))
    (func $ping (call $pause))
    (func $pong (param i32) (if (local.get 0) (then (call $pong (i32.sub (local.get 0) (i32.const 1)))) (else (call $pause))))
    (func $pings (param i32)
        (loop $again
            (call $ping)
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $pongs (param i32)
        (loop $again
            (call $pong (local.get 0))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $turn (param $at i32) (param $goes_on i32) (result i32)
        (global.set $left (i32.const 0))
        (global.set $saved (i32.add (i32.const 1024) (i32.mul (local.get $at) (i32.const 4096))))
        (if (local.get $goes_on)
            (then (global.set $rewinds (i32.const 1)) (call $start_rewind (global.get $saved)))
            (else
                (i32.store (global.get $saved) (i32.add (global.get $saved) (i32.const 8)))
                (i32.store offset=4 (global.get $saved) (i32.add (global.get $saved) (i32.const 4096)))))
        (call_indirect (type $task) (i32.add (i32.const 5) (local.get $at)) (local.get $at))
        (if (global.get $left) (then (call $stop_unwind)))
        (global.get $left))
    (func (export "run") (param $waits i32) (local $first i32) (local $second i32)
        (global.set $waits (local.get $waits))
        (local.set $first (call $turn (i32.const 0) (i32.const 0)))
        (local.set $second (call $turn (i32.const 1) (i32.const 0)))
        (loop $again
            (if (local.get $first) (then (local.set $first (call $turn (i32.const 0) (i32.const 1)))))
            (if (local.get $second) (then (local.set $second (call $turn (i32.const 1) (i32.const 1)))))
            (br_if $again (i32.or (local.get $first) (local.get $second))))))"#;

/// Functions of it that run no more often because somebody waits.
const TASKS: [&str; 5] = ["ping", "pong", "pings", "pongs", "run"];

const EXPORTS: [&str; 2] = ["tree", "loop"];

/// Where each export's stack is saved: its address, and the end of it.
const SAVED: [(i32, i32); 2] = [(1024, 8192), (8192, 16384)];

/// Calls that were gone on with when this test was written.
const RESUMED_MIN: u64 = 60;

/// What a host keeps.
struct Host {
    mock: Mock,
    observe: Option<Observe>,
    suspends: bool,
    /// Where the stack that runs is to be saved.
    saved: i32,
}

fn observe(host: &mut Host) -> &mut Observe {
    host.observe.as_mut().expect("it is observed")
}

/// Calls an export.
type Call<'a> = &'a mut dyn FnMut(StoreContextMut<'_, Host>) -> wasmtime::Result<i32>;

/// Asyncify's functions of an instance, and the exports.
struct Guest {
    store: Store<Host>,
    instance: Instance,
}

#[test]
fn what_waits_counts_once_and_goes_on() {
    let engine = wasi::engine();
    let mut resumed = 0;
    for (flags, stripped) in [(&["-g"][..], false), (&["-O2"], true)] {
        let original = asyncified(PROGRAM, flags);
        let info = ModuleInfo::parse(&original).expect("it is a module");
        assert_eq!(info.has_names, !stripped);
        let known = info.asyncify.as_ref().expect("it is recognised");
        assert!(!known.functions.is_empty());
        for mode in [Mode::Calls, Mode::Counts, Mode::Ring] {
            let options = Options { mode, ..Options::default() };
            let instrumented = instrument(&original, &options).expect("it is taken");
            assert_eq!(instrumented.plan.warnings.contains(&Warning::Fragments), mode == Mode::Ring);
            let (at_once, _) = run(&engine, &original, &instrumented.bytes, false);
            let (waiting, laps) = run(&engine, &original, &instrumented.bytes, true);
            assert_eq!(at_once, waiting, "{flags:?} {mode:?}");
            resumed += laps.resumed;
            if mode != Mode::Ring {
                let by_walrus = walrus::instrument(&original, &options).expect("walrus takes it");
                assert_eq!(run(&engine, &original, &by_walrus, true), (waiting, laps), "{flags:?} {mode:?} by walrus");
            }
        }
    }
    println!("asyncify: {resumed} suspended calls went on, counts as without suspensions");
    assert!(resumed >= RESUMED_MIN, "{resumed} calls went on");
}

#[test]
fn a_scheduler_of_the_guests_own_is_followed() {
    let engine = wasi::engine();
    let original = asyncified(SCHEDULER, &["-g"]);
    let info = ModuleInfo::parse(&original).expect("it is a module");
    let bytes = instrument(&original, &Options::default()).expect("it is taken").bytes;
    let module = Module::new(&engine, &bytes).expect("it compiles");
    let [at_once, waiting] = [0, 1].map(|waits: i32| {
        let mut linker = Linker::new(&engine);
        hooks::link(&mut linker, |mock: &mut Mock| mock).expect("the hooks are defined");
        let mut store = Store::new(&engine, Mock::new(Proof::Strict));
        store.data_mut().expect(BuildId::of(&original), Facts::of(&original));
        store.data_mut().scope_begin();
        let instance = linker.instantiate(&mut store, &module).expect("it lives");
        let run = instance.get_typed_func::<i32, ()>(&mut store, "run").expect("it is exported");
        run.call(&mut store, waits).expect("it returns");
        let mut mock = store.into_data();
        mock.scope_end(ScopeEnd::Returned);
        let (faults, count) = mock.take_faults();
        assert!(count == 0, "{count} broken rules, the first of them:\n{}", faults.join("\n"));
        let laps = mock.laps();
        assert_eq!((laps.fragments, laps.in_the_middle, laps.left), (0, 0, 0));
        assert_eq!(laps.resumed > 0, waits == 1);
        TASKS.map(|name| {
            let index = info.functions.iter().position(|function| function.name == name).expect("it has a name");
            mock.enters(FIRST_BASE + index as u32)
        })
    });
    println!("asyncify: tasks that take turns, calls of {TASKS:?}: {waiting:?}");
    assert_eq!(at_once, waiting);
}

#[test]
fn the_recorder_tells_the_same_calls_and_none_as_unwound() {
    let engine = Engine::default();
    let original = asyncified(PROGRAM, &["-g"]);
    let told = [false, true].map(|suspends| {
        let observer = Observer::builder().sink(|_, _| ()).service_name("test").build().expect("it is built");
        let bytes = instrument(&original, &Options::default()).expect("it is taken").bytes;
        let module = Module::new(&engine, &bytes).expect("it compiles");
        observer.add_module(&module, &bytes).expect("it has a manifest");
        let mut linker = linker(&engine);
        waspect_wasmtime::add_to_linker(&mut linker, observe).expect("the hooks are defined");
        let host = Host { mock: Mock::new(Proof::Strict), observe: Some(observer.observe()), suspends, saved: 0 };
        let mut store = Store::new(&engine, host);
        let instance = linker.instantiate(&mut store, &module).expect("it lives");
        let results = Guest { store, instance }
            .take_turns(|store, call| waspect_wasmtime::scope(store, observe, &mut *call).expect("it returns"));
        let snapshot = observer.snapshot();
        assert_eq!(snapshot.drops.iter().map(|(_, count)| count).sum::<u64>(), 0);
        let functions = snapshot.functions.iter().filter(|function| !function.name.starts_with("asyncify_"));
        let calls: BTreeMap<String, (u64, u64)> =
            functions.map(|it| (it.name.clone(), (it.calls, it.timed_calls))).collect();
        let unwound: u64 = snapshot.functions.iter().map(|function| function.unwound + function.errors).sum();
        assert_eq!(unwound, 0, "{calls:?}");
        assert!(calls.values().all(|(calls, timed)| calls == timed), "every call has one end: {calls:?}");
        (results, calls)
    });
    assert_eq!(told[0], told[1]);
}

/// Runs both exports, in turns where they wait. Results, and calls by function.
fn run(engine: &Engine, original: &[u8], prepared: &[u8], suspends: bool) -> ((Vec<i32>, Vec<u64>), Laps) {
    let module = Module::new(engine, prepared).expect("it compiles");
    let mut linker = linker(engine);
    hooks::link(&mut linker, |host: &mut Host| &mut host.mock).expect("the hooks are defined");
    let host = Host { mock: Mock::new(Proof::Strict), observe: None, suspends, saved: 0 };
    let mut store = Store::new(engine, host);
    let facts = Facts::of(original);
    let (functions, imported) = (facts.functions, facts.imported_functions);
    let mock = &mut store.data_mut().mock;
    mock.expect(BuildId::of(original), facts);
    mock.scope_begin();
    let instance = linker.instantiate(&mut store, &module).expect("it lives");
    store.data_mut().mock.scope_end(ScopeEnd::Returned);
    let mut guest = Guest { store, instance };
    let results = guest.take_turns(|store, call| {
        store.data_mut().mock.scope_begin();
        let result = call(store.as_context_mut()).expect("it returns");
        store.data_mut().mock.scope_end(ScopeEnd::Returned);
        result
    });
    let counter =
        guest.instance.get_typed_func::<u32, u64>(&mut guest.store, COUNTER_GET_EXPORT).expect("it is exported");
    let asyncify = |index: &u32| !guest_is_control(original, *index);
    let counted: Vec<u32> = (0..functions).filter(asyncify).collect();
    let counts: Vec<u64> =
        counted.iter().map(|index| counter.call(&mut guest.store, *index).expect("it returns") & !GATE_BIT).collect();
    let mock = &mut guest.store.data_mut().mock;
    let (faults, count) = mock.take_faults();
    assert!(count == 0, "{count} broken rules, the first of them:\n{}", faults.join("\n"));
    let (laps, entered) = (mock.laps(), mock.opened() > 0);
    assert_eq!((laps.fragments, laps.in_the_middle, laps.left), (0, 0, 0));
    if entered && laps.resumed > 0 {
        let enters: Vec<u64> = counted.iter().map(|index| mock.enters(FIRST_BASE + index)).collect();
        assert_eq!(enters, counts, "what begins is what counts");
    }
    assert!(imported == 1 && counts.iter().sum::<u64>() > 50, "{counts:?}");
    ((results, counts), laps)
}

/// Asyncify's own functions, which only the host calls, and only to suspend.
fn guest_is_control(original: &[u8], index: u32) -> bool {
    let info = ModuleInfo::parse(original).expect("it is a module");
    let of =
        |export: &waspect_instrumenter::info::Export| export.index == index && export.name.starts_with("asyncify_");
    info.exports.iter().any(of)
}

impl Guest {
    /// Calls each export, then goes on with each in turn, for as long as one waits. `scoped` calls within a scope.
    fn take_turns(&mut self, scoped: impl Fn(&mut Store<Host>, Call<'_>) -> i32) -> Vec<i32> {
        let memory = self.instance.get_memory(&mut self.store, "memory").expect("it is exported");
        let mut results = [None; EXPORTS.len()];
        for round in 0.. {
            for (at, name) in EXPORTS.iter().enumerate().filter(|(at, _)| results[*at].is_none()).collect::<Vec<_>>() {
                let (address, end) = SAVED[at];
                self.store.data_mut().saved = address;
                if round == 0 {
                    let data = [address + 8, end].map(i32::to_le_bytes).concat();
                    memory.write(&mut self.store, address as usize, &data).expect("it has room");
                } else {
                    self.control("asyncify_start_rewind", Some(address));
                }
                let entry = self.instance.get_typed_func::<(), i32>(&mut self.store, name).expect("it is exported");
                let result = scoped(&mut self.store, &mut |store| entry.call(store, ()));
                match self.state() {
                    0 => results[at] = Some(result),
                    _ => self.control("asyncify_stop_unwind", None),
                }
            }
            if results.iter().all(Option::is_some) {
                return results.into_iter().flatten().collect();
            }
        }
        unreachable!()
    }

    fn state(&mut self) -> i32 {
        let state = self.instance.get_typed_func::<(), i32>(&mut self.store, "asyncify_get_state");
        state.and_then(|state| state.call(&mut self.store, ())).expect("it returns")
    }

    fn control(&mut self, name: &str, data: Option<i32>) {
        let control = self.instance.get_func(&mut self.store, name).expect("it is exported");
        let arguments: Vec<wasmtime::Val> = data.into_iter().map(wasmtime::Val::from).collect();
        control.call(&mut self.store, &arguments, &mut []).expect("it returns");
    }
}

/// The host's import: it answers at once, or suspends whoever asks.
fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    let wait = |mut caller: Caller<'_, Host>, number: i32| -> wasmtime::Result<i32> {
        if !caller.data().suspends {
            return Ok(number * 7);
        }
        let mut export = |name| caller.get_export(name).and_then(wasmtime::Extern::into_func).expect("it is exported");
        let [state, start, stop] =
            ["asyncify_get_state", "asyncify_start_unwind", "asyncify_stop_rewind"].map(&mut export);
        let saved = caller.data().saved;
        match state.typed::<(), i32>(&caller)?.call(&mut caller, ())? {
            0 => start.typed::<i32, ()>(&caller)?.call(&mut caller, saved).map(|()| 0),
            _ => stop.typed::<(), ()>(&caller)?.call(&mut caller, ()).map(|()| number * 7),
        }
    };
    linker.func_wrap("host", "wait", wait).expect("it is defined");
    linker
}

/// A program, by Binaryen.
fn asyncified(program: &str, flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let [input, output] = ["in.wasm", "out.wasm"].map(|name| folder.path().join(name));
    fs::write(&input, wat::parse_str(program).expect("it is a module")).expect("it can be written");
    let optimiser = assets::node_modules().join("binaryen/bin/wasm-opt");
    let mut command = Command::new("node");
    command.arg(optimiser).args(["--asyncify", "--pass-arg=asyncify-imports@host.wait"]).args(flags);
    let status = command.arg(&input).arg("-o").arg(&output).status().expect("node runs");
    assert!(status.success());
    fs::read(&output).expect("it was written")
}
