//! What stands in a store: instances, modules, recursions, start functions.

use wasmtime::{Engine, Module, Store};

use crate::support::{Guest, Seen, State, assert_nested, call, linker, observe, start, store};

#[test]
fn calls_nest_as_they_were_called() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(
        &seen,
        &engine,
        r#"(module (func $a call $b call $c) (func $b call $c) (func $c) (func $run (export "run") call $a))"#,
    );
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap();
    let spans = seen.spans();
    assert_nested(&spans);
    let (run, a, b) = (seen.span("run"), seen.span("a"), seen.span("b"));
    assert!(run.parent_span_id.is_empty());
    assert_eq!(a.parent_span_id, run.span_id);
    assert_eq!(b.parent_span_id, a.span_id);
    let c: Vec<_> = spans.iter().filter(|span| span.name == "c").map(|span| &span.parent_span_id).collect();
    assert_eq!(c, [&b.span_id, &a.span_id]);
    assert!(spans.iter().all(|span| span.trace_id == run.trace_id));
}

#[test]
fn recursion_counts_every_call_and_its_time_once() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(
        &seen,
        &engine,
        r#"(module
            (func $down (param i32)
                (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
            (func $run (export "run") (call $down (i32.const 999))))"#,
    );
    let (mut store, instance) = start(&seen, &engine, &guest);
    call(&mut store, &instance, "run").unwrap();
    let (run, down) = (seen.function("run"), seen.function("down"));
    assert_eq!(down.calls, 1_000);
    assert!(down.total_ns <= run.total_ns, "{} > {}", down.total_ns, run.total_ns);
}

#[test]
fn every_call_of_the_host_is_a_root_of_its_own() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, r#"(module (func $run (export "run")))"#);
    let (mut store, instance) = start(&seen, &engine, &guest);
    for _ in 0..3 {
        call(&mut store, &instance, "run").unwrap();
    }
    let mut traces: Vec<_> = seen.spans().into_iter().map(|span| span.trace_id).collect();
    traces.dedup();
    assert_eq!(traces.len(), 3);
}

#[test]
fn one_scope_around_several_calls_is_one_trace() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, r#"(module (func $run (export "run")))"#);
    let (mut store, instance) = start(&seen, &engine, &guest);
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    waspect_wasmtime::scope(&mut store, observe, |mut store| {
        run.call(&mut store, ())?;
        waspect_wasmtime::scope(&mut store, observe, |store| run.call(store, ()))
    })
    .unwrap();
    assert_eq!(seen.names(), ["run", "run"]);
}

#[test]
fn modules_in_one_store_keep_their_names_apart() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let library =
        Guest::new(&seen, &engine, r#"(module $library (func $help (export "help") call $deep) (func $deep))"#);
    let wat = r#"(module $program (import "library" "help" (func $help)) (func $run (export "run") call $help))"#;
    let program = Guest::new(&seen, &engine, wat);
    let (mut linker, mut store) = (linker(&engine), store(&seen, &engine));
    let instance = linker.instantiate(&mut store, &library.module).unwrap();
    linker.instance(&mut store, "library", instance).unwrap();
    let instance = linker.instantiate(&mut store, &program.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    let spans = seen.spans();
    assert_nested(&spans);
    // The program's call of an import, and what the library makes of it.
    let chain = ["run", "library.help", "help", "deep"];
    for pair in chain.windows(2) {
        assert_eq!(seen.span(pair[1]).parent_span_id, seen.span(pair[0]).span_id, "{pair:?}");
    }
    assert_eq!(spans.len(), chain.len());
    assert_eq!(seen.snapshot().modules.len(), 2);
}

#[test]
fn start_function_is_a_root() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, r#"(module (func $init call $leaf) (func $leaf) (start $init))"#);
    let (store, _) = start(&seen, &engine, &guest);
    drop(store);
    let init = seen.span("init");
    assert!(init.parent_span_id.is_empty());
    assert_eq!(seen.span("leaf").parent_span_id, init.span_id);
}

#[test]
fn module_that_is_not_known_is_recorded_without_names() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let original = wat::parse_str(r#"(module (func $leaf) (func $run (export "run") call $leaf))"#).unwrap();
    let bytes = waspect_instrumenter::instrument(&original, &Default::default()).unwrap().bytes;
    let module = Module::new(&engine, &bytes).unwrap();
    let mut store = store(&seen, &engine);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    assert!(waspect_wasmtime::attach(&mut store, &instance, observe).is_err());
    assert_eq!(seen.names(), ["func[1]"], "no policy knows a function without a name");
    assert_eq!(seen.calls("func[0]"), 1);

    // Made known, the next store has them.
    seen.observer.add_module(&module, &bytes).unwrap();
    let mut store = crate::support::store(&seen, &engine);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    assert_eq!(seen.names()[1..], ["run", "leaf"]);
}

#[test]
fn module_that_was_never_instrumented_is_left_alone() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let wasm = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    let module = Module::new(&engine, &wasm).unwrap();
    let error = seen.observer.add_module(&module, &wasm).unwrap_err();
    assert!(error.to_string().contains("instrument it first"), "{error}");
    let mut store = store(&seen, &engine);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    assert!(seen.spans().is_empty());
}

#[test]
fn switched_off_observer_lets_everything_run() {
    let engine = Engine::default();
    let seen = Seen::new();
    let guest = Guest::new(&seen, &engine, r#"(module (func $run (export "run")))"#);
    let off = |name: &str| (name == "OTEL_SDK_DISABLED").then(|| "true".to_owned());
    let observer = waspect_wasmtime::Observer::builder().variables(off).unwrap().build().unwrap();
    let mut store = Store::new(&engine, State { observe: observer.observe(), wasi: None });
    let instance = linker(&engine).instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    drop(store);
    assert!(observer.snapshot().functions.is_empty());
    assert!(observer.shutdown(crate::support::DEADLINE).complete);
}
