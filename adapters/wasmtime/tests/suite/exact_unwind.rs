//! `--exact-unwind`: a call that an exception leaves is over at that moment, whoever catches it (rule U5).

use wasmtime::{Config, Engine, ExnRef, ExnRefPre, ExnType};
use waspect_abi::manifest::Mode;
use waspect_abi::semconv::attribute::ERROR_TYPE;
use waspect_instrumenter::Options;

use crate::support::{Guest, Seen, assert_nested, attribute, call, linker, observe, start, store};

/// `run` catches, and is not observed: no handler says anything.
const CAUGHT_UNSEEN: &str = r#"(module $guest
    (tag $tag)
    (func $throw (throw $tag))
    (func $through (call $throw))
    (func $after)
    (func $run
        (block $caught (try_table (catch $tag $caught) (call $through)))
        (call $after))
    (func $outer (export "outer") (call $run)))"#;

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true).shared_memory(true);
    Engine::new(&config).unwrap()
}

fn exact(mode: Mode) -> Options {
    Options { mode, exact_unwind: true, exclude: vec!["run".to_owned()], ..Options::default() }
}

/// The parent's name of the call after the exception, and how many calls exceptions left, once all is over.
fn after(options: &Options) -> (String, u64) {
    let (seen, engine) = (Seen::new(), engine());
    let guest = Guest::with(&seen, &engine, CAUGHT_UNSEEN, options);
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "outer").unwrap();
    drop(store);
    let spans = seen.spans();
    assert_nested(&spans);
    let parent = seen.span("after").parent_span_id;
    let name = spans.iter().find(|span| span.span_id == parent).map(|span| span.name.clone());
    (name.unwrap_or_default(), seen.function("throw").unwound + seen.function("through").unwound)
}

#[test]
fn what_follows_hangs_under_whoever_called_it_though_the_handler_says_nothing() {
    for mode in [Mode::Calls, Mode::Ring] {
        assert_eq!(after(&exact(mode)), ("outer".to_owned(), 2), "{mode:?}");
        let inexact = Options { exact_unwind: false, ..exact(mode) };
        assert_eq!(after(&inexact), ("throw".to_owned(), 2), "{mode:?}, without: this is what the option is for");
    }
}

#[test]
fn an_exception_that_nobody_catches_is_still_an_error_of_the_call() {
    for mode in [Mode::Calls, Mode::Ring] {
        let (seen, engine) = (Seen::new(), engine());
        let wat = r#"(module $guest
            (tag $tag)
            (func $inner (throw $tag))
            (func $unused (block $caught (try_table (catch $tag $caught) (call $inner))))
            (func $run (export "run") (call $inner)))"#;
        let guest = Guest::with(&seen, &engine, wat, &Options { exclude: Vec::new(), ..exact(mode) });
        let (mut store, instance) = start(&seen, &engine, &guest);
        call(&mut store, &instance, "run").unwrap_err();
        drop(store);
        assert_eq!(attribute(&seen.span("run"), ERROR_TYPE), "uncaught_exception", "{mode:?}");
        assert_eq!(attribute(&seen.span("inner"), ERROR_TYPE), "", "{mode:?}: it was over");
        let (run, inner) = (seen.function("run"), seen.function("inner"));
        assert_eq!((run.errors, run.unwound, inner.errors, inner.unwound), (1, 0, 0, 1), "{mode:?}");
    }
}

#[test]
fn an_import_that_throws_is_over_though_the_handler_says_nothing() {
    let (seen, engine) = (Seen::new(), engine());
    let wat = r#"(module $guest
        (import "host" "call" (func $host))
        (tag $tag (export "tag"))
        (func $after)
        (func $run
            (block $caught (try_table (catch $tag $caught) (call $host)))
            (call $after))
        (func $outer (export "outer") (call $run)))"#;
    let guest = Guest::with(&seen, &engine, wat, &exact(Mode::Calls));
    let mut linker = linker(&engine);
    let throws = |mut caller: wasmtime::Caller<'_, crate::support::State>| -> wasmtime::Result<()> {
        let tag = caller.get_export("tag").unwrap().into_tag().unwrap();
        let r#type = ExnType::from_tag_type(&tag.ty(&caller))?;
        let pre = ExnRefPre::new(&mut caller, r#type);
        let exception = ExnRef::new(&mut caller, &pre, &tag, &[])?;
        wasmtime::AsContextMut::as_context_mut(&mut caller).throw(exception)
    };
    linker.func_wrap("host", "call", throws).unwrap();
    let mut store = store(&seen, &engine);
    let instance =
        waspect_wasmtime::scope(&mut store, observe, |store| linker.instantiate(store, &guest.module)).unwrap();
    call(&mut store, &instance, "outer").unwrap();
    assert_eq!(seen.function("host.call").unwound, 1);
    assert_eq!(seen.span("after").parent_span_id, seen.span("outer").span_id);
}
