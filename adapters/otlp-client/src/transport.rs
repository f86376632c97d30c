//! What carries a request to a peer, and what the peer made of it. Retrying and counting are not its business.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use crate::Signal;
use crate::endpoint::{Endpoint, Protocol};
use crate::grpc::Grpc;
use crate::http::{Encoding, Http};

/// Carries one encoded request to a peer. Ours speak gRPC and HTTP; a test, or a host with a way of its own, brings another.
pub trait Transport: Send + 'static {
    /// Sends a request and waits for what the peer says. Called again with the same bytes to retry. The future is dropped when
    /// the request's time is over.
    fn export(&mut self, request: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

/// From an endpoint to what speaks its protocol. Reads what TLS needs and prepares to connect; nothing is sent yet.
pub fn connect(signal: Signal, endpoint: &Endpoint, user_agent: &str) -> Result<Box<dyn Transport>, String> {
    Ok(match endpoint.protocol {
        Protocol::Grpc => Box::new(Grpc::new(signal, endpoint, user_agent)?),
        Protocol::HttpProtobuf => Box::new(Http::new(signal, endpoint, user_agent, Encoding::Protobuf)?),
        Protocol::HttpJson => Box::new(Http::new(signal, endpoint, user_agent, Encoding::Json)?),
    })
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged, but for `rejected` items; `message` is the peer's, when it has something to say.
    Accepted {
        /// Items that the peer accepted not.
        rejected: u64,
        /// The peer's words, bounded.
        message: String,
    },
    /// The peer, or the way to it, is not ready: worth another try, `after` this long if the peer says so.
    Later {
        /// When the peer wants to be asked again.
        after: Option<Duration>,
        /// Why.
        failure: Failure,
    },
    /// The peer never got the request whole: no connection. Worth another try.
    Unreachable(Failure),
    /// The request may have arrived but no answer came: lost connection, time is over. Worth another try.
    Unanswered(Failure),
    /// The peer says that this request will never do.
    Refused(Failure),
    /// The peer says yes, in words that are not OTLP: whatever it is, it may not be a receiver.
    NotOtlp(Failure),
    /// We cannot even send it: the bytes are not what they should be.
    Malformed(Failure),
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short name without variable parts: `503`, `UNAVAILABLE`, `timeout`, `connect`.
    pub cause: String,
    /// One line with the place and what helps, bounded. The peer's words in it are untrusted.
    pub message: String,
}

impl Failure {
    /// A failure whose message is cut to a bounded length and freed of control characters: a peer wrote part of it.
    pub fn new(cause: impl Into<String>, message: impl fmt::Display) -> Failure {
        Failure { cause: cause.into(), message: printable(&message.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// At most 300 characters, none of which moves a cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
