//! From an exporter's settings to what speaks its protocol, and from what an endpoint says to what becomes of the request.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use waspect_otlp_client::{Answer, Endpoint, Failure, Protocol, Tls, connect};

use crate::config::{self, Exporter, is_http};
use crate::otlp::Signal;

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("Waspect-Collector/", env!("CARGO_PKG_VERSION"));

/// Why an exporter cannot be prepared.
#[derive(Debug, Error)]
#[error("exporters.{name}: {message}")]
pub struct ConnectError {
    /// Which.
    pub name: String,
    /// Why.
    pub message: String,
}

/// What becomes of a request. `why` is one line, some of it the endpoint's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The endpoint has it, but for so many items.
    Taken { rejected: u64, why: String },
    /// Not now, or nobody answers.
    Later { after: Option<Duration>, why: String },
    /// The endpoint will never take it.
    Refused { why: String },
}

/// The ways to an endpoint, one a signal. They connect when they have to send.
pub(crate) struct Transport {
    signals: [Box<dyn waspect_otlp_client::Transport>; Signal::ALL.len()],
}

impl Transport {
    pub fn new(name: &str, exporter: &Exporter) -> Result<Transport, ConnectError> {
        let way = |signal| endpoint(name, exporter, signal).and_then(|to| connect(signal, &to, USER_AGENT));
        let made = || Ok([way(Signal::Traces)?, way(Signal::Metrics)?, way(Signal::Logs)?]);
        match made() {
            Ok(signals) => Ok(Transport { signals }),
            Err(message) => Err(ConnectError { name: name.to_owned(), message }),
        }
    }

    /// One attempt.
    pub async fn send(&mut self, signal: Signal, request: Bytes) -> Verdict {
        let way = match signal {
            Signal::Traces => &mut self.signals[0],
            Signal::Metrics => &mut self.signals[1],
            Signal::Logs => &mut self.signals[2],
        };
        verdict(way.export(request).await)
    }
}

fn endpoint(name: &str, exporter: &Exporter, signal: Signal) -> Result<Endpoint, String> {
    let mut url = exporter.url(name).ok_or("its endpoint is no address")?;
    let protocol = if is_http(name) { Protocol::HttpProtobuf } else { Protocol::Grpc };
    if protocol == Protocol::HttpProtobuf {
        url.push_str(signal.http_path());
    }
    Ok(Endpoint {
        url: url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?,
        protocol,
        headers: exporter.headers.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect(),
        timeout: exporter.timeout,
        compression: match exporter.compression {
            config::Compression::None => waspect_otlp_client::Compression::None,
            config::Compression::Gzip => waspect_otlp_client::Compression::Gzip,
            config::Compression::Zstd => waspect_otlp_client::Compression::Zstd,
        },
        tls: Tls {
            ca_file: exporter.tls.ca_file.clone(),
            client_certificate_file: exporter.tls.cert_file.clone(),
            client_key_file: exporter.tls.key_file.clone(),
        },
    })
}

fn verdict(answer: Answer) -> Verdict {
    match answer {
        Answer::Accepted { rejected, message } => Verdict::Taken { rejected, why: message },
        // It said yes, if not in OTLP's words.
        Answer::NotOtlp(failure) => Verdict::Taken { rejected: 0, why: failure.message },
        Answer::Later { after, failure } => Verdict::Later { after, why: failure.message },
        Answer::Unreachable(failure) | Answer::Unanswered(failure) => {
            Verdict::Later { after: None, why: failure.message }
        }
        // Not the request's fault: whoever runs this gives the right token, and nothing is lost meanwhile.
        Answer::Refused(failure) if is_unauthorized(&failure) => Verdict::Later { after: None, why: failure.message },
        Answer::Refused(failure) | Answer::Malformed(failure) => Verdict::Refused { why: failure.message },
    }
}

/// By HTTP's status or gRPC's.
fn is_unauthorized(failure: &Failure) -> bool {
    matches!(&*failure.cause, "401" | "403" | "Unauthenticated" | "PermissionDenied")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_would_mend_waits_and_what_nothing_mends_does_not() {
        let refused = |cause: &str| verdict(Answer::Refused(Failure::new(cause, "no")));
        let later = Verdict::Later { after: None, why: "no".into() };
        for cause in ["401", "403", "Unauthenticated", "PermissionDenied"] {
            assert_eq!(refused(cause), later, "{cause}");
        }
        for cause in ["400", "404", "InvalidArgument", "Unimplemented", "Internal", "ResourceExhausted"] {
            assert_eq!(refused(cause), Verdict::Refused { why: "no".into() }, "{cause}");
        }
        let failure = || Failure::new("connect", "no");
        assert_eq!(verdict(Answer::Unreachable(failure())), later);
        assert_eq!(verdict(Answer::Unanswered(failure())), later);
        let after = Some(Duration::from_secs(3));
        assert_eq!(verdict(Answer::Later { after, failure: failure() }), Verdict::Later { after, why: "no".into() });
        assert_eq!(verdict(Answer::NotOtlp(failure())), Verdict::Taken { rejected: 0, why: "no".into() });
    }
}
