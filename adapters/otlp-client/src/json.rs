//! OTLP/JSON out of OTLP/protobuf, as receivers of `http/json` and the OpenTelemetry Collector's `otlpjsonfile` receiver read
//! it.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use thiserror::Error;

use crate::Signal;

/// Why bytes have no JSON.
#[derive(Debug, Error)]
pub enum JsonError {
    /// The bytes are no encoded request of this signal.
    #[error("no OTLP request of {signal}: {error}")]
    Decode {
        /// What they should have been.
        signal: Signal,
        /// Where they differ.
        error: prost::DecodeError,
    },
    /// The request cannot be written as JSON.
    #[error("cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
}

/// One line of OTLP/JSON, its newline included, from an encoded request.
pub fn to_json_line(signal: impl Into<Signal>, request: &[u8]) -> Result<String, JsonError> {
    let signal = signal.into();
    let decode = |error| JsonError::Decode { signal, error };
    let mut line = match signal {
        Signal::Traces => serde_json::to_string(&ExportTraceServiceRequest::decode(request).map_err(decode)?)?,
        Signal::Metrics => serde_json::to_string(&ExportMetricsServiceRequest::decode(request).map_err(decode)?)?,
        Signal::Logs => serde_json::to_string(&ExportLogsServiceRequest::decode(request).map_err(decode)?)?,
    };
    line.push('\n');
    Ok(line)
}
