//! The way out: nothing that happens there is felt by a call (bar R3).

use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, Store};
use waspect_wasmtime::{Observer, Signal};

use crate::support::{DEADLINE, Guest, Seen, State, call, linker, start};

const WAT: &str = r#"(module (func $leaf) (func $run (export "run") call $leaf))"#;

#[test]
fn blocked_sink_delays_no_call_and_loses_nothing() {
    let (release, blocked) = sync_channel::<()>(0);
    let (entered, entering) = channel();
    let (spans, counted) = channel();
    let config = waspect_wasmtime::Config {
        spans: waspect_recorder::SpanPolicy { always: vec!["*".into()], ..Default::default() },
        ..Default::default()
    };
    let sink = move |signal, batch: &waspect_wasmtime::Batch| {
        let _ = entered.send(());
        let _ = blocked.recv();
        if signal == Signal::Traces {
            let _ = spans.send(batch.items);
        }
    };
    let observer = Observer::builder().recording(config).sink(sink).build().unwrap();
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    observer.add_manifest(&guest.module, (*guest.manifest).clone()).unwrap();
    let pre = linker(&engine).instantiate_pre(&guest.module).unwrap();

    let once = || {
        let mut store = Store::new(&engine, State { observe: observer.observe(), wasi: None });
        let instance = pre.instantiate(&mut store).unwrap();
        call(&mut store, &instance, "run").unwrap();
    };
    once();
    // A flush that gives up at once still leaves the background thread inside the sink.
    assert!(!observer.flush(Duration::ZERO).complete);
    entering.recv().unwrap();

    // The thread that merges is stuck: all this has to find room, or to stay with its recorder.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    once();
                }
            });
        }
    });
    // A live store fills the queue up, and keeps what does not fit.
    let mut store = Store::new(&engine, State { observe: observer.observe(), wasi: None });
    let instance = pre.instantiate(&mut store).unwrap();
    for _ in 0..1_000 {
        call(&mut store, &instance, "run").unwrap();
    }
    drop(store);

    assert!(!observer.flush(Duration::ZERO).complete);
    drop(release);
    let health = observer.shutdown(DEADLINE);
    assert!(health.complete);
    assert_eq!(health.stores_lost, 0);
    drop(observer);
    assert_eq!(counted.iter().sum::<u64>(), 2 * 1_201);
}

#[test]
fn stuck_sink_does_not_keep_a_process_from_ending() {
    let (_release, blocked) = sync_channel::<()>(0);
    let observer = Observer::builder().sink(move |_, _| _ = blocked.recv()).build().unwrap();
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let mut store = Store::new(&engine, State { observe: observer.observe(), wasi: None });
    let instance = linker(&engine).instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    assert!(!observer.shutdown(Duration::ZERO).complete);
    // What follows goes nowhere, and harms nobody.
    call(&mut store, &instance, "run").unwrap();
    drop(store);
}

#[test]
fn what_is_flushed_is_what_was_recorded() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let (mut store, instance) = start(&seen, &engine, &guest);
    for _ in 0..100 {
        call(&mut store, &instance, "run").unwrap();
    }
    assert_eq!(seen.spans().len(), 200);
    assert_eq!(seen.snapshot().spans, 200);
}
