//! Receivers that do what a test tells them, and requests to send them.

pub mod grpc;
pub mod http;
pub mod raw;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use waspect_export::{ErrorHandler, ExportConfig, Exporter, Protocol, Report, RetryPolicy, Signal, SignalHealth};

/// When a test gives up. Nothing that works takes this long; nothing is asserted about it.
pub const SOON: Duration = Duration::from_secs(60);

/// A configuration that sends both signals to `http://host:port` and retries without delay.
pub fn config(address: &str, protocol: Protocol) -> ExportConfig {
    let protocol = match protocol {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http/protobuf",
        Protocol::HttpJson => "http/json",
    };
    let vars = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(address.to_owned()),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_owned()),
        _ => None,
    };
    let mut config = ExportConfig::from_env(vars).unwrap();
    let millisecond = Duration::from_millis(1);
    let retry = RetryPolicy { initial: millisecond, wait_max: millisecond, multiplier: 1.0, total_max: SOON };
    (config.trace_retry, config.metric_retry) = (retry, retry);
    config
}

/// An encoded request with so many spans. `seed` tells requests apart.
pub fn spans(count: usize, seed: u8) -> Vec<u8> {
    let span = |index: usize| Span {
        trace_id: vec![seed.max(1); 16],
        span_id: (index as u64 + 1).to_be_bytes().to_vec(),
        name: format!("span {index}"),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (0..count).map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// An encoded request with so many data points.
pub fn points(count: usize) -> Vec<u8> {
    let data_points = vec![NumberDataPoint::default(); count];
    let metric =
        Metric { name: "gauge".into(), data: Some(metric::Data::Gauge(Gauge { data_points })), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

/// Sends one request of so many spans and returns the ledger when its end is known.
pub fn send_and_flush(config: ExportConfig, count: usize) -> SignalHealth {
    let exporter = Exporter::start(config).unwrap();
    exporter.send(Signal::Traces, spans(count, 1), count as u64);
    let flush = exporter.flush(SOON);
    assert!(flush.complete, "{:?}", flush.health);
    exporter.shutdown(SOON);
    adds_up(&flush.health.traces)
}

/// `made = exported + dropped + unconfirmed`, exactly.
#[track_caller]
pub fn adds_up(health: &SignalHealth) -> SignalHealth {
    assert_eq!(health.made, health.exported + health.dropped_total() + health.unconfirmed(), "{health:?}");
    *health
}

/// What the exporter reports, in order.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<Vec<Report>>>);

impl Reports {
    pub fn handler(&self) -> ErrorHandler {
        let reports = self.0.clone();
        ErrorHandler::new(move |report| reports.lock().unwrap().push(report.clone()))
    }

    pub fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(Report::to_string).collect()
    }
}

/// Runs `work` on a thread of its own, so that a hang is a failure and not a hang.
#[track_caller]
pub fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    end.recv_timeout(SOON).expect("neither hangs nor panics")
}
