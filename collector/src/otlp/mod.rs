//! OTLP as bytes: what a request is, whether it is whole, and what it counts. Pure; it knows no transport and no store.

mod json;
mod rules;
#[cfg(test)]
pub mod samples;
mod schema;
mod wire;

pub use json::to_protobuf;
pub use rules::{Admitted, admit};
pub use wire::{Malformed, Summary, inspect};

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Signal {
    /// `ExportTraceServiceRequest`; its items are spans.
    Traces = 1,
    /// `ExportMetricsServiceRequest`; its items are data points.
    Metrics = 2,
    /// `ExportLogsServiceRequest`; its items are log records.
    Logs = 3,
}

impl Signal {
    /// All signals, in the order in which reports list them.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// The signal's name in configurations and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }

    /// Where it is sent over HTTP.
    pub const fn http_path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        }
    }

    /// Where it is sent over gRPC.
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf = 1,
    /// JSON, as OTLP maps it.
    Json = 2,
}
