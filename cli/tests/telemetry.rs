//! What a run tells is the same in every form: summary, OTLP/JSON lines, pprof, folded stacks, flame graph.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{guest, json, stderr, waspect};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use waspect_abi::semconv::{attribute, metric};

/// A run of guest `work` with every output, in a directory.
fn run(directory: &Path, extra: &[&str]) -> serde_json::Value {
    let file = |name: &str| directory.join(name).into_os_string();
    let output = waspect(["run", "--summary", "json", "--min-duration", "0us", "--budget", "inf"])
        .args(["--summary-file".into(), file("summary.json"), "--trace".into(), file("trace.jsonl")])
        .args(["--pprof".into(), file("profile.pb"), "--folded".into(), file("folded.txt")])
        .args(["--flamegraph".into(), file("flame.svg")])
        .args(extra)
        .arg(guest("work"))
        .env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    json(&directory.join("summary.json"))
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// The lines of a trace file.
fn lines(file: &Path) -> (Vec<Span>, ExportMetricsServiceRequest, String) {
    let (mut spans, mut metrics, mut service) = (Vec::new(), None, String::new());
    for line in std::fs::read_to_string(file).unwrap().lines() {
        if line.starts_with(r#"{"resourceSpans""#) {
            let request: ExportTraceServiceRequest = serde_json::from_str(line).unwrap();
            for resource in request.resource_spans {
                service = text(&resource.resource.unwrap().attributes, attribute::SERVICE_NAME).unwrap();
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        } else {
            metrics = Some(serde_json::from_str(line).unwrap());
        }
    }
    (spans, metrics.expect("metrics in the trace file"), service)
}

/// Points of a sum of integers by function name.
fn by_function(request: &ExportMetricsServiceRequest, name: &str) -> BTreeMap<String, i64> {
    let metrics =
        request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
    let points = metrics.filter(|metric| metric.name == name).flat_map(|metric| match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => &sum.data_points,
        other => panic!("{name} is {other:?}"),
    });
    points
        .map(|point| match point.value {
            Some(number_data_point::Value::AsInt(value)) => {
                (text(&point.attributes, attribute::CODE_FUNCTION_NAME).unwrap(), value)
            }
            other => panic!("{name} has {other:?}"),
        })
        .collect()
}

/// A figure of the summary by function name, without zeros.
fn of_summary(summary: &serde_json::Value, figure: &str) -> BTreeMap<String, i64> {
    let lists = ["functions", "host_calls"].into_iter().flat_map(|list| summary[list].as_array().unwrap());
    let figures =
        lists.map(|function| (function["name"].as_str().unwrap().to_owned(), function[figure].as_i64().unwrap()));
    figures.filter(|(_, value)| *value != 0).collect()
}

#[test]
fn metrics_and_summary_agree_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let summary = run(directory.path(), &[]);
    let (spans, metrics, service) = lines(&directory.path().join("trace.jsonl"));
    assert_eq!(service, "work");
    for (metric, figure) in [
        (metric::WASM_FUNCTION_CALLS, "calls"),
        (metric::WASM_FUNCTION_ALLOCATIONS, "allocations"),
        (metric::WASM_FUNCTION_ALLOCATED, "allocated_bytes"),
    ] {
        let mut points = by_function(&metrics, metric.name);
        points.retain(|_, value| *value != 0);
        assert_eq!(points, of_summary(&summary, figure), "{}", metric.name);
    }
    assert_eq!(of_summary(&summary, "calls")["fib"], 1973);
    assert_eq!(of_summary(&summary, "allocated_bytes")["keep"], 2000);
    assert_eq!(of_summary(&summary, "live_bytes")["keep"], 2000);
    assert_eq!(of_summary(&summary, "allocated_bytes")["release"], 24);
    assert_eq!(summary["spans"].as_u64().unwrap(), spans.len() as u64);
}

#[test]
fn spans_belong_to_the_callers_trace() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &[]);
    let (spans, _, _) = lines(&directory.path().join("trace.jsonl"));
    let trace = [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
    let caller = [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];
    assert!(spans.iter().all(|span| span.trace_id == trace && span.span_id.len() == 8));
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == caller).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    let ids: std::collections::BTreeSet<&[u8]> = spans.iter().map(|span| &span.span_id[..]).collect();
    assert_eq!(ids.len(), spans.len());
    let orphans = spans.iter().filter(|span| span.parent_span_id != caller && !ids.contains(&span.parent_span_id[..]));
    assert_eq!(orphans.count(), 0);
}

/// The part of pprof's `profile.proto` that totals need, written from its description and not from the recorder's.
#[derive(Clone, PartialEq, Message)]
struct Pprof {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
}

impl Pprof {
    /// Calls by the function on top of the stack.
    fn calls(&self) -> BTreeMap<String, i64> {
        let text = |at: i64| self.string_table[at as usize].as_str();
        let column = self.sample_type.iter().position(|value| text(value.r#type) == "calls").unwrap();
        let name = |location: u64| {
            let location = self.location.iter().find(|one| one.id == location).unwrap();
            let function = self.function.iter().find(|one| one.id == location.line[0].function_id).unwrap();
            text(function.name).to_owned()
        };
        let mut calls = BTreeMap::new();
        for sample in &self.sample {
            *calls.entry(name(sample.location_id[0])).or_default() += sample.value[column];
        }
        calls.retain(|_, calls| *calls != 0);
        calls
    }
}

#[test]
fn the_profile_holds_every_call() {
    let directory = tempfile::tempdir().unwrap();
    let summary = run(directory.path(), &[]);
    let file = directory.path().join("profile.pb");
    let profile = Pprof::decode(&*std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(profile.calls(), of_summary(&summary, "calls"));
    // Where Go is at hand, its own reader has the last word.
    if let Ok(read) = Command::new("go").args(["tool", "pprof", "-raw"]).arg(&file).output() {
        let raw = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.status.success() && raw.contains("fib"), "{raw}{}", stderr(&read));
    }
}

#[test]
fn stacks_and_flame_graphs_show_the_same_weights() {
    let directory = tempfile::tempdir().unwrap();
    for (by, figure) in [("calls", "calls"), ("allocated", "allocated_bytes"), ("time", "self_ns")] {
        let summary = run(directory.path(), &["--flamegraph-by", by]);
        let folded = std::fs::read_to_string(directory.path().join("folded.txt")).unwrap();
        let mut weights = BTreeMap::new();
        for line in folded.lines() {
            let (stack, weight) = line.rsplit_once(' ').unwrap();
            let top = stack.rsplit(';').next().unwrap();
            *weights.entry(top.to_owned()).or_default() += weight.parse::<i64>().unwrap();
        }
        weights.retain(|_, weight| *weight != 0);
        assert_eq!(weights, of_summary(&summary, figure), "{by}");
        let svg = std::fs::read_to_string(directory.path().join("flame.svg")).unwrap();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&svg, options).unwrap();
        assert!(
            document.descendants().any(|node| node.text().is_some_and(|text| text.starts_with("keep (")))
                || by == "calls"
        );
    }
}
