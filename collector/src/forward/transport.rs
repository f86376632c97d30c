//! From an exporter's settings to what speaks its protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use super::answer::Answer;
use super::grpc::Grpc;
use super::http::Http;
use crate::config::{Exporter, is_http};
use crate::otlp::Signal;

/// How we introduce ourselves.
pub(super) const USER_AGENT: &str = concat!("Waspect-Collector/", env!("CARGO_PKG_VERSION"));

/// Why an exporter cannot be prepared.
#[derive(Debug, Error)]
#[error("exporters.{name}: {message}")]
pub struct ConnectError {
    /// Which.
    pub name: String,
    /// Why.
    pub message: String,
}

/// A way to an endpoint. It connects when it has to send.
pub(super) enum Transport {
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

impl Transport {
    pub fn new(name: &str, exporter: &Exporter) -> Result<Transport, ConnectError> {
        let made = match is_http(name) {
            true => Http::new(name, exporter).map(|http| Transport::Http(Box::new(http))),
            false => Grpc::new(name, exporter).map(|grpc| Transport::Grpc(Box::new(grpc))),
        };
        made.map_err(|message| ConnectError { name: name.to_owned(), message })
    }

    /// One attempt.
    pub async fn send(&mut self, signal: Signal, request: Bytes) -> Answer {
        match self {
            Transport::Grpc(grpc) => grpc.send(signal, request).await,
            Transport::Http(http) => http.send(signal, request).await,
        }
    }
}

/// The headers of every request.
pub(super) fn headers(exporter: &Exporter) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &exporter.headers {
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))?;
        let value =
            HeaderValue::try_from(value.reveal()).map_err(|_| format!("the value of `{name}` is not plain ASCII"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// TLS with the system's certificates; plain text needs none.
pub(super) fn tls(url: &str) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if url.starts_with("https:") {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err("the system has no certificates to trust; install them, or set tls.insecure".into());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}
