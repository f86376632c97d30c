//! What is acknowledged is stored, byte for byte as it was sent.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use prost::Message;
use tonic::codec::CompressionEncoding;
use waspect_collector::otlp::{Encoding, Signal};

use crate::support::{JSON, PROTOBUF, Running, get, gzip, post, spans, zstd};

fn metrics() -> ExportMetricsServiceRequest {
    let gauge = Gauge { data_points: vec![NumberDataPoint::default(); 3] };
    let metric = Metric { name: "m".into(), data: Some(Data::Gauge(gauge)), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

fn logs() -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records: vec![LogRecord::default(); 4], ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

#[tokio::test]
async fn http_in_every_encoding_and_compression() {
    let running = Running::start("").await;
    let mut sent = Vec::new();
    for (signal, protobuf, json) in [
        (Signal::Traces, spans(0, 2).encode_to_vec(), serde_json::to_vec(&spans(0, 2)).unwrap()),
        (Signal::Metrics, metrics().encode_to_vec(), serde_json::to_vec(&metrics()).unwrap()),
        (Signal::Logs, logs().encode_to_vec(), serde_json::to_vec(&logs()).unwrap()),
    ] {
        for (encoding, content_type, body) in [(Encoding::Protobuf, PROTOBUF, protobuf), (Encoding::Json, JSON, json)] {
            for (name, compressed) in [("identity", body.clone()), ("gzip", gzip(&body)), ("zstd", zstd(&body))] {
                let headers = [("content-type", content_type), ("content-encoding", name)];
                let answer = post(running.http(), signal.http_path(), &headers, compressed).await;
                assert_eq!(answer.status, 200, "{signal:?} {encoding:?} {name}: {answer:?}");
                assert_eq!(answer.headers["content-type"], content_type);
                assert_eq!(&answer.body[..], if encoding == Encoding::Json { &b"{}"[..] } else { b"" });
                sent.push((signal, encoding, body.clone()));
            }
        }
    }
    let stored: Vec<_> =
        running.stored().await.into_iter().map(|entry| (entry.signal, entry.encoding, entry.body.to_vec())).collect();
    assert_eq!(stored, sent);
}

#[tokio::test]
async fn grpc_in_every_compression() {
    let running = Running::start("").await;
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = running.client().await;
        if let Some(compression) = compression {
            client = client.send_compressed(compression).accept_compressed(compression);
        }
        let response = client.export(spans(0, 2)).await.unwrap().into_inner();
        assert_eq!(response, ExportTraceServiceResponse::default());
    }
    let url = format!("http://{}", running.grpc());
    MetricsServiceClient::connect(url.clone()).await.unwrap().export(metrics()).await.unwrap();
    LogsServiceClient::connect(url).await.unwrap().export(logs()).await.unwrap();

    let metered = get(running.query(), "/metrics", &[]).await;
    let text = String::from_utf8(metered.body.to_vec()).unwrap();
    for (signal, items) in [("traces", 6), ("metrics", 3), ("logs", 4)] {
        let line = format!("waspect_collector_accepted_total{{waspect_signal=\"{signal}\"}} {items}\n");
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("\nwaspect_collector_log_records_total 5\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");

    let stored = running.stored().await;
    let bodies: Vec<_> = stored.iter().map(|entry| (entry.signal, entry.items, entry.body.to_vec())).collect();
    let traces = (Signal::Traces, 2, spans(0, 2).encode_to_vec());
    assert_eq!(bodies[..3], [traces.clone(), traces.clone(), traces]);
    assert_eq!(bodies[3], (Signal::Metrics, 3, metrics().encode_to_vec()));
    assert_eq!(bodies[4], (Signal::Logs, 4, logs().encode_to_vec()));
}

#[tokio::test]
async fn spans_without_ids_are_rejected_and_the_others_stored() {
    let mut request = spans(0, 3);
    request.resource_spans[0].scope_spans[0].spans[1].span_id = vec![1; 4];
    let running = Running::start("").await;

    let response = running.client().await.export(request.clone()).await.unwrap().into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("no valid trace id"), "{partial:?}");

    let json = serde_json::to_vec(&request).unwrap();
    let answer = post(running.http(), "/v1/traces", &[("content-type", JSON)], json).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");

    for entry in running.stored().await {
        let stored = ExportTraceServiceRequest::decode(entry.body).unwrap();
        let names: Vec<_> = stored.resource_spans[0].scope_spans[0].spans.iter().map(|span| &span.name).collect();
        assert_eq!(names, ["call 0", "call 2"]);
    }
}

#[tokio::test]
async fn nothing_is_a_yes_that_costs_no_record() {
    let running = Running::start("").await;
    for signal in Signal::ALL {
        assert_eq!(post(running.http(), signal.http_path(), &[("content-type", PROTOBUF)], "").await.status, 200);
        assert_eq!(post(running.http(), signal.http_path(), &[("content-type", JSON)], "{}").await.status, 200);
    }
    assert_eq!(running.stored().await, []);
}

#[tokio::test]
async fn a_restart_goes_on_after_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!("storage: {{directory: {:?}}}", directory.path());
    for life in 0..3 {
        let variables =
            ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]
                .map(|place| (format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0".to_owned()));
        let config = waspect_collector::config::load(&yaml, variables).unwrap();
        let collector = waspect_collector::Collector::start(&config).await.unwrap();
        assert_eq!(collector.opened.segments, life);
        let http = collector.addresses.iter().find(|(place, _)| place.ends_with("http")).unwrap().1;
        let body = spans(life as u64, 1).encode_to_vec();
        assert_eq!(post(http, "/v1/traces", &[("content-type", PROTOBUF)], body).await.status, 200);
        assert!(collector.shutdown(std::time::Duration::from_secs(10)).await.unwrap());
    }
}
