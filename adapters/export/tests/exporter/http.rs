//! OTLP over HTTP, against axum.

use std::io::Read;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use waspect_export::{Compression, DropReason, Exporter, Protocol, Signal};

use crate::support::http::{HttpServer, answer};
use crate::support::{Reports, SOON, adds_up, config, points, send_and_flush, spans};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[test]
fn both_signals_arrive_as_they_were_made() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let server = HttpServer::start(|_| answer(200, &[PROTOBUF], ""));
        let mut config = config(&server.address, Protocol::HttpProtobuf);
        for endpoint in [&mut config.traces, &mut config.metrics].into_iter().flatten() {
            endpoint.compression = compression;
            endpoint.headers = vec![("x-tenant".into(), "seven of nine".into())];
        }
        let exporter = Exporter::start(config).unwrap();
        exporter.send(Signal::Traces, spans(1000, 1), 1000);
        assert!(exporter.flush(SOON).complete);
        exporter.send(Signal::Metrics, points(20), 20);
        let health = exporter.shutdown(SOON);
        for (path, sent) in [("/v1/traces", spans(1000, 1)), ("/v1/metrics", points(20))] {
            let (parts, body) = server.next();
            assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", path));
            assert_eq!(parts.headers["content-type"], "application/x-protobuf");
            assert_eq!(parts.headers["x-tenant"], "seven of nine");
            let encoding = parts.headers.get("content-encoding").map(|value| value.to_str().unwrap());
            let mut plain = Vec::new();
            match encoding {
                None => plain.extend(&body),
                Some("gzip") => drop(flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap()),
                Some("zstd") => plain = zstd::decode_all(&body[..]).unwrap(),
                Some(other) => panic!("{other}"),
            }
            assert_eq!(plain, sent);
            assert_eq!(encoding.is_some(), compression != Compression::None);
        }
        assert_eq!((adds_up(&health.traces).exported, adds_up(&health.metrics).exported), (1000, 20));
    }
}

#[test]
fn json_arrives_as_json() {
    let server = HttpServer::start(|_| answer(200, &[JSON], r#"{"partialSuccess":{"rejectedSpans":"2"}}"#));
    let health = send_and_flush(config(&server.address, Protocol::HttpJson), 5);
    let (parts, body) = server.next();
    assert_eq!(parts.headers["content-type"], "application/json");
    let request: ExportTraceServiceRequest = serde_json::from_slice(&body).unwrap();
    assert_eq!(request.encode_to_vec(), spans(5, 1));
    assert_eq!((health.exported, health.dropped_for(DropReason::PartialSuccess)), (3, 2));
}

#[test]
fn bytes_that_are_no_request_have_no_json() {
    let server = HttpServer::start(|_| answer(200, &[JSON], "{}"));
    let exporter = Exporter::start(config(&server.address, Protocol::HttpJson)).unwrap();
    exporter.send(Signal::Traces, vec![0xff; 100], 5);
    let health = adds_up(&exporter.shutdown(SOON).traces);
    assert_eq!((health.dropped_for(DropReason::Malformed), server.rest()), (5, 0));
}

#[test]
fn retryable_statuses_are_retried() {
    let statuses = [429, 502, 503, 504];
    let server = HttpServer::start(move |index| match statuses.get(index) {
        Some(&status) => answer(status, &[("retry-after", "0")], "not now"),
        None => answer(200, &[], ""),
    });
    let reports = Reports::default();
    let mut config = config(&server.address, Protocol::HttpProtobuf);
    config.on_error = reports.handler();
    let health = send_and_flush(config, 5);
    assert_eq!((health.exported, server.rest()), (5, statuses.len() + 1));
    assert_eq!(reports.messages(), ["traces: 5 items are tried again: HTTP 429 Too Many Requests: not now"]);
}

#[test]
fn other_statuses_are_not() {
    for status in [301, 400, 401, 403, 404, 413, 415, 500, 501, 505] {
        let server = HttpServer::start(move |_| answer(status, &[], "never"));
        let health = send_and_flush(config(&server.address, Protocol::HttpProtobuf), 5);
        assert_eq!((health.dropped_for(DropReason::Rejected), server.rest()), (5, 1), "{status}");
    }
}

#[test]
fn a_refusal_is_reported_in_the_peers_words() {
    let status = tonic_types::pb::Status { code: 3, message: "span 7 has no\tname".into(), details: Vec::new() };
    let cases = [
        (answer(400, &[PROTOBUF], status.encode_to_vec()), "HTTP 400 Bad Request: span 7 has no name"),
        (answer(400, &[JSON], r#"{"code":3,"message":"no \u001b[2J name"}"#), "HTTP 400 Bad Request: no  [2J name"),
        (answer(400, &[], "plain words"), "HTTP 400 Bad Request: plain words"),
        (answer(404, &[], ""), "HTTP 404 Not Found"),
        (
            answer(308, &[("location", "https://elsewhere/v1/traces")], ""),
            "HTTP 308 Permanent Redirect: moved to https://elsewhere/v1/traces; name that as the endpoint",
        ),
    ];
    for (response, words) in cases {
        let response = std::sync::Mutex::new(Some(response));
        let server = HttpServer::start(move |_| response.lock().unwrap().take().unwrap());
        let reports = Reports::default();
        let mut config = config(&server.address, Protocol::HttpProtobuf);
        config.on_error = reports.handler();
        send_and_flush(config, 5);
        assert_eq!(reports.messages(), [format!("traces: 5 items dropped (rejected): {words}")]);
    }
}

#[test]
fn retry_after_may_be_a_date() {
    for date in ["Wed, 21 Oct 2015 07:28:00 GMT", "rather soon"] {
        let server = HttpServer::start(move |index| match index {
            0 => answer(503, &[("retry-after", date)], ""),
            _ => answer(200, &[], ""),
        });
        let health = send_and_flush(config(&server.address, Protocol::HttpProtobuf), 5);
        assert_eq!((health.exported, server.rest()), (5, 2), "{date}");
    }
    let server = HttpServer::start(|_| answer(503, &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], ""));
    let health = send_and_flush(config(&server.address, Protocol::HttpProtobuf), 5);
    assert_eq!((health.dropped_for(DropReason::RetriesExhausted), server.rest()), (5, 1));
}

#[test]
fn partial_success_counts_what_was_rejected() {
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".into() };
    let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let server = HttpServer::start(move |_| answer(200, &[PROTOBUF], body.clone()));
    let health = send_and_flush(config(&server.address, Protocol::HttpProtobuf), 5);
    assert_eq!((health.exported, health.dropped_for(DropReason::PartialSuccess)), (3, 2));
    assert_eq!(server.rest(), 1, "it is never retried");
}

#[test]
fn a_yes_that_is_no_otlp_confirms_nothing() {
    for (headers, body) in [
        (vec![PROTOBUF], vec![0xff; 100]),
        (vec![JSON], b"{".to_vec()),
        (vec![JSON], b"[]".to_vec()),
        (vec![("content-type", "text/html")], b"<html>Welcome to the guest network</html>".to_vec()),
        (vec![PROTOBUF], vec![0; 64 << 20]),
    ] {
        let server = HttpServer::start(move |_| answer(200, &headers, body.clone()));
        let health = send_and_flush(config(&server.address, Protocol::HttpProtobuf), 5);
        assert_eq!((health.unanswered, server.rest()), (5, 1));
    }
}
