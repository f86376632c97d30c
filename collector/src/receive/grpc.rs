//! OTLP over gRPC: bytes in and bytes out, through tonic's framing, compression and statuses.
//!
//! Why not the generated services? They decode every message and drop the fields that they do not know; what we store is what
//! was sent.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use waspect_otlp_client::Raw;

use super::body::{Metered, Room};
use super::http::success;
use super::rate::Allowance;
use crate::batches;
use crate::intake::{Intake, Refusal};
use crate::otlp::{Encoding, Signal};

/// What a receiver needs.
pub(super) struct Receiver {
    pub intake: Intake,
    pub room: Room,
    pub bytes_max: usize,
}

impl Receiver {
    /// One call.
    pub async fn export(&self, signal: Signal, request: Request) -> Response {
        let mut grpc = Grpc::new(Raw)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(self.bytes_max);
        let service = Export { intake: self.intake.clone(), signal };
        let room = self.room.clone();
        let request = request.map(|body| Metered::new(body, room, no_room));
        let mut response = grpc.unary(service, request).await;
        // Too long for us now is too long for ever, but clients try again what is OUT_OF_RANGE.
        let headers = response.headers_mut();
        if headers.get(Status::GRPC_STATUS).is_some_and(|code| code.as_bytes() == b"11") {
            headers.insert(Status::GRPC_STATUS, HeaderValue::from(Code::ResourceExhausted as i32));
        }
        response.map(axum::body::Body::new)
    }
}

/// A method that no service of ours has.
pub(super) async fn unimplemented() -> Response {
    Status::unimplemented("no such method is here").into_http()
}

fn no_room() -> axum::BoxError {
    status(&Refusal::busy("too many requests at once")).into()
}

pub(super) fn status(refusal: &Refusal) -> Status {
    let retry = |code, after: Duration| {
        // Without it clients do not try again.
        Status::with_error_details(code, refusal.message(), ErrorDetails::with_retry_info(Some(after)))
    };
    match refusal {
        Refusal::Malformed(message) => Status::invalid_argument(message),
        Refusal::Loop => Status::failed_precondition(refusal.message()),
        Refusal::Busy { after, .. } | Refusal::Rate { after } => retry(Code::ResourceExhausted, *after),
        Refusal::Unavailable { after, .. } => retry(Code::Unavailable, *after),
    }
}

/// The method of one service.
struct Export {
    intake: Intake,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (intake, signal) = (self.intake.clone(), self.signal);
        Box::pin(async move {
            let (metadata, extensions, body) = request.into_parts();
            if let Some(Err(refusal)) = extensions.get::<Allowance>().map(|allowance| allowance.bytes(body.len())) {
                intake.refused(&refusal);
                return Err(status(&refusal));
            }
            let batch = metadata.get(batches::NAME).map(|id| id.as_bytes());
            let accepted = intake.take(signal, Encoding::Protobuf, body, batch).await;
            let accepted = accepted.map_err(|refusal| status(&refusal))?;
            Ok(tonic::Response::new(success(signal, Encoding::Protobuf, accepted).into()))
        })
    }
}
