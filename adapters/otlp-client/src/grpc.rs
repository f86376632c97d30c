//! OTLP over gRPC: the bytes go out as they came in, without decoding.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::client::Grpc as Client;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint as Target};
use tonic::{Code, ConnectError, Request, Status};
use tonic_types::StatusExt;

use crate::Signal;
use crate::answer::{ANSWER_BYTES_MAX, from_protobuf};
use crate::endpoint::{Compression, Endpoint};
use crate::http::header_map;
use crate::raw::Raw;
use crate::tls::Credentials;
use crate::transport::{Answer, Failure, Transport};

/// A lazily connected channel to one Export service.
pub(crate) struct Grpc {
    signal: Signal,
    target: Target,
    metadata: MetadataMap,
    compression: Option<CompressionEncoding>,
    /// Made at the first request, since it belongs to the runtime that sends.
    client: Option<Client<Channel>>,
}

impl Grpc {
    pub fn new(signal: Signal, endpoint: &Endpoint, user_agent: &str) -> Result<Grpc, String> {
        Ok(Grpc {
            signal,
            target: target(endpoint, user_agent)?,
            metadata: metadata(endpoint)?,
            compression: compression(endpoint.compression),
            client: None,
        })
    }

    async fn unary(&mut self, request: Bytes) -> Answer {
        let client = self.client.get_or_insert_with(|| {
            // Servers in Go answer in the compression that they were asked in.
            let client = Client::new(self.target.connect_lazy())
                .max_decoding_message_size(ANSWER_BYTES_MAX)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            match self.compression {
                Some(encoding) => client.send_compressed(encoding),
                None => client,
            }
        });
        if let Err(error) = client.ready().await {
            return answer(&Status::from_error(Box::new(error)));
        }
        let mut request = Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        match client.unary(request, PathAndQuery::from_static(self.signal.grpc_path()), Raw).await {
            Ok(response) => from_protobuf(self.signal, &response.into_inner()),
            Err(status) => answer(&status),
        }
    }
}

impl Transport for Grpc {
    fn export(&mut self, request: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.unary(request))
    }
}

/// Where to connect, and how. Reads what TLS needs.
pub fn target(endpoint: &Endpoint, user_agent: &str) -> Result<Target, String> {
    let target = Target::from(endpoint.url.clone());
    let target = target.user_agent(user_agent).map_err(|error| error.to_string())?;
    match Credentials::for_endpoint(endpoint)? {
        Some(credentials) => target.tls_config(credentials.tonic()).map_err(|error| describe(&error)),
        None => Ok(target),
    }
}

/// The endpoint's headers as gRPC carries them.
pub fn metadata(endpoint: &Endpoint) -> Result<MetadataMap, String> {
    header_map(&endpoint.headers).map(MetadataMap::from_headers)
}

fn compression(compression: Compression) -> Option<CompressionEncoding> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(CompressionEncoding::Gzip),
        Compression::Zstd => Some(CompressionEncoding::Zstd),
    }
}

/// What a status means for the request, as the OTLP specification has it.
fn answer(status: &Status) -> Answer {
    let failure = Failure::new(
        format!("{:?}", status.code()),
        format_args!("gRPC status {:?}: {}", status.code(), describe_status(status)),
    );
    // A status with a source was made up on our side of the wire, from what broke.
    if let Some(source) = status.source() {
        return match chain(source).any(|error| error.is::<ConnectError>()) {
            true => Answer::Unreachable(Failure { cause: "connect".into(), ..failure }),
            false => Answer::Unanswered(failure),
        };
    }
    // Also made up on our side, and the only one of these that has no source: the receiver said yes, at undue length.
    if status.code() == Code::OutOfRange && status.message().contains("decoded message length too large") {
        return Answer::NotOtlp(failure);
    }
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Later { after, failure },
        Code::ResourceExhausted if after.is_some() => Answer::Later { after, failure },
        _ => Answer::Refused(failure),
    }
}

fn describe_status(status: &Status) -> String {
    match status.source() {
        Some(source) => describe(source),
        None => status.message().to_owned(),
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in chain(error) {
        let part = error.to_string();
        if parts.last().is_none_or(|last| !last.ends_with(&part)) {
            parts.push(part);
        }
    }
    parts.join(": ")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
