//! The governor, end to end: a leaf that is called millions of times goes untimed while it is called.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;
use wasmtime::{Caller, Engine};
use waspect_abi::semconv::metric::WASPECT_FUNCTION_UNTIMED;
use waspect_wasmtime::{Batch, Config, Observer, Signal};

use crate::support::{Guest, Seen, State, call, linker};

/// `run` calls `leaf` 100,000 times, then asks the host whether to do so again.
const WAT: &str = r#"(module
    (import "host" "again" (func $again (result i32)))
    (func $leaf)
    (func $run (export "run") (local $i i32)
        (loop $round
            (local.set $i (i32.const 100000))
            (loop $next
                call $leaf
                (br_if $next (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (br_if $round (call $again)))))"#;
const CALLS_A_ROUND: u64 = 100_000;

/// Rounds after the decision: hooks of two million calls take longer than the time between two ticks.
const ROUNDS_AFTER: u32 = 20;

#[test]
fn a_hot_leaf_goes_untimed_within_one_call_and_its_calls_stay_exact() {
    let metrics = Arc::new(Mutex::new(None));
    let last = metrics.clone();
    let sink = move |signal, batch: &Batch| {
        if signal == Signal::Metrics {
            *last.lock().unwrap() = Some(ExportMetricsServiceRequest::decode(&*batch.bytes).unwrap());
        }
    };
    let observer = Observer::builder().recording(Config::default()).sink(sink).build().unwrap();
    let seen = Seen::of(observer);
    let engine = Engine::default();
    let guest = Guest::new(&seen, &engine, WAT);

    let rounds = Arc::new(Mutex::new((0, ROUNDS_AFTER)));
    let counted = rounds.clone();
    let mut linker = linker(&engine);
    let again = move |caller: Caller<'_, State>| {
        let (rounds, after) = &mut *counted.lock().unwrap();
        *rounds += 1;
        let snapshot = caller.data().observe.observer().snapshot();
        if snapshot.functions.iter().any(|function| function.name == "leaf" && function.untimed) {
            *after -= 1;
        }
        u32::from(*after > 0)
    };
    linker.func_wrap("host", "again", again).unwrap();
    let mut store = crate::support::store(&seen, &engine);
    let instance = linker.instantiate(&mut store, &guest.module).unwrap();
    call(&mut store, &instance, "run").unwrap();
    waspect_wasmtime::collect(&mut store, crate::support::observe).unwrap();

    let rounds = rounds.lock().unwrap().0;
    let leaf = seen.function("leaf");
    assert!(leaf.untimed);
    assert_eq!(leaf.calls, rounds * CALLS_A_ROUND);
    assert!(leaf.timed_calls < leaf.calls, "{leaf:?}");
    let run = seen.function("run");
    assert!(!run.untimed, "one call is not worth a gate");
    assert_eq!((run.calls, run.timed_calls), (1, 1));

    seen.observer.flush(crate::support::DEADLINE);
    let request = metrics.lock().unwrap().take().expect("a flush sends metrics");
    assert_eq!(gauge(&request, WASPECT_FUNCTION_UNTIMED.name), [1]);
}

/// The values of a metric's points.
fn gauge(request: &ExportMetricsServiceRequest, name: &str) -> Vec<i64> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics).filter(|metric| metric.name == name);
    let points = metrics.flat_map(|metric| match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        other => panic!("{name} is {other:?}"),
    });
    points
        .map(|point| match point.value {
            Some(Value::AsInt(value)) => value,
            other => panic!("{name} has {other:?}"),
        })
        .collect()
}
