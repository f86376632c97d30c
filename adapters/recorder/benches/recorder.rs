//! What recording costs: a call at any depth (bars S2, S3), a span against opentelemetry_sdk's span path (bar S3), and a recorder's
//! life. `cargo bench -p waspect-recorder` prints one line a figure; the median of several rounds.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use prost::Message;
use waspect_abi::Manifest;
use waspect_abi::manifest::Function;
use waspect_recorder::{Aggregator, Config, Outcome, Recorder, Resource, Timestamp};

const ROUNDS: usize = 9;
const CALLS: u64 = 1_000_000;
const SPANS: u64 = 100_000;
const SPANS_IN_ROOT: u64 = 10;

fn main() {
    let shallow = median(|| calls_at(10));
    let deep = median(|| calls_at(100_000));
    println!("enter + exit at depth 10:      {shallow:6.1} ns (clock reads excluded)");
    println!("enter + exit at depth 100,000: {deep:6.1} ns, x{:.2}", deep / shallow);
    let mixed = median(recursive_calls);
    println!("enter + exit in a tree of calls: {mixed:4.1} ns");
    let ours = median(spans_of_ours);
    let theirs = median(spans_of_the_sdk);
    println!("a call to an encoded OTLP span: {ours:5.1} ns");
    println!("opentelemetry_sdk's span path:  {theirs:5.1} ns, x{:.1} of ours", theirs / ours);
    println!("a request: reset, module, 20 functions, drain, merge: {:.2} us", median(requests) / 1e3);
}

/// Nanoseconds a unit, the median of several rounds; the first is warm-up.
fn median(mut round: impl FnMut() -> f64) -> f64 {
    round();
    let mut figures: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    figures.sort_by(f64::total_cmp);
    figures[ROUNDS / 2]
}

fn timed(units: u64, work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as f64 / units as f64
}

fn manifest() -> Arc<Manifest> {
    let function = |index| Function { index, name: format!("module::function_{index}"), ..Function::default() };
    Arc::new(Manifest {
        build: 1 << 32 | 2,
        name: "bench".to_owned(),
        function_count: 100,
        functions: (0..100).map(function).collect(),
        ..Manifest::default()
    })
}

fn recorder(min_duration_ns: u64) -> (Recorder, Aggregator, u32) {
    let mut config = Config::default();
    config.limits.depth_max = 200_000;
    config.spans.min_duration_ns = min_duration_ns;
    let mut recorder = Recorder::new(&config, Some([3; 16]));
    recorder.add_manifest(manifest());
    let base = recorder.module(Timestamp(0), 0, 1, 2, 100);
    (recorder, Aggregator::new(&config, Resource::default(), 0), base)
}

/// Calls of one function from the same caller, with so many frames below it.
fn calls_at(depth: u64) -> f64 {
    let (mut recorder, _, base) = recorder(u64::MAX);
    recorder.scope_begin(Timestamp(0), 0, None);
    for _ in 0..depth {
        recorder.enter(Timestamp(0), base + 1);
    }
    let mut time = 0;
    timed(CALLS, || {
        for _ in 0..CALLS {
            time += 20;
            let token = recorder.enter(Timestamp(time), black_box(base + 7));
            time += 20;
            recorder.exit(Timestamp(time), token);
        }
    })
}

/// A binary tree of calls over eight functions: every level another one.
fn recursive_calls() -> f64 {
    fn call(recorder: &mut Recorder, time: &mut u64, base: u32, level: u32) {
        *time += 15;
        let token = recorder.enter(Timestamp(*time), base + level % 8);
        if level > 0 {
            call(recorder, time, base, level - 1);
            call(recorder, time, base, level - 1);
        }
        *time += 15;
        recorder.exit(Timestamp(*time), token);
    }
    let (mut recorder, _, base) = recorder(u64::MAX);
    recorder.scope_begin(Timestamp(0), 0, None);
    let mut time = 0;
    timed((1 << 19) - 1, || call(&mut recorder, &mut time, base, 18))
}

/// From the call to the bytes of the request, everything included.
fn spans_of_ours() -> f64 {
    let (mut recorder, mut aggregator, base) = recorder(0);
    let mut time = 0;
    let mut bytes = 0;
    let figure = timed(SPANS, || {
        for root in 0..SPANS / SPANS_IN_ROOT {
            let scope = recorder.scope_begin(Timestamp(time), time, None);
            let main = recorder.enter(Timestamp(time), base);
            for child in 1..SPANS_IN_ROOT as u32 {
                let token = recorder.enter(Timestamp(time), base + child);
                time += 1_000;
                recorder.exit(Timestamp(time), token);
            }
            recorder.exit(Timestamp(time), main);
            recorder.scope_end(Timestamp(time), scope, &Outcome::Returned);
            if root % 50 == 49 {
                aggregator.merge(recorder.drain(Timestamp(time)));
                bytes += aggregator.take_traces().map_or(0, |batch| batch.bytes.len());
            }
        }
    });
    assert!(black_box(bytes) > SPANS as usize * 100);
    figure
}

/// Keeps what it is given, as a batch processor does.
#[derive(Clone, Debug, Default)]
struct Keep(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Keep {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().append(&mut batch);
        Ok(())
    }
}

/// The same spans through the SDK and its own encoding: two attributes each, parents included.
fn spans_of_the_sdk() -> f64 {
    let keep = Keep::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(keep.clone()).build();
    let tracer = provider.tracer("bench");
    let names: Vec<String> = (0..100).map(|index| format!("module::function_{index}")).collect();
    let resource = ResourceAttributesWithSchema::default();
    let mut bytes = 0;
    let figure = timed(SPANS, || {
        for root in 0..SPANS / SPANS_IN_ROOT {
            let start = |name: &String, parent: &opentelemetry::Context| {
                let attributes =
                    [KeyValue::new("code.function.name", name.clone()), KeyValue::new("wasm.module.name", "bench")];
                let builder = tracer.span_builder(name.clone()).with_kind(SpanKind::Internal);
                builder.with_attributes(attributes).start_with_context(&tracer, parent)
            };
            let main = start(&names[0], &opentelemetry::Context::new());
            let context = opentelemetry::trace::TraceContextExt::with_remote_span_context(
                &opentelemetry::Context::new(),
                main.span_context().clone(),
            );
            for name in names.iter().take(SPANS_IN_ROOT as usize).skip(1) {
                start(name, &context).end();
            }
            drop(main);
            if root % 50 == 49 {
                let spans = std::mem::take(&mut *keep.0.lock().unwrap());
                let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
                bytes += ExportTraceServiceRequest { resource_spans }.encode_to_vec().len();
            }
        }
    });
    assert!(black_box(bytes) > SPANS as usize * 100);
    figure
}

/// An instance for each request: what a recorder costs that is used again.
fn requests() -> f64 {
    const REQUESTS: u64 = 5_000;
    let (mut recorder, mut aggregator, _) = recorder(100_000);
    timed(REQUESTS, || {
        for request in 0..REQUESTS {
            recorder.reset(Some([request as u8; 16]));
            let base = recorder.module(Timestamp(0), 0, 1, 2, 100);
            let scope = recorder.scope_begin(Timestamp(0), 0, None);
            let main = recorder.enter(Timestamp(1), base);
            for function in 1..20 {
                let token = recorder.enter(Timestamp(2), base + function);
                recorder.exit(Timestamp(3), token);
            }
            recorder.exit(Timestamp(4), main);
            recorder.scope_end(Timestamp(5), scope, &Outcome::Returned);
            recorder.instance_end(Timestamp(6), base, 65_536);
            aggregator.merge(recorder.drain(Timestamp(7)));
            black_box(aggregator.take_traces());
        }
    })
}
