//! What a receiver says in OTLP's own words: the response messages of the Export services. It knows no transport.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Map, Value};

use crate::Signal;
use crate::transport::{Answer, Failure, printable};

/// How many bytes of an answer are read: a receiver has little to say.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// An acknowledgement in protobuf.
pub(crate) fn from_protobuf(signal: Signal, body: &[u8]) -> Answer {
    let partial = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(body).map(Partial::from),
        Signal::Metrics => ExportMetricsServiceResponse::decode(body).map(Partial::from),
        Signal::Logs => ExportLogsServiceResponse::decode(body).map(Partial::from),
    };
    accepted(partial)
}

/// An acknowledgement in JSON. Read by hand: the generated types want numbers where the specification writes strings.
pub(crate) fn from_json(signal: Signal, body: &[u8]) -> Answer {
    let rejected = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    accepted(serde_json::from_slice::<Map<String, Value>>(body).map(|response| {
        let partial = response.get("partialSuccess");
        let field = |name| partial.and_then(|partial| partial.get(name));
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        Partial {
            rejected: field(rejected).and_then(number).unwrap_or(0),
            message: field("errorMessage").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }))
}

fn accepted<E: std::fmt::Display>(partial: Result<Partial, E>) -> Answer {
    match partial {
        Ok(Partial { rejected, message }) => {
            Answer::Accepted { rejected: u64::try_from(rejected).unwrap_or(0), message: printable(&message) }
        }
        Err(error) => {
            let message = format_args!("the answer is no OTLP: {error}; is this an OTLP receiver?");
            Answer::NotOtlp(Failure::new("not_otlp", message))
        }
    }
}

/// The partial success of any signal; all zero when there is none.
struct Partial {
    rejected: i64,
    message: String,
}

impl From<ExportTraceServiceResponse> for Partial {
    fn from(response: ExportTraceServiceResponse) -> Partial {
        let partial = response.partial_success.unwrap_or_default();
        Partial { rejected: partial.rejected_spans, message: partial.error_message }
    }
}

impl From<ExportMetricsServiceResponse> for Partial {
    fn from(response: ExportMetricsServiceResponse) -> Partial {
        let partial = response.partial_success.unwrap_or_default();
        Partial { rejected: partial.rejected_data_points, message: partial.error_message }
    }
}

impl From<ExportLogsServiceResponse> for Partial {
    fn from(response: ExportLogsServiceResponse) -> Partial {
        let partial = response.partial_success.unwrap_or_default();
        Partial { rejected: partial.rejected_log_records, message: partial.error_message }
    }
}
