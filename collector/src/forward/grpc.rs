//! OTLP over gRPC: the bytes go out as they came in.

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::Request;
use tonic::client::Grpc as Client;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::answer::{Answer, accepted, from_grpc};
use super::transport;
use crate::config::{Compression, Exporter};
use crate::otlp::Signal;
use crate::raw::Raw;

/// How much of an answer is read: an endpoint has little to say.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A lazily connected channel.
pub(super) struct Grpc {
    endpoint: Endpoint,
    metadata: MetadataMap,
    compression: Option<CompressionEncoding>,
    /// Made at the first request, since it belongs to the runtime that sends.
    client: Option<Client<Channel>>,
}

impl Grpc {
    pub fn new(name: &str, exporter: &Exporter) -> Result<Grpc, String> {
        let url = exporter.url(name).ok_or("its endpoint is no address")?;
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| error.to_string())?;
        let endpoint = endpoint.user_agent(transport::USER_AGENT).map_err(|error| error.to_string())?;
        let endpoint = match url.starts_with("https:") {
            true => {
                let tls = ClientTlsConfig::new().with_native_roots();
                endpoint.tls_config(tls).map_err(|error| error.to_string())?
            }
            false => endpoint,
        };
        let compression = match exporter.compression {
            Compression::None => None,
            Compression::Gzip => Some(CompressionEncoding::Gzip),
            Compression::Zstd => Some(CompressionEncoding::Zstd),
        };
        let metadata = MetadataMap::from_headers(transport::headers(exporter)?);
        Ok(Grpc { endpoint, metadata, compression, client: None })
    }

    pub async fn send(&mut self, signal: Signal, request: Bytes) -> Answer {
        let client = self.client.get_or_insert_with(|| {
            // Servers in Go answer in the compression that they were asked in.
            let client = Client::new(self.endpoint.connect_lazy())
                .max_decoding_message_size(ANSWER_BYTES_MAX)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            match self.compression {
                Some(encoding) => client.send_compressed(encoding),
                None => client,
            }
        });
        if client.ready().await.is_err() {
            return Answer::Later { after: None };
        }
        let mut request = Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        match client.unary(request, PathAndQuery::from_static(signal.grpc_path()), Raw).await {
            Ok(response) => accepted(&response.into_inner()),
            Err(status) => from_grpc(&status),
        }
    }
}
