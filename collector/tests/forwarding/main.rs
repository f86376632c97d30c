//! What is acknowledged reaches every endpoint, whatever becomes of them and of us in between.

mod metrics;
mod sampling;
mod sink;
mod tls;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use sink::{Mood, Sink};
use tokio::net::TcpStream;
use waspect_collector::{Collector, config};

const QUICK: &str = "retry_on_failure: {initial_interval: 20ms, max_interval: 100ms}, tls: {insecure: true}";

async fn start(directory: &Path, exporters: &str, more: &str) -> Collector {
    let yaml = format!("exporters: {exporters}\n{more}");
    let ports = ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]
        .map(|place| (format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0".to_owned()));
    let place = ("WASPECT_COLLECT__STORAGE__DIRECTORY".to_owned(), directory.display().to_string());
    let config = config::load(&yaml, ports.into_iter().chain([place])).unwrap();
    Collector::start(&config).await.unwrap()
}

fn address(collector: &Collector, place: &str) -> SocketAddr {
    collector.addresses.iter().find(|(name, _)| name.ends_with(place)).expect("it listens").1
}

/// A request of one span that carries a number, and as many bytes as wanted.
fn request(number: u64, bytes: usize) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: "x".repeat(bytes),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

async fn send(collector: &Collector, numbers: std::ops::Range<u64>) {
    let url = format!("http://{}", address(collector, "grpc"));
    let mut client = TraceServiceClient::connect(url).await.unwrap();
    for number in numbers {
        client.export(request(number, 1)).await.unwrap();
    }
}

/// One figure of `/metrics`: the sum of the series whose lines begin so and hold this.
async fn figure(collector: &Collector, name: &str, label: &str) -> u64 {
    let stream = TcpStream::connect(address(collector, "query")).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::get("/metrics").header("host", "localhost").body(Full::<bytes::Bytes>::default()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), asking).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stores_here_what_it_was_sent_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    let exporters = format!("{{otlp/jaeger: {{endpoint: \"{}\", {QUICK}}}}}", sink.grpc);
    let collector = start(directory.path(), &exporters, "").await;
    let url = format!("http://{}", address(&collector, "remote_storage"));
    let mut storing = TraceServiceClient::connect(url).await.unwrap();
    // Its own spans are stored here, and forwarded as all others.
    storing.export(request(1, 1)).await.unwrap();
    send(&collector, 2..3).await;
    until("both are forwarded", async || sink.grpc_count() == 2).await;
    for number in [1, 2] {
        let refused = storing.export(request(number, 1)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused:?}");
        assert!(refused.message().contains("cannot be one of its exporters"), "{refused:?}");
    }
    assert_eq!(figure(&collector, "waspect_collector_refused_total", "\"loop\"").await, 2);
    storing.export(request(3, 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_was_away_gets_all_of_it_through_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = Sink::start().await;
    let exporters = format!(
        "{{otlp/grpc: {{endpoint: \"{0}\", {QUICK}}}, otlphttp/zstd: {{endpoint: \"http://{1}\", compression: zstd, {QUICK}}}}}",
        sink.grpc, sink.http
    );
    let collector = start(directory.path(), &exporters, "").await;
    send(&collector, 0..50).await;
    until("both got all of it", async || sink.grpc_count() == 50 && sink.http_count() == 50).await;

    sink.stop();
    send(&collector, 50..150).await;
    until("it tries again", async || figure(&collector, "waspect_collector_forward_retries_total", "").await > 4).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap(), "it does not wait for who is away");

    // While it was away, and before it is back.
    let collector = start(directory.path(), &exporters, "").await;
    send(&collector, 150..200).await;
    sink.resume();
    until("both got all of it", async || sink.grpc_count() >= 200 && sink.http_count() >= 200).await;
    let expected: BTreeSet<u64> = (1..=200).collect();
    assert_eq!((sink.grpc_numbers(), sink.http_numbers()), (expected.clone(), expected));
    let repeated = (sink.grpc_received() - 200, sink.http_received() - 200);
    assert!(repeated.0 <= 50 && repeated.1 <= 50, "repeated are at most those of the last second: {repeated:?}");
    until("nothing is behind", async || figure(&collector, "waspect_collector_forward_behind", "").await == 0).await;
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());

    // And nothing is sent again after an end in good order.
    let before = sink.grpc_received();
    let collector = start(directory.path(), &exporters, "").await;
    send(&collector, 200..201).await;
    until("it goes on", async || sink.grpc_count() == 201).await;
    assert_eq!(sink.grpc_received(), before + 1);
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_counted_and_blocks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    sink.set_mood(|number| match number {
        3 => Mood::Refuse,
        5 => Mood::Partly,
        7 => Mood::LaterOnce,
        _ => Mood::Take,
    });
    let exporters = format!(
        "{{otlp/a: {{endpoint: \"{}\", {QUICK}}}, otlphttp/b: {{endpoint: \"http://{}\", {QUICK}}}}}",
        sink.grpc, sink.http
    );
    let collector = start(directory.path(), &exporters, "").await;
    send(&collector, 0..10).await;
    let figure = async |name: &str, label: &str| figure(&collector, name, label).await;
    for (exporter, count) in [("otlp/a", 8), ("otlphttp/b", 8)] {
        let label = format!("waspect_exporter=\"{exporter}\"");
        until("ten are dealt with", async || {
            figure("waspect_collector_forward_sent_total", &label).await == count
                && figure("waspect_collector_forward_dropped_total", &label).await == 2
        })
        .await;
    }
    assert_eq!(figure("waspect_collector_forward_dropped_total", "waspect_drop_reason=\"refused\"").await, 2);
    assert_eq!(figure("waspect_collector_forward_dropped_total", "waspect_drop_reason=\"rejected\"").await, 2);
    assert_eq!(figure("waspect_collector_forward_retries_total", "").await, 2);
    assert!(sink.grpc_numbers().contains(&8) && !sink.grpc_numbers().contains(&4), "numbers are one less than ids");
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelines_decide_who_gets_what_and_json_goes_on_as_protobuf() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Sink::start().await;
    let exporters = format!(
        "{{otlp/traces: {{endpoint: \"{}\", {QUICK}}}, otlphttp/logs: {{endpoint: \"http://{}\", {QUICK}}}}}",
        sink.grpc, sink.http
    );
    let pipelines = "service: {pipelines: {traces: {exporters: [otlp/traces]}, logs: {exporters: [otlphttp/logs]}}}";
    let collector = start(directory.path(), &exporters, pipelines).await;
    let scope_logs = vec![ScopeLogs { log_records: vec![LogRecord::default()], ..ScopeLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    for (path, body) in
        [("/v1/logs", serde_json::to_vec(&logs).unwrap()), ("/v1/traces", serde_json::to_vec(&request(6, 1)).unwrap())]
    {
        let stream = TcpStream::connect(address(&collector, "http")).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::post(path).header("host", "localhost").header("content-type", "application/json");
        let response = sender.send_request(request.body(Full::new(bytes::Bytes::from(body))).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    until("both got theirs", async || sink.grpc_count() == 1 && sink.bodies("/v1/logs").len() == 1).await;
    assert_eq!(sink.grpc_numbers(), BTreeSet::from([7]));
    assert_eq!(sink.bodies("/v1/logs"), [logs.encode_to_vec()]);
    assert_eq!(sink.http_received(), 0, "no traces there");
    assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_drops_the_oldest_or_refuses_the_newest_as_it_was_told() {
    for (on_full, refuses) in [("drop_oldest", false), ("refuse", true)] {
        let directory = tempfile::tempdir().unwrap();
        let mut sink = Sink::start().await;
        sink.stop();
        let exporters = format!("{{otlp: {{endpoint: \"{}\", on_full: {on_full}, {QUICK}}}}}", sink.grpc);
        let collector = start(directory.path(), &exporters, "storage: {segment_size_mib: 1, max_size_mib: 3}").await;
        let mut client = TraceServiceClient::connect(format!("http://{}", address(&collector, "grpc"))).await.unwrap();
        let (mut accepted, mut refused) = (BTreeSet::new(), 0);
        for number in 0..60 {
            match client.export(request(number, 100_000)).await {
                Ok(_) => drop(accepted.insert(number + 1)),
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                    assert!(status.message().contains("`otlp` has not read"), "{status:?}");
                    refused += 1;
                }
            }
        }
        assert_eq!(refused > 0, refuses, "{on_full}: {refused}");
        sink.resume();
        until("it is caught up", async || sink.grpc_numbers().contains(accepted.last().unwrap())).await;
        let lost = figure(&collector, "waspect_collector_forward_lost_total", "waspect_drop_reason=\"expired\"").await;
        assert_eq!(sink.grpc_numbers().len() as u64 + lost, accepted.len() as u64, "{on_full}: sent or counted");
        assert_eq!(lost == 0, refuses, "{on_full}: {lost}");
        until("there is room again", async || client.export(request(99, 1)).await.is_ok()).await;
        assert!(collector.shutdown(Duration::from_secs(20)).await.unwrap());
    }
}
