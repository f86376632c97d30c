//! What an endpoint said, in the three ways that matter. Pure.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What an endpoint said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes; but not to so many items.
    Accepted { rejected: u64 },
    /// Not now, or nothing.
    Later { after: Option<Duration> },
    /// Never.
    Refused,
}

/// A yes over either transport. All signals' responses have one layout.
pub(super) fn accepted(response: &[u8]) -> Answer {
    let partial = ExportTraceServiceResponse::decode(response).ok().and_then(|response| response.partial_success);
    let rejected = partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0));
    Answer::Accepted { rejected }
}

/// What a gRPC status means, as the OTLP specification has it.
pub(super) fn from_grpc(status: &Status) -> Answer {
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    // A status with a source was made up on our side, from what broke.
    if std::error::Error::source(status).is_some() {
        return Answer::Later { after: None };
    }
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Later { after },
        Code::ResourceExhausted if after.is_some() => Answer::Later { after },
        // Not the request's fault: whoever runs this gives the right token, and nothing is lost meanwhile.
        Code::Unauthenticated | Code::PermissionDenied => Answer::Later { after },
        _ => Answer::Refused,
    }
}

/// What an HTTP status that is no success means.
pub(super) fn from_http(status: StatusCode, after: Option<Duration>) -> Answer {
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN => Answer::Later { after },
        _ => Answer::Refused,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn statuses_mean_later_or_never() {
        let later = Answer::Later { after: None };
        for (code, expected) in [
            (Code::Unavailable, later),
            (Code::DeadlineExceeded, later),
            (Code::Unauthenticated, later),
            (Code::InvalidArgument, Answer::Refused),
            (Code::Unimplemented, Answer::Refused),
            (Code::Internal, Answer::Refused),
            // The specification: only with a time to come back.
            (Code::ResourceExhausted, Answer::Refused),
        ] {
            assert_eq!(from_grpc(&Status::new(code, "")), expected, "{code:?}");
        }
        let after = Some(Duration::from_secs(3));
        let busy = Status::with_error_details(Code::ResourceExhausted, "", ErrorDetails::with_retry_info(after));
        assert_eq!(from_grpc(&busy), Answer::Later { after });
        for (status, expected) in
            [(400, Answer::Refused), (404, Answer::Refused), (429, later), (503, later), (500, Answer::Refused)]
        {
            assert_eq!(from_http(StatusCode::from_u16(status).unwrap(), None), expected, "{status}");
        }
    }

    #[test]
    fn a_partial_success_counts_what_was_rejected() {
        // partial_success { rejected_spans: 5, error_message: "no" }
        assert_eq!(accepted(&[0x0a, 6, 8, 5, 0x12, 2, b'n', b'o']), Answer::Accepted { rejected: 5 });
        assert_eq!(accepted(b""), Answer::Accepted { rejected: 0 });
        assert_eq!(accepted(b"<html>"), Answer::Accepted { rejected: 0 });
    }
}
