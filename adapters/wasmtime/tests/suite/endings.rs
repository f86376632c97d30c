//! Whatever way a call ends, its frames close with that outcome, and the next call is exact (bar R2, rules X1 to X3).

use wasmtime::{Caller, Config, Engine, Error, Linker, Result, Store, Trap};
use waspect_abi::semconv::attribute::{ERROR_TYPE, EXCEPTION_STACKTRACE};

use crate::support::{Guest, Seen, State, assert_nested, attribute, call, linker, observe, start, store};

const OK: i32 = 0;
const ERROR: i32 = 2;

fn status(seen: &Seen, name: &str) -> i32 {
    seen.span(name).status.map_or(OK, |status| status.code)
}

/// After whatever happened: one more call gives one root with one child.
fn next_call_is_exact(seen: &Seen, store: &mut Store<State>, instance: &wasmtime::Instance) {
    let before = seen.spans().len();
    call(store, instance, "fine").unwrap();
    let spans = seen.spans();
    assert_eq!(spans.len(), before + 2);
    let root = seen.span("fine");
    assert!(root.parent_span_id.is_empty());
    assert_eq!(seen.span("leaf").parent_span_id, root.span_id);
    assert_nested(&spans);
}

const FINE: &str = r#"
    (func $leaf)
    (func $fine (export "fine") call $leaf)
"#;

#[test]
fn trap_closes_every_frame_with_its_code_and_the_original_backtrace() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(
        &seen,
        &engine,
        &format!(
            r#"(module $guest {FINE}
                (func $inner unreachable)
                (func $middle call $inner)
                (func $run (export "run") call $middle))"#
        ),
    );
    let (mut store, instance) = start(&seen, &engine, &guest);
    let error = call(&mut store, &instance, "run").unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached), "the error is passed on as it is");

    let inner = seen.span("inner");
    assert_eq!(attribute(&inner, ERROR_TYPE), "unreachable");
    let exception = inner.events.iter().find(|event| event.name == "exception").expect("an exception event");
    let stack = exception.attributes.iter().find(|attribute| attribute.key == EXCEPTION_STACKTRACE).unwrap();
    let stack = format!("{stack:?}");
    for frame in ["0: guest!inner", "1: guest!middle", "2: guest!run"] {
        assert!(stack.contains(frame), "{frame} is missing in {stack}");
    }
    assert!(!stack.contains("3: "), "injected frames show: {stack}");
    for name in ["inner", "middle", "run"] {
        assert_eq!(status(&seen, name), ERROR, "{name}");
    }
    assert_eq!(seen.function("run").errors, 1);
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn backtrace_keeps_original_indices_where_there_are_no_names() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, r#"(module (func) (func unreachable) (func (export "run") call 1))"#);
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap_err();
    let spans = seen.spans();
    let trapped = spans.iter().find(|span| !span.events.is_empty()).unwrap();
    assert_eq!(trapped.name, "func[1]");
    assert!(format!("{:?}", trapped.events).contains("0: <unknown>!func[1]"), "{:?}", trapped.events);
}

fn with_host(engine: &Engine, host: impl Fn(Caller<'_, State>) -> Result<()> + Send + Sync + 'static) -> Linker<State> {
    let mut linker = linker(engine);
    linker.func_wrap("host", "call", host).unwrap();
    linker
}

const HOST: &str = r#"(import "host" "call" (func $host))"#;

#[test]
fn host_error_closes_the_host_call_and_its_callers() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let wat = format!(r#"(module {HOST} {FINE} (func $run (export "run") call $host))"#);
    let guest = Guest::new(&seen, &engine, &wat);
    let mut store = store(&seen, &engine);
    let linker = with_host(&engine, |_| Err(Error::msg("no such user")));
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    let error = call(&mut store, &instance, "run").unwrap_err();
    assert_eq!(error.root_cause().to_string(), "no such user");
    let host = seen.span("host.call");
    assert_eq!(attribute(&host, ERROR_TYPE), "host_error");
    assert!(format!("{:?}", host.events).contains("no such user"));
    assert_eq!(host.parent_span_id, seen.span("run").span_id);
    assert_eq!(status(&seen, "run"), ERROR);
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn exit_is_an_error_unless_its_code_is_0() {
    for (code, expected) in [(0, OK), (3, ERROR)] {
        let (seen, engine) = (Seen::new(), Engine::default());
        let guest = Guest::new(
            &seen,
            &engine,
            &format!(
                r#"(module
                    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                    (memory (export "memory") 1)
                    (func $run (export "run") (call $exit (i32.const {code}))))"#
            ),
        );
        let mut linker = linker(&engine);
        wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |state: &mut State| state.wasi.as_mut().unwrap()).unwrap();
        let mut store = store(&seen, &engine);
        store.data_mut().wasi = Some(wasmtime_wasi::WasiCtxBuilder::new().build_p1());
        let instance = linker.instantiate(&mut store, &guest.module).unwrap();
        let error = call(&mut store, &instance, "run").unwrap_err();
        assert_eq!(error.downcast_ref::<wasmtime_wasi::I32Exit>().unwrap().0, code);
        assert_eq!(status(&seen, "run"), expected, "exit code {code}");
    }
}

#[test]
fn fuel_and_epoch_are_interruptions() {
    let mut config = Config::new();
    config.consume_fuel(true).epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    for (kind, fuel, epochs) in [("fuel", 10_000, 1_000), ("epoch", u64::MAX, 1)] {
        let seen = Seen::new();
        let run = r#"(func $run (export "run") call $leaf call $host (loop $again call $leaf br $again))"#;
        let guest = Guest::new(&seen, &engine, &format!("(module {HOST} {FINE} {run})"));
        let linker = with_host(&engine, |caller| {
            caller.engine().increment_epoch();
            Ok(())
        });
        let mut store = store(&seen, &engine);
        store.set_fuel(fuel).unwrap();
        store.set_epoch_deadline(epochs);
        let instance = linker.instantiate(&mut store, &guest.module).unwrap();
        call(&mut store, &instance, "run").unwrap_err();
        assert_eq!(attribute(&seen.span("run"), ERROR_TYPE), kind);
        assert_eq!(status(&seen, "host.call"), OK, "it returned before");
        let leaves = seen.calls("leaf") as usize;
        assert_eq!(seen.spans().len(), leaves + 2, "every call has one span");

        store.set_fuel(1_000_000).unwrap();
        store.set_epoch_deadline(1_000);
        call(&mut store, &instance, "fine").unwrap();
        assert_eq!(seen.calls("leaf") as usize, leaves + 1);
        assert!(seen.span("fine").parent_span_id.is_empty());
    }
}

fn exceptions() -> Engine {
    let mut config = Config::new();
    config.wasm_exceptions(true);
    Engine::new(&config).unwrap()
}

#[test]
fn exception_through_20_frames_closes_them_as_unwound_and_goes_on() {
    let (seen, engine) = (Seen::new(), exceptions());
    let guest = Guest::new(
        &seen,
        &engine,
        &format!(
            r#"(module {FINE}
                (tag $tag)
                (func $down (param i32)
                    (if (i32.eqz (local.get 0)) (then (throw $tag)))
                    (call $down (i32.sub (local.get 0) (i32.const 1))))
                (func $after)
                (func $run (export "run")
                    (block $caught (try_table (catch $tag $caught) (call $down (i32.const 19))))
                    call $after))"#
        ),
    );
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap();
    let run = seen.span("run");
    assert_eq!(seen.span("after").parent_span_id, run.span_id);
    let spans = seen.spans();
    let down: Vec<_> = spans.iter().filter(|span| span.name == "down").collect();
    assert_eq!(down.len(), 20);
    assert_eq!(down.iter().filter(|span| span.parent_span_id == run.span_id).count(), 1);
    assert_eq!(seen.function("down").unwound, 20);
    assert_eq!(seen.function("down").errors, 0);
    assert_nested(&spans);
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn exception_that_nobody_catches_is_an_error_of_the_call() {
    let (seen, engine) = (Seen::new(), exceptions());
    let wat = format!(r#"(module {FINE} (tag $tag) (func $run (export "run") (throw $tag)))"#);
    let guest = Guest::new(&seen, &engine, &wat);
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap_err();
    assert_eq!(attribute(&seen.span("run"), ERROR_TYPE), "uncaught_exception");
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn import_that_throws_into_a_handler_is_closed_by_the_handler() {
    let (seen, engine) = (Seen::new(), exceptions());
    let guest = Guest::new(
        &seen,
        &engine,
        &format!(
            r#"(module {HOST} {FINE}
                (tag $tag (export "tag"))
                (func $after)
                (func $run (export "run")
                    (block $caught (try_table (catch_all $caught) call $host))
                    call $after))"#
        ),
    );
    let mut store = store(&seen, &engine);
    let linker = with_host(&engine, |mut caller| {
        let tag = caller.get_export("tag").unwrap().into_tag().unwrap();
        let ty = wasmtime::ExnType::from_tag_type(&tag.ty(&caller)).unwrap();
        let pre = wasmtime::ExnRefPre::new(&mut caller, ty);
        let exception = wasmtime::ExnRef::new(&mut caller, &pre, &tag, &[]).unwrap();
        caller.as_context_throw(exception)
    });
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let run = seen.span("run");
    assert_eq!(seen.span("host.call").parent_span_id, run.span_id);
    assert_eq!(seen.span("after").parent_span_id, run.span_id);
    assert_eq!(seen.function("host.call").unwound, 1);
    next_call_is_exact(&seen, &mut store, &instance);
}

/// Throwing, in the words of these tests.
trait Throw {
    fn as_context_throw(&mut self, exception: wasmtime::Rooted<wasmtime::ExnRef>) -> Result<()>;
}

impl Throw for Caller<'_, State> {
    fn as_context_throw(&mut self, exception: wasmtime::Rooted<wasmtime::ExnRef>) -> Result<()> {
        use wasmtime::AsContextMut;
        self.as_context_mut().throw(exception)
    }
}

#[test]
fn callback_through_a_table_that_reenters_an_export_nests_under_the_host_call() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(
        &seen,
        &engine,
        &format!(
            r#"(module {HOST} {FINE}
                (table (export "table") funcref (elem $callback))
                (func $callback call $again)
                (func $again (export "again"))
                (func $after)
                (func $run (export "run") call $host call $after))"#
        ),
    );
    let mut store = store(&seen, &engine);
    let linker = with_host(&engine, |mut caller| {
        let table = caller.get_export("table").unwrap().into_table().unwrap();
        let callback = *table.get(&mut caller, 0).unwrap().unwrap_func().unwrap();
        callback.call(&mut caller, &[], &mut [])?;
        let again = caller.get_export("again").unwrap().into_func().unwrap();
        again.call(&mut caller, &[], &mut [])
    });
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let spans = seen.spans();
    let (run, host, callback) = (seen.span("run"), seen.span("host.call"), seen.span("callback"));
    assert_eq!(host.parent_span_id, run.span_id);
    assert_eq!(callback.parent_span_id, host.span_id);
    assert_eq!(seen.span("after").parent_span_id, run.span_id);
    let again: Vec<_> = spans.iter().filter(|span| span.name == "again").map(|span| &span.parent_span_id).collect();
    assert_eq!(again, [&callback.span_id, &host.span_id]);
    assert_nested(&spans);
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn trap_inside_a_callback_closes_only_what_its_own_scope_opened() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(
        &seen,
        &engine,
        &format!(
            r#"(module {HOST} {FINE}
                (func $bad (export "bad") unreachable)
                (func $after)
                (func $run (export "run") call $host call $after))"#
        ),
    );
    let mut store = store(&seen, &engine);
    let linker = with_host(&engine, |mut caller| {
        let bad = caller.get_export("bad").unwrap().into_func().unwrap();
        let result = waspect_wasmtime::scope(&mut caller, observe, |store| bad.call(store, &[], &mut []));
        assert!(result.is_err());
        Ok(())
    });
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let (run, host) = (seen.span("run"), seen.span("host.call"));
    assert_eq!(status(&seen, "bad"), ERROR);
    assert_eq!(seen.span("bad").parent_span_id, host.span_id);
    assert_eq!(seen.span("after").parent_span_id, run.span_id);
    assert_eq!((status(&seen, "run"), status(&seen, "host.call")), (OK, OK));
    next_call_is_exact(&seen, &mut store, &instance);
}

#[test]
fn dropped_store_closes_its_open_calls_once() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let wat = format!(r#"(module {FINE} (func $bad unreachable) (func $run (export "run") call $bad))"#);
    let guest = Guest::new(&seen, &engine, &wat);
    let (mut store, instance) = start(&seen, &engine, &guest);
    // Without a scope, nothing says that the trap ended the call.
    instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).unwrap_err();
    drop(store);
    let (run, bad) = (seen.span("run"), seen.span("bad"));
    assert_eq!(bad.parent_span_id, run.span_id);
    assert_eq!(attribute(&run, waspect_abi::semconv::attribute::WASM_OUTCOME), "dropped");
    assert_eq!(seen.snapshot().modules[0].instances_ended, 1);
}

#[test]
fn panicking_host_closes_the_scope() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let wat = format!(r#"(module {HOST} {FINE} (func $run (export "run") call $host))"#);
    let guest = Guest::new(&seen, &engine, &wat);
    let mut store = store(&seen, &engine);
    let linker = with_host(&engine, |_| panic!("the host's own bug"));
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&mut store, &instance, "run")));
    assert!(panicked.is_err());
    assert_eq!(attribute(&seen.span("run"), ERROR_TYPE), "panic");
    next_call_is_exact(&seen, &mut store, &instance);
}

mod asynchronous {
    use std::future::{Future, pending};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn dropped_future_closes_its_frames_as_cancelled() {
        let (seen, engine) = (Seen::new(), Engine::default());
        let wat = format!(r#"(module {HOST} {FINE} (func $run (export "run") call $host))"#);
        let guest = Guest::new(&seen, &engine, &wat);
        let mut linker = linker(&engine);
        linker.func_wrap_async("host", "call", |_: Caller<'_, State>, ()| Box::new(pending::<()>())).unwrap();
        let mut store = store(&seen, &engine);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let instance = runtime.block_on(linker.instantiate_async(&mut store, &guest.module)).unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        {
            let mut call = pin!(waspect_wasmtime::scope_async(&mut store, observe, async |store| {
                run.call_async(store, ()).await
            }));
            assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        }
        let span = seen.span("run");
        assert_eq!(attribute(&span, waspect_abi::semconv::attribute::WASM_OUTCOME), "cancelled");
        assert_eq!(status(&seen, "run"), OK);
        assert_eq!(seen.span("host.call").parent_span_id, span.span_id);

        let fine = instance.get_typed_func::<(), ()>(&mut store, "fine").unwrap();
        let call = waspect_wasmtime::scope_async(&mut store, observe, async |store| fine.call_async(store, ()).await);
        runtime.block_on(call).unwrap();
        assert!(seen.span("fine").parent_span_id.is_empty());
    }

    #[test]
    fn futures_may_move_between_threads() {
        let (seen, engine) = (Seen::new(), Engine::default());
        let guest = Guest::new(&seen, &engine, &format!("(module {FINE})"));
        let mut store = store(&seen, &engine);
        let linker = linker(&engine);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let task = runtime.spawn(async move {
            let instance = linker.instantiate_async(&mut store, &guest.module).await?;
            let fine = instance.get_typed_func::<(), ()>(&mut store, "fine")?;
            waspect_wasmtime::scope_async(&mut store, observe, async |mut store| {
                tokio::task::yield_now().await;
                fine.call_async(&mut store, ()).await
            })
            .await
        });
        runtime.block_on(task).unwrap().unwrap();
        assert_eq!(seen.span("leaf").parent_span_id, seen.span("fine").span_id);
    }
}
