//! From an endpoint to the transport that speaks its protocol.

use waspect_otlp_client::{Endpoint, Transport};

use crate::exporter::StartError;
use crate::{Signal, USER_AGENT};

/// Reads what TLS needs and prepares to connect. Nothing is sent yet.
pub(crate) fn connect(signal: Signal, endpoint: &Endpoint) -> Result<Box<dyn Transport>, StartError> {
    let transport = waspect_otlp_client::connect(signal.into(), endpoint, USER_AGENT);
    transport.map_err(|message| StartError::Endpoint { signal, url: endpoint.url.to_string(), message })
}
