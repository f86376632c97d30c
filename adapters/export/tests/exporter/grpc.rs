//! OTLP over gRPC, against a tonic server.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use waspect_export::{Compression, DropReason, Exporter, Protocol, Signal};

use crate::support::grpc::{GrpcServer, Received};
use crate::support::{Reports, SOON, adds_up, config, points, send_and_flush, spans};

fn ok() -> Result<ExportTraceServiceResponse, Status> {
    Ok(ExportTraceServiceResponse::default())
}

#[test]
fn both_signals_arrive_as_they_were_made() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let server = GrpcServer::start(|_| ok());
        let mut config = config(&server.address, Protocol::Grpc);
        for endpoint in [&mut config.traces, &mut config.metrics].into_iter().flatten() {
            endpoint.compression = compression;
            endpoint.headers = vec![("x-tenant".into(), "seven of nine".into())];
        }
        let exporter = Exporter::start(config).unwrap();
        exporter.send(Signal::Traces, spans(1000, 1), 1000);
        exporter.send(Signal::Metrics, points(20), 20);
        assert!(exporter.flush(SOON).complete);
        for _ in 0..2 {
            let metadata = match server.next() {
                Received::Traces(metadata, request) => {
                    assert_eq!(request.encode_to_vec(), spans(1000, 1));
                    metadata
                }
                Received::Metrics(metadata, request) => {
                    assert_eq!(request.encode_to_vec(), points(20));
                    metadata
                }
            };
            assert_eq!(metadata.get("x-tenant").unwrap(), "seven of nine");
            assert!(metadata.get("user-agent").unwrap().to_str().unwrap().starts_with("OTel-OTLP-Exporter-Waspect/"));
        }
        let health = exporter.shutdown(SOON);
        assert_eq!((adds_up(&health.traces).exported, adds_up(&health.metrics).exported), (1000, 20));
    }
}

#[test]
fn retryable_codes_are_retried() {
    let codes =
        [Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::Unavailable, Code::DataLoss];
    let server = GrpcServer::start(move |index| match codes.get(index) {
        Some(&code) => Err(Status::new(code, "not now")),
        None => ok(),
    });
    let reports = Reports::default();
    let mut config = config(&server.address, Protocol::Grpc);
    config.on_error = reports.handler();
    let health = send_and_flush(config, 5);
    assert_eq!((health.exported, health.dropped_total()), (5, 0));
    assert_eq!(server.rest(), codes.len() + 1);
    assert_eq!(reports.messages(), ["traces: 5 items are tried again: gRPC status Cancelled: not now"]);
}

#[test]
fn other_codes_are_not() {
    for code in [
        Code::Unknown,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::FailedPrecondition,
        Code::Unimplemented,
        Code::Internal,
        Code::Unauthenticated,
        // Only with RetryInfo is it worth another try.
        Code::ResourceExhausted,
    ] {
        let server = GrpcServer::start(move |_| Err(Status::new(code, "never")));
        let health = send_and_flush(config(&server.address, Protocol::Grpc), 5);
        assert_eq!((health.dropped_for(DropReason::Rejected), server.rest()), (5, 1), "{code:?}");
    }
}

#[test]
fn resource_exhausted_is_retried_when_the_peer_says_when() {
    let server = GrpcServer::start(|index| match index {
        0 => {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1)));
            Err(Status::with_error_details(Code::ResourceExhausted, "slowly", details))
        }
        _ => ok(),
    });
    let health = send_and_flush(config(&server.address, Protocol::Grpc), 5);
    assert_eq!((health.exported, server.rest()), (5, 2));
}

#[test]
fn a_peer_that_wants_to_wait_longer_than_we_may_is_given_up_at_once() {
    let server = GrpcServer::start(|_| {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3600)));
        Err(Status::with_error_details(Code::Unavailable, "in an hour", details))
    });
    let health = send_and_flush(config(&server.address, Protocol::Grpc), 5);
    assert_eq!((health.dropped_for(DropReason::RetriesExhausted), server.rest()), (5, 1));
}

#[test]
fn partial_success_counts_what_was_rejected() {
    for (rejected, exported) in [(0, 5), (2, 3), (5, 0), (900, 0), (-1, 5)] {
        let server = GrpcServer::start(move |_| {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: "too\nold".into() };
            Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
        });
        let reports = Reports::default();
        let mut config = config(&server.address, Protocol::Grpc);
        config.on_error = reports.handler();
        let health = send_and_flush(config, 5);
        assert_eq!((health.exported, health.dropped_for(DropReason::PartialSuccess)), (exported, 5 - exported));
        assert_eq!(server.rest(), 1, "it is never retried");
        let said = reports.messages().pop().unwrap();
        assert!(said.ends_with("too old"), "{said}");
    }
}

#[test]
fn an_answer_of_undue_length_is_not_read_whole() {
    let server = GrpcServer::start(|_| {
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "x".repeat(8 << 20) };
        Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
    });
    let health = send_and_flush(config(&server.address, Protocol::Grpc), 5);
    assert_eq!((health.unanswered, server.rest()), (5, 1));
}

#[test]
fn what_waits_at_the_shutdown_is_sent() {
    let server = GrpcServer::start(|_| ok());
    let exporter = Exporter::start(config(&server.address, Protocol::Grpc)).unwrap();
    for seed in 1..=50 {
        exporter.send(Signal::Traces, Bytes::from(spans(3, seed)), 3);
    }
    let health = adds_up(&exporter.shutdown(SOON).traces);
    assert_eq!((health.exported, server.rest()), (150, 50));
}
