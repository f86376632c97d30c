//! Mode `ring`: the same figures as in mode `calls`, whatever becomes of guests, stores and clocks (rules R1 to R9).

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use wasmtime::{Caller, Config, Engine, Extern, Instance, Linker, Module};
use waspect_abi::manifest::Mode;
use waspect_abi::semconv::DropReason;
use waspect_instrumenter::Options;
use waspect_recorder::Weight;
use waspect_wasmtime::{Error, check_ring};

use crate::support::{Guest, Seen, State, assert_nested, call, linker, observe, start, store};

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true).shared_memory(true);
    Engine::new(&config).unwrap()
}

fn options(mode: Mode) -> Options {
    Options { mode, ..Options::default() }
}

/// Recursion, host calls, allocations, growth, exceptions through frames, a callback, a tail call; 100,000 records.
const WORK: &str = r#"(module $guest
    (import "host" "call" (func $host))
    (memory (export "memory") 1 100)
    (tag $e)
    (func $leaf)
    (func $fib (param i32) (result i32)
        (if (i32.lt_s (local.get 0) (i32.const 2)) (then (return (local.get 0))))
        (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
    (func $malloc (export "malloc") (param i32) (result i32) call $leaf (i32.const 64))
    (func $free (export "free") (param i32) call $leaf)
    (func $throws (param i32)
        (if (local.get 0) (then (call $throws (i32.sub (local.get 0) (i32.const 1)))))
        (throw $e))
    (func $catches
        call $leaf
        (block $landing
            (try_table (catch_all $landing) (call $throws (i32.const 5))))
        call $leaf)
    (func $tail (param i32) call $leaf
        (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
    (func $back (export "back") call $leaf call $catches)
    (func $run (export "run") (local $i i32)
        (local.set $i (i32.const 50))
        (loop $again
            (call $free (call $malloc (local.get $i)))
            (drop (memory.grow (i32.const 1)))
            (drop (call $fib (i32.const 12)))
            call $catches
            call $host
            (call $tail (i32.const 20))
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (br_if $again (local.get $i)))
        (drop (call $fib (i32.const 20)))))"#;

/// The host calls back.
fn with_host(engine: &Engine) -> Linker<State> {
    let mut linker = linker(engine);
    let host = |mut caller: Caller<'_, State>| -> wasmtime::Result<()> {
        let back = caller.get_export("back").and_then(Extern::into_func).unwrap();
        back.typed::<(), ()>(&caller)?.call(&mut caller, ())
    };
    linker.func_wrap("host", "call", host).unwrap();
    linker
}

fn work(mode: Mode) -> (Seen, u64) {
    let (seen, engine) = (Seen::with(|config| config.spans.per_root_max = 10), engine());
    let guest = Guest::with(&seen, &engine, WORK, &options(mode));
    let mut store = store(&seen, &engine);
    let instance = with_host(&engine).instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    drop(store);
    let busy = seen.snapshot().busy_ns;
    (seen, busy)
}

#[test]
fn the_figures_are_those_of_mode_calls() {
    let ((calls, _), (ring, busy)) = (work(Mode::Calls), work(Mode::Ring));
    for weight in [Weight::Calls, Weight::Allocated] {
        assert_eq!(calls.observer.profile().folded(weight), ring.observer.profile().folded(weight), "{weight:?}");
    }
    let exact = |seen: &Seen| -> Vec<String> {
        let functions = seen.snapshot().functions.into_iter().map(|function| {
            let times = (function.calls, function.timed_calls, function.unwound, function.errors);
            let memory = (function.allocations, function.allocated_bytes, function.live_bytes);
            format!("{} {times:?} {memory:?}", function.name)
        });
        let mut functions: Vec<String> = functions.collect();
        functions.sort();
        functions
    };
    assert_eq!(exact(&calls), exact(&ring));
    let snapshot = ring.snapshot();
    assert!(snapshot.functions.iter().all(|function| function.timed_calls == function.calls));
    // Every moment between the first call and the last is somebody's own; each boundary's first and last steps are nobody's.
    let own: u64 = snapshot.functions.iter().map(|function| function.self_ns).sum();
    assert!(own <= busy && own + 2 * 51 * snapshot.clock_resolution_ns >= busy, "{own} of {busy} ns");
    assert!(snapshot.clock_resolution_ns >= 4_096, "{} ns", snapshot.clock_resolution_ns);
    assert!(snapshot.drops.iter().all(|(reason, _)| *reason == DropReason::Omitted), "{:?}", snapshot.drops);
    assert_nested(&ring.spans());
}

#[test]
fn time_goes_to_who_spends_it() {
    let wat = r#"(module
        (func $slow (local $i i32)
            (local.set $i (i32.const 20000000))
            (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
        (func $quick)
        (func $run (export "run") call $quick call $quick call $slow call $quick call $quick))"#;
    let (seen, engine) = (Seen::new(), engine());
    let guest = Guest::with(&seen, &engine, wat, &options(Mode::Ring));
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap();
    let (slow, run) = (seen.function("slow"), seen.function("run"));
    let resolution = seen.snapshot().clock_resolution_ns;
    assert!(slow.self_ns + 2 * resolution >= run.total_ns, "{} of {} ns, {resolution}", slow.self_ns, run.total_ns);
    assert!(seen.function("quick").self_ns <= 2 * resolution);
}

#[test]
fn a_trap_closes_what_records_opened() {
    let wat = r#"(module
        (func $leaf)
        (func $inner call $leaf unreachable)
        (func $middle call $leaf call $inner)
        (func $run (export "run") call $middle)
        (func $fine (export "fine") call $leaf))"#;
    let (seen, engine) = (Seen::new(), engine());
    let guest = Guest::with(&seen, &engine, wat, &options(Mode::Ring));
    let (mut store, instance) = start(&seen, &engine, &guest);
    for round in 1..=3 {
        call(&mut store, &instance, "run").unwrap_err();
        call(&mut store, &instance, "fine").unwrap();
        for name in ["inner", "middle", "run"] {
            assert_eq!(seen.function(name).errors, round, "{name}");
        }
        assert_eq!(seen.calls("leaf"), 3 * round);
    }
    let spans = seen.spans();
    assert_nested(&spans);
    let fine: Vec<_> = spans.iter().filter(|span| span.name == "fine").collect();
    assert!(fine.iter().all(|span| span.parent_span_id.is_empty()), "nothing is below a dead frame");
    assert!(seen.snapshot().drops.is_empty());
}

/// Code of one instance enters another's through a table, past every thunk.
#[test]
fn order_is_kept_among_instances_of_a_store() {
    const OWNER: &str = r#"(module $owner
        (table (export "table") 2 funcref)
        (tag $e (export "e"))
        (func $below)
        (func $entered call $below)
        (func $throws call $below throw $e)
        (elem (i32.const 0) $entered $throws))"#;
    const VISITOR: &str = r#"(module $visitor
        (import "owner" "table" (table 2 funcref))
        (func $own)
        (func $run (export "run")
            call $own
            (call_indirect (i32.const 0))
            call $own
            (block $landing (try_table (catch_all $landing) (call_indirect (i32.const 1))))
            call $own))"#;
    let folded = |mode, closed: &[&str]| {
        let (seen, engine) = (Seen::new(), engine());
        let (mut linker, mut store) = (linker(&engine), store(&seen, &engine));
        let exclude = closed.iter().map(|name| (*name).to_owned()).collect();
        let options = Options { exclude, ..options(mode) };
        let owner = Guest::with(&seen, &engine, OWNER, &options);
        let owner = linker.instantiate(&mut store, &owner.module).unwrap();
        linker.instance(&mut store, "owner", owner).unwrap();
        let visitor = Guest::with(&seen, &engine, VISITOR, &options);
        let instance = linker.instantiate(&mut store, &visitor.module).unwrap();
        (0..3).for_each(|_| call(&mut store, &instance, "run").unwrap());
        drop(store);
        assert!(seen.snapshot().drops.is_empty());
        seen.observer.profile().folded(Weight::Calls)
    };
    for closed in [&[][..], &["entered"], &["throws", "run"]] {
        assert_eq!(folded(Mode::Ring, closed), folded(Mode::Calls, closed), "without {closed:?}");
    }
}

#[test]
fn stores_are_dropped_while_the_clock_ticks() {
    let (seen, engine) = (Seen::new(), engine());
    let guest = Guest::with(&seen, &engine, WORK, &options(Mode::Ring));
    let (running, ready) = (AtomicBool::new(true), Barrier::new(2));
    thread::scope(|scope| {
        // One store runs all the time, so that the clock never rests.
        scope.spawn(|| {
            let mut store = store(&seen, &engine);
            let instance = with_host(&engine).instantiate(&mut store, &guest.module).unwrap();
            ready.wait();
            while running.load(Ordering::Relaxed) {
                call(&mut store, &instance, "run").unwrap();
            }
        });
        ready.wait();
        for round in 0..300 {
            let mut store = store(&seen, &engine);
            let instance = with_host(&engine).instantiate(&mut store, &guest.module).unwrap();
            let back = instance.get_typed_func::<(), ()>(&mut store, "back").unwrap();
            // Without a scope the store counts as running until its boundary ends.
            back.call(&mut store, ()).unwrap();
            match round % 3 {
                0 => drop(store),
                // The instance and its memory go first, the observation later.
                1 => drop(store.into_data()),
                _ => {
                    let stopped = waspect_wasmtime::scope(&mut store, observe, |store| {
                        back.call(store, ())?;
                        Err::<(), _>(wasmtime::format_err!("the host gives up"))
                    });
                    assert!(stopped.is_err());
                }
            }
        }
        running.store(false, Ordering::Relaxed);
    });
    let snapshot = seen.snapshot();
    assert!(snapshot.drops.iter().all(|(reason, _)| *reason == DropReason::Omitted), "{:?}", snapshot.drops);
}

#[test]
fn instances_on_many_threads_add_up() {
    let (seen, engine) = (Seen::new(), engine());
    let guest = Guest::with(&seen, &engine, WORK, &options(Mode::Ring));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let mut store = store(&seen, &engine);
                    let instance = with_host(&engine).instantiate(&mut store, &guest.module).unwrap();
                    call(&mut store, &instance, "run").unwrap();
                }
            });
        }
    });
    assert_eq!(seen.calls("run"), 20);
    assert_eq!(seen.calls("throws"), 20 * 50 * 2 * 6);
    assert_eq!(seen.function("throws").unwound, 20 * 50 * 2 * 6);
}

#[test]
fn an_asynchronous_store_is_observed_too() {
    let (seen, engine) = (Seen::new(), engine());
    let wat = r#"(module
        (import "host" "wait" (func $wait))
        (func $leaf)
        (func $run (export "run") call $leaf call $wait call $leaf)
        (func $fine (export "fine") call $leaf))"#;
    let guest = Guest::with(&seen, &engine, wat, &options(Mode::Ring));
    let mut linker = linker(&engine);
    linker.func_wrap_async("host", "wait", |_: Caller<'_, State>, ()| Box::new(tokio::task::yield_now())).unwrap();
    let mut store = store(&seen, &engine);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let instance = linker.instantiate_async(&mut store, &guest.module).await.unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        let call = waspect_wasmtime::scope_async(&mut store, observe, async |store| run.call_async(store, ()).await);
        call.await.unwrap();
        // Polled once, then dropped: cancelled while it waits.
        let call = waspect_wasmtime::scope_async(&mut store, observe, async |store| run.call_async(store, ()).await);
        let mut call = Box::pin(call);
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(call);
        let fine = instance.get_typed_func::<(), ()>(&mut store, "fine").unwrap();
        let call = waspect_wasmtime::scope_async(&mut store, observe, async |store| fine.call_async(store, ()).await);
        call.await.unwrap();
    });
    assert_eq!([seen.calls("run"), seen.calls("leaf"), seen.calls("fine")], [2, 4, 1]);
    assert!(seen.span("fine").parent_span_id.is_empty());
    assert_nested(&seen.spans());
    assert!(seen.snapshot().drops.is_empty());
}

/// Says `module`, then writes whatever it likes where records stand.
const HOSTILE: &str = r#"(module
    (import "waspect/hooks" "module" (func $module (param i32 i32 i32 i32) (result i32)))
    (import "waspect/hooks" "flush" (func $flush (param i32)))
    (import "waspect/hooks" "unwind_ring" (func $unwind (param i32 i32)))
    (memory (export "waspect_ring") 1 1 shared)
    (global $seed (mut i64) (i64.const 88172645463325252))
    (global $base (mut i32) (i32.const 0))
    (func $wild (result i64)
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 13))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 7))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 17))))
        (global.get $seed))
    (func (export "run") (param $rounds i32) (local $at i32)
        (loop $again
            (global.set $base (call $module (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 16)))
            (local.set $at (i32.const 8192))
            (loop $records
                (i64.store offset=120 (local.get $at)
                    (i64.and (call $wild) (i64.const 0x0000001fffffffff)))
                (br_if $records (local.tee $at (i32.sub (local.get $at) (i32.const 8)))))
            (i32.store offset=64 (i32.const 0) (i32.add (i32.load offset=64 (i32.const 0)) (i32.const 1024)))
            (call $flush (global.get $base))
            (i32.store offset=64 (i32.const 0) (i32.wrap_i64 (call $wild)))
            (call $flush (i32.wrap_i64 (call $wild)))
            (call $unwind (i32.and (i32.wrap_i64 (call $wild)) (i32.const 31)) (i32.wrap_i64 (call $wild)))
            (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))))"#;

#[test]
fn garbage_in_a_ring_is_survived_and_counted() {
    const VICTIM: &str = r#"(module (func $leaf) (func $run (export "run") call $leaf call $leaf))"#;
    let (seen, engine) = (Seen::with(|config| config.limits.depth_max = 1_000), engine());
    let victim = Guest::with(&seen, &engine, VICTIM, &options(Mode::Ring));
    let (mut other, other_instance) = start(&seen, &engine, &victim);
    call(&mut other, &other_instance, "run").unwrap();

    let module = Module::new(&engine, HOSTILE).unwrap();
    let mut hostile = store(&seen, &engine);
    let instance = linker(&engine).instantiate(&mut hostile, &module).unwrap();
    let run = instance.get_typed_func::<i32, ()>(&mut hostile, "run").unwrap();
    waspect_wasmtime::scope(&mut hostile, observe, |store| run.call(store, 1_000)).unwrap();
    drop(hostile);
    let drops = seen.snapshot().drops;
    for reason in [DropReason::Record, DropReason::Token, DropReason::Function] {
        assert!(drops.iter().any(|(dropped, count)| *dropped == reason && *count > 0), "{reason:?}: {drops:?}");
    }

    call(&mut other, &other_instance, "run").unwrap();
    assert_eq!([seen.calls("leaf"), seen.calls("run")], [4, 2]);
}

#[test]
fn an_engine_without_shared_memory_is_named_with_its_remedy() {
    let seen = Seen::new();
    let text = |error: Error| error.to_string();
    let error = text(check_ring(&Engine::default()).unwrap_err());
    assert!(error.contains("Config::shared_memory") && error.contains("mode calls"), "{error}");
    let mut config = Config::new();
    config.wasm_multi_memory(false);
    let error = text(check_ring(&Engine::new(&config).unwrap()).unwrap_err());
    assert!(error.contains("wasm_multi_memory") && error.contains("mode calls"), "{error}");
    check_ring(&engine()).unwrap();

    let bytes = waspect_instrumenter::instrument(&wat::parse_str("(module (func $f))").unwrap(), &options(Mode::Ring));
    let bytes = bytes.unwrap().bytes;
    let module = Module::new(&Engine::default(), &bytes).unwrap();
    let error = text(seen.observer.add_module(&module, &bytes).unwrap_err());
    assert!(error.contains("Config::shared_memory"), "{error}");
}

#[test]
fn gates_close_in_a_running_guest() {
    let (seen, engine) = (Seen::with(|config| config.overhead_budget = 0.0), engine());
    let guest = Guest::with(&seen, &engine, WORK, &options(Mode::Ring));
    let mut store = store(&seen, &engine);
    let instance: Instance = with_host(&engine).instantiate(&mut store, &guest.module).unwrap();
    let mut rounds = 0;
    while !seen.snapshot().functions.iter().any(|function| function.untimed) {
        call(&mut store, &instance, "run").unwrap();
        rounds += 1;
        assert!(rounds < 10_000, "the governor closes no gate");
    }
    call(&mut store, &instance, "run").unwrap();
    let snapshot = seen.snapshot();
    assert_eq!(seen.calls("run"), rounds + 1);
    assert!(snapshot.functions.iter().any(|function| function.untimed && function.timed_calls < function.calls));
}
