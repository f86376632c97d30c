//! The client's side of OTLP: one encoded request goes out over gRPC or HTTP, one [`Answer`] comes back.
//!
//! [`connect`] prepares the way that an [`Endpoint`] asks for. Queues, retries and counts are the business of who calls: it is said
//! only what an answer means, as the OTLP specification has it. The bytes of a request go out as they came in.

mod answer;
mod endpoint;
mod grpc;
mod http;
mod json;
mod raw;
mod signal;
mod tls;
mod transport;

pub use answer::ANSWER_BYTES_MAX;
pub use endpoint::{Compression, Endpoint, Protocol, Tls};
pub use grpc::{metadata, target};
pub use http::{HttpClient, client};
pub use json::{JsonError, to_json_line};
pub use raw::Raw;
pub use signal::Signal;
pub use transport::{Answer, Failure, Transport, connect};
