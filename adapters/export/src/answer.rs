//! What a receiver says in OTLP's own words: the response messages of the Export services. It knows no transport.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde::de::DeserializeOwned;

use crate::Signal;
use crate::transport::{Answer, Failure, printable};

/// How many bytes of an answer are read: a receiver has little to say.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 10;

/// An acknowledgement in protobuf.
pub(crate) fn from_protobuf(signal: Signal, body: &[u8]) -> Answer {
    let partial = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(body).map(Partial::from),
        Signal::Metrics => ExportMetricsServiceResponse::decode(body).map(Partial::from),
    };
    accepted(partial)
}

/// An acknowledgement in JSON.
pub(crate) fn from_json(signal: Signal, body: &[u8]) -> Answer {
    fn parse<T: DeserializeOwned + Into<Partial>>(body: &[u8]) -> serde_json::Result<Partial> {
        serde_json::from_slice::<T>(body).map(Into::into)
    }
    accepted(match signal {
        Signal::Traces => parse::<ExportTraceServiceResponse>(body),
        Signal::Metrics => parse::<ExportMetricsServiceResponse>(body),
    })
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

/// The partial success of either signal; all zero when there is none.
#[derive(Default)]
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
