//! Real back ends take what `waspect run` sends, and give it back as it was: Jaeger, and the OpenTelemetry Collector.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use waspect_tests::back_ends::{self, Collector, Jaeger, JaegerSpan, Run, Span};

const TEXT: &str = "the quick brown fox jumps over the lazy dog and the dog does not mind\n";

/// Every call becomes a span, and none goes untimed: what is compared is more than a root.
const EVERY_CALL: [&str; 4] = ["--min-duration", "0us", "--budget", "inf"];

/// Jaeger refuses metrics.
const TRACES_ONLY: [(&str, &str); 1] = [("OTEL_METRICS_EXPORTER", "none")];

#[test]
fn jaeger_gives_back_the_spans_of_a_run() {
    let jaeger = Jaeger::start();
    let run = run("rust-work", &["5", "3"], TEXT, Some(&jaeger.http_url()), &TRACES_ONLY);
    assert_eq!(run.code, Some(3), "the guest's own exit code");
    assert!(run.stdout.ends_with("queens(5) = 10\ntree(5) = 57\nleaked 500 bytes\n"), "{}", run.stdout);
    assert_all_sent(&run);

    assert!(jaeger.services().contains(&"rust-work".to_owned()), "{:?}", jaeger.services());
    let spans = run.trace.spans;
    let roots: Vec<_> = spans.iter().filter(|span| span.ids[2].is_empty()).collect();
    assert_eq!(roots.len(), 1, "one call from the host, one root: {roots:#?}");
    assert!(
        spans.iter().any(|span| span.name.ends_with("rust_work::queens")),
        "functions have their names: {:?}",
        names(&spans)
    );
    same_spans(&spans, &jaeger.spans("rust-work"));
}

#[test]
fn jaeger_shows_a_trap_with_its_error_and_its_exception() {
    let jaeger = Jaeger::start();
    let run = run("rust-trap", &["unreachable"], "", Some(&jaeger.http_url()), &TRACES_ONLY);
    assert_eq!(run.code, Some(134), "a trap ends like an aborted process");
    assert_all_sent(&run);

    let received = jaeger.spans("rust-trap");
    same_spans(&run.trace.spans, &received);
    let failed: Vec<_> =
        received.iter().filter(|span| span.tags.get("error").is_some_and(|error| error == "true")).collect();
    let with_exception: Vec<_> = failed.iter().filter(|span| has_exception(span)).collect();
    assert_eq!(with_exception.len(), 1, "one exception record, on the trapping frame: {failed:#?}");
    let innermost = with_exception[0];
    assert!(innermost.name.ends_with("rust_trap::innermost"), "{}", innermost.name);
    let exception = innermost.events.iter().find(|event| event.get("event").is_some_and(|name| name == "exception"));
    let exception = exception.expect("it was just seen");
    assert!(exception["exception.stacktrace"].contains("innermost"), "{exception:#?}");
    assert!(exception["exception.message"].contains("unreachable"), "{exception:#?}");

    // The frames below inherit the status (rule X3), up to the root.
    let failed_ids: BTreeSet<_> = failed.iter().map(|span| &span.ids[1]).collect();
    let parents = ancestors(innermost, &received);
    assert!(parents.len() >= 3, "innermost was called by middle, outer, main: {parents:#?}");
    assert!(parents.iter().all(|parent| failed_ids.contains(&parent.ids[1])), "{parents:#?}");
}

#[test]
fn the_collector_receives_over_http_what_the_recorder_counted() {
    let collector = Collector::listen();
    let run = run("c-work", &["300"], "", Some(&collector.http_url()), &[]);
    assert_all_sent(&run);
    same_telemetry(&run, collector);
}

#[test]
fn the_collector_receives_over_grpc_what_the_recorder_counted() {
    let collector = Collector::listen();
    // The protocol goes by the conventional port, or by the environment; these ports are the kernel's choice.
    let run = run(
        "c-work",
        &["300"],
        "",
        Some(&collector.grpc_url()),
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
    );
    assert_all_sent(&run);
    same_telemetry(&run, collector);
}

#[test]
fn the_collector_reads_a_trace_file() {
    for (guest, arguments) in [("rust-work", &["5"][..]), ("rust-trap", &["unreachable"])] {
        let run = run(guest, arguments, TEXT, None, &[]);
        let mut collector = Collector::read(&run.trace_file);
        collector.wait_until_seen(run.trace.spans.len() as u64, run.trace.points.len() as u64);
        let received = collector.finish();
        assert_eq!(canonical_spans(&received.spans), canonical_spans(&run.trace.spans), "{guest}");
        assert_eq!(received.points, run.trace.points, "{guest}");
    }
}

/// What the Collector got is what the trace file holds, and both are what the summary says.
fn same_telemetry(run: &Run, collector: Collector) {
    let received = collector.finish();
    assert_eq!(canonical_spans(&received.spans), canonical_spans(&run.trace.spans));
    let dropped = |points: &[String]| -> Vec<String> {
        // What is said of the export itself goes on changing while it goes on.
        points.iter().filter(|point| !point.starts_with("otel.sdk.")).cloned().collect()
    };
    assert_eq!(dropped(&received.points), dropped(&run.trace.points));

    for (metric, key, scale) in [
        ("wasm.function.calls", "calls", 1.0),
        ("wasm.function.allocations", "allocations", 1.0),
        ("wasm.function.allocated", "allocated_bytes", 1.0),
        ("wasm.function.time", "total_ns", 1e9),
        ("wasm.function.self_time", "self_ns", 1e9),
    ] {
        let told = received.sums_by_function(metric);
        let counted = counted(&run.summary, key);
        assert!(!counted.is_empty(), "the summary counts {key}");
        for (function, expected) in &counted {
            let value = told.get(function).copied().unwrap_or_default() * scale;
            assert_eq!(value.round(), *expected, "{metric} of {function}");
        }
        assert!(
            told.keys().all(|function| counted.contains_key(function) || told[function] == 0.0),
            "{metric} tells of more"
        );
    }
}

/// A figure of the summary by function name, guest functions and host calls alike, zeros left out.
fn counted(summary: &Value, key: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for list in ["functions", "host_calls"] {
        for function in summary[list].as_array().expect("the summary lists functions") {
            let name = function["name"].as_str().expect("a function has a name");
            *sums.entry(name.to_owned()).or_insert(0.0) += function[key].as_u64().expect("a figure is a number") as f64;
        }
    }
    sums.retain(|_, value| *value != 0.0);
    sums
}

/// Everything that was made arrived: nothing dropped, nothing in doubt.
fn assert_all_sent(run: &Run) {
    for sent in [&run.summary["sent"]["spans"], &run.summary["sent"]["points"]] {
        assert_eq!(sent["made"], sent["exported"], "{sent}");
        assert_eq!((&sent["dropped"], &sent["unconfirmed"]), (&Value::from(0), &Value::from(0)), "{sent}");
    }
}

/// Jaeger shows these very spans: names, parents, times, attributes, status, events.
fn same_spans(sent: &[Span], received: &[JaegerSpan]) {
    assert!(sent.len() > 1, "a trace of one span shows no parents");
    let ids = |ids: &[String; 3]| ids.join(" ");
    let sent_ids: Vec<_> = sent.iter().map(|span| ids(&span.ids)).collect();
    assert_eq!(sent_ids, received.iter().map(|span| ids(&span.ids)).collect::<Vec<_>>());
    for (span, shown) in sent.iter().zip(received) {
        let [start, end] = span.start_and_end_ns;
        assert_eq!(span.name, shown.name);
        // Jaeger stores nanoseconds and shows microseconds, cut off.
        assert_eq!([start / 1000, (end - start) / 1000], shown.start_and_duration_us, "{}", span.name);
        for (key, value) in &span.attributes {
            assert_eq!(shown.tags.get(key), Some(value), "{key} of {}: {:#?}", span.name, shown.tags);
        }
        assert_eq!(shown.tags.get("error").is_some_and(|error| error == "true"), span.is_error, "{}", span.name);
        assert_eq!(shown.tags.get("span.kind").map(String::as_str), Some("internal"));
        assert_eq!(span.events.len(), shown.events.len(), "{}", span.name);
        for ((name, attributes), event) in span.events.iter().zip(&shown.events) {
            assert_eq!(event.get("event"), Some(name));
            for key in attributes.keys() {
                assert!(event.contains_key(key), "{key} of {name}: {event:#?}");
            }
        }
    }
}

fn has_exception(span: &JaegerSpan) -> bool {
    span.events.iter().any(|event| event.get("event").is_some_and(|name| name == "exception"))
}

fn ancestors<'a>(span: &JaegerSpan, spans: &'a [JaegerSpan]) -> Vec<&'a JaegerSpan> {
    let mut found: Vec<&JaegerSpan> = Vec::new();
    let mut parent = span.ids[2].clone();
    while let Some(next) = spans.iter().find(|other| other.ids[1] == parent) {
        parent = next.ids[2].clone();
        found.push(next);
    }
    assert!(parent.is_empty(), "a parent that was never received: {parent}");
    found
}

fn canonical_spans(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| &*span.canonical).collect()
}

fn names(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

/// Runs a guest with [`EVERY_CALL`], its telemetry sent to `url`.
fn run(guest: &str, arguments: &[&str], input: &str, url: Option<&str>, environment: &[(&str, &str)]) -> Run {
    let mut options: Vec<_> = EVERY_CALL.iter().map(|option| (*option).to_owned()).collect();
    options.extend(url.map(|url| format!("--otlp={url}")));
    back_ends::run(guest, arguments, input, &options, environment)
}
