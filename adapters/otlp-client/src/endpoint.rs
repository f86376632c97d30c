//! Where requests go, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The other end, for one signal.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whole URL. HTTP posts to exactly this one; gRPC uses scheme, host and port.
    pub url: http::Uri,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Sent with every request; values may be secrets and are never printed.
    pub headers: Vec<(String, String)>,
    /// How long one request may take, connecting included.
    pub timeout: Duration,
    /// How bodies are compressed.
    pub compression: Compression,
    /// Whom to trust, and who we are; used when the URL says `https`.
    pub tls: Tls,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Endpoint")
            .field("url", &self.url)
            .field("protocol", &self.protocol)
            .field("headers", &headers)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("tls", &self.tls)
            .finish()
    }
}

/// The three ways to speak OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// `grpc`
    Grpc,
    /// `http/protobuf`, the specification's default
    #[default]
    HttpProtobuf,
    /// `http/json`
    HttpJson,
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `gzip`: every OTLP receiver takes it.
    Gzip,
    /// `zstd`: the OpenTelemetry Collector takes it; the specification names it not.
    Zstd,
}

/// PEM files, read when the exporter starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate chain.
    pub client_certificate_file: Option<PathBuf>,
    /// Our own private key.
    pub client_key_file: Option<PathBuf>,
}
