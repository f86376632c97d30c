//! From an endpoint to the transport that speaks its protocol.

use crate::Signal;
use crate::config::{Endpoint, Protocol};
use crate::exporter::StartError;
use crate::grpc::Grpc;
use crate::http::{Encoding, Http};
use crate::tls::Credentials;
use crate::transport::Transport;

/// Reads what TLS needs and prepares to connect. Nothing is sent yet.
pub(crate) fn connect(signal: Signal, endpoint: &Endpoint) -> Result<Box<dyn Transport>, StartError> {
    let transport = Credentials::for_endpoint(endpoint).and_then(|credentials| {
        Ok::<Box<dyn Transport>, String>(match endpoint.protocol {
            Protocol::Grpc => Box::new(Grpc::new(signal, endpoint, credentials)?),
            Protocol::HttpProtobuf => Box::new(Http::new(signal, endpoint, credentials, Encoding::Protobuf)?),
            Protocol::HttpJson => Box::new(Http::new(signal, endpoint, credentials, Encoding::Json)?),
        })
    });
    transport.map_err(|message| StartError::Endpoint { signal, url: endpoint.url.to_string(), message })
}
