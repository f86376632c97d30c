//! Provider mode: the host's own OpenTelemetry pipeline carries the guest's spans, sums and gauges.

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use wasmtime::{Engine, Store};
use waspect_abi::semconv;
use waspect_recorder::{SpanPolicy, Temporality};
use waspect_wasmtime::{Config, Observer};

use crate::support::{DEADLINE, Guest, Seen, State, call, linker};

const WAT: &str = r#"(module
    (func $leaf)
    (func $bad (export "bad") unreachable)
    (func $run (export "run") call $leaf call $leaf))"#;

struct Host {
    observer: Observer,
    tracers: SdkTracerProvider,
    spans: InMemorySpanExporter,
    meters: SdkMeterProvider,
    metrics: InMemoryMetricExporter,
    store: Store<State>,
    instance: wasmtime::Instance,
}

impl Host {
    fn new(temporality: Temporality) -> Host {
        let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let meters = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(metrics.clone()).build()).build();
        let policy = SpanPolicy { always: vec!["*".into()], ..SpanPolicy::default() };
        let config = Config { spans: policy, temporality, overhead_budget: f64::INFINITY, ..Config::default() };
        let builder = Observer::builder().recording(config).providers(tracers.clone(), meters.clone());
        let observer = builder.build().unwrap();
        let (seen, engine) = (Seen::new(), Engine::default());
        let guest = Guest::new(&seen, &engine, WAT);
        observer.add_manifest(&guest.module, (*guest.manifest).clone()).unwrap();
        let mut store = Store::new(&engine, State { observe: observer.observe(), wasi: None });
        let instance = linker(&engine).instantiate(&mut store, &guest.module).unwrap();
        Host { observer, tracers, spans, meters, metrics, store, instance }
    }

    fn spans(&self) -> Vec<SpanData> {
        assert!(self.observer.flush(DEADLINE).complete);
        self.spans.get_finished_spans().unwrap()
    }

    /// The sum of a function's calls, as the host's pipeline has it.
    fn calls(&self, name: &str) -> u64 {
        assert!(self.observer.flush(DEADLINE).complete);
        self.metrics.reset();
        self.meters.force_flush().unwrap();
        let mut calls = 0;
        for resource in self.metrics.get_finished_metrics().unwrap() {
            let metrics = resource.scope_metrics().flat_map(|scope| scope.metrics());
            for metric in metrics.filter(|metric| metric.name() == semconv::metric::WASM_FUNCTION_CALLS.name) {
                let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else { panic!("calls are a sum") };
                let of_function = sum
                    .data_points()
                    .filter(|point| point.attributes().any(|attribute| attribute.value.as_str() == name));
                calls += of_function.map(|point| point.value()).sum::<u64>();
            }
        }
        calls
    }
}

#[test]
fn spans_keep_their_tree_below_the_hosts_span() {
    let mut host = Host::new(Temporality::Cumulative);
    let outer = host.tracers.tracer("host").start("request");
    let attached = opentelemetry::Context::new().with_span(outer).attach();
    call(&mut host.store, &host.instance, "run").unwrap();
    drop(attached);
    let spans = host.spans();
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (outer, run) = (span("request"), span("run"));
    assert_eq!(run.parent_span_id, outer.span_context.span_id());
    let leaves: Vec<_> = spans.iter().filter(|span| span.name == "leaf").collect();
    assert_eq!(leaves.len(), 2);
    for leaf in leaves {
        assert_eq!(leaf.parent_span_id, run.span_context.span_id());
        assert_eq!(leaf.span_context.trace_id(), outer.span_context.trace_id());
        assert!(run.start_time <= leaf.start_time && leaf.end_time <= run.end_time);
    }
}

#[test]
fn trap_arrives_with_its_error() {
    let mut host = Host::new(Temporality::Cumulative);
    call(&mut host.store, &host.instance, "bad").unwrap_err();
    let spans = host.spans();
    let bad = spans.iter().find(|span| span.name == "bad").unwrap();
    assert!(matches!(bad.status, opentelemetry::trace::Status::Error { .. }));
    assert!(bad.events.iter().any(|event| event.name == "exception"));
    assert!(bad.attributes.iter().any(|attribute| attribute.value.as_str() == "unreachable"));
}

#[test]
fn sums_are_exact_over_several_exports() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let mut host = Host::new(temporality);
        for calls in 1..=3 {
            call(&mut host.store, &host.instance, "run").unwrap();
            assert_eq!((host.calls("run"), host.calls("leaf")), (calls, 2 * calls));
        }
    }
}
