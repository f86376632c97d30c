//! The configuration: what it is, and what its parts are when nothing is said.
//!
//! Shape, names, nesting and durations are those of the OpenTelemetry Collector wherever it has such a thing, so that a part of its
//! file can be moved here and back. `storage`, `query`, `remote_storage`, `allow_unauthenticated`, `allowed_hosts` and `on_full` are ours.
//!
//! This knows no file and no environment: text and variables come in.

mod authentication;
mod check;
mod endpoint;
mod load;
mod sampling;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::otlp::Signal;
pub use authentication::{Auth, BearerToken, Extensions, RateLimit};
pub(crate) use check::is_http;
pub use endpoint::Access;
use endpoint::endpoint;
pub use load::{ConfigError, OVERRIDE, load, to_yaml};
pub use sampling::{Latency, Policy, PolicyKind, Probabilistic, Sampling, StatusCode, StatusCodes};
pub use values::Secret;

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where telemetry comes in.
    pub receivers: Receivers,
    /// Where it goes, by `TYPE` or `TYPE/NAME`.
    pub exporters: BTreeMap<String, Exporter>,
    /// Who may do what, by `bearertokenauth` or `bearertokenauth/NAME`.
    pub extensions: Extensions,
    /// Where it is kept.
    pub storage: Storage,
    /// Where the collector is asked.
    pub query: Query,
    /// Where a Jaeger keeps its traces in this collector.
    pub remote_storage: RemoteStorage,
    /// Which exporter gets what.
    pub service: Service,
}

impl Config {
    /// Whether an exporter gets a signal.
    pub fn takes(&self, exporter: &str, signal: Signal) -> bool {
        let pipeline = self.service.pipelines.get(signal.name());
        pipeline.is_none_or(|pipeline| pipeline.exporters.iter().any(|name| name == exporter))
    }
}

/// Where telemetry comes in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receivers {
    /// OTLP.
    pub otlp: Otlp,
}

/// The OTLP receiver.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// Its protocols: those that are named, or both.
    pub protocols: Protocols,
}

/// Protocols of the OTLP receiver.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocols {
    /// gRPC.
    #[serde(default, deserialize_with = "values::named", skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// HTTP.
    #[serde(default, deserialize_with = "values::named", skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
}

impl Default for Protocols {
    fn default() -> Protocols {
        Protocols { grpc: Some(Grpc::default()), http: Some(Http::default()) }
    }
}

endpoint! {
    /// OTLP over gRPC.
    pub struct Grpc on 4317 {
        /// Longest request, decompressed.
        pub max_recv_msg_size_mib: u64 = 4,
        /// Requests at once on one connection.
        pub max_concurrent_streams: u32 = 100,
    }
}

endpoint! {
    /// OTLP over HTTP.
    pub struct Http on 4318 {
        /// Longest request in bytes, decompressed.
        pub max_request_body_size: u64 = 20 << 20,
        /// Web pages that may send.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub cors: Option<Cors> = None,
    }
}

/// Web pages that may send.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Their origins, such as `https://shop.example`; one `*` in each may stand for anything, as in `http://localhost:*`.
    pub allowed_origins: Vec<String>,
    /// Headers that they may send beside those of OTLP.
    pub allowed_headers: Vec<String>,
    /// How long browsers remember it, in seconds.
    pub max_age: u32,
}

impl Default for Cors {
    fn default() -> Cors {
        Cors { allowed_origins: Vec::new(), allowed_headers: Vec::new(), max_age: 7200 }
    }
}

/// TLS of a place where we listen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Our certificate chain in PEM.
    pub cert_file: PathBuf,
    /// Its private key in PEM.
    pub key_file: PathBuf,
    /// PEM certificates of those who sign clients' certificates: without one of theirs nobody gets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<PathBuf>,
    /// How long files are used before they are read again; 0: for ever.
    #[serde(default = "one_minute", with = "values::duration")]
    pub reload_interval: Duration,
}

const fn one_minute() -> Duration {
    Duration::from_secs(60)
}

/// Where telemetry is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The directory, made where it is missing.
    pub directory: PathBuf,
    /// Age beyond which it goes.
    #[serde(with = "values::duration")]
    pub max_age: Duration,
    /// Size beyond which the oldest goes.
    pub max_size_mib: u64,
    /// Size of one file of it.
    pub segment_size_mib: u64,
}

impl Default for Storage {
    fn default() -> Storage {
        Storage {
            directory: "waspect-collector-data".into(),
            max_age: Duration::from_secs(24 * 60 * 60),
            max_size_mib: 10 << 10,
            segment_size_mib: 64,
        }
    }
}

endpoint! {
    /// Where the collector is asked.
    pub struct Query on 4319 {}
}

endpoint! {
    /// Where a Jaeger keeps its traces in this collector, over gRPC.
    pub struct RemoteStorage on 17271 {
        /// Longest request, decompressed; Jaeger itself takes as much over HTTP.
        pub max_recv_msg_size_mib: u64 = 20,
        /// Requests at once on one connection.
        pub max_concurrent_streams: u32 = 100,
    }
}

/// Which exporter gets what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// By signal; a signal that is not named goes to every exporter.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pipelines: BTreeMap<String, Pipeline>,
}

/// The way of a signal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pipeline {
    /// `otlp`, or nothing.
    pub receivers: Vec<String>,
    /// Names under `exporters`.
    pub exporters: Vec<String>,
}

/// Where telemetry goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exporter {
    /// `otlp`: a host and port or a URL. `otlphttp`: a URL, to which `/v1/traces` and the like are added.
    pub endpoint: String,
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// What compresses requests.
    #[serde(default)]
    pub compression: Compression,
    /// Time for one attempt.
    #[serde(default = "five_seconds", with = "values::duration")]
    pub timeout: Duration,
    /// TLS.
    #[serde(default)]
    pub tls: ClientTls,
    /// How attempts are made again.
    #[serde(default)]
    pub retry_on_failure: Retry,
    /// What happens when the store is full of what this exporter has not sent.
    #[serde(default)]
    pub on_full: OnFull,
    /// Which traces it gets; none: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// What becomes of metrics that senders tell in deltas.
    #[serde(default)]
    pub metrics_temporality: Temporality,
    /// How often what is added up is sent.
    #[serde(default = "ten_seconds", with = "values::duration")]
    pub metrics_interval: Duration,
}

const fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// What becomes of metrics that senders tell in deltas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temporality {
    /// They go on added up over all senders of a service.
    #[default]
    Cumulative,
    /// They go on as they came.
    AsReceived,
}

/// What compresses requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
    /// Nothing.
    None,
}

/// TLS to an endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTls {
    /// None: plain text.
    pub insecure: bool,
    /// PEM certificates to trust instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our own certificate chain in PEM, for endpoints that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// How attempts are made again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The first wait.
    #[serde(with = "values::duration")]
    pub initial_interval: Duration,
    /// The longest.
    #[serde(with = "values::duration")]
    pub max_interval: Duration,
    /// How much longer each is than the one before.
    pub multiplier: f64,
    /// How much of it is chance.
    pub randomization_factor: f64,
    /// When a request is given up and counted; 0: never.
    #[serde(with = "values::duration")]
    pub max_elapsed_time: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            initial_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(30),
            multiplier: 1.5,
            randomization_factor: 0.5,
            max_elapsed_time: Duration::ZERO,
        }
    }
}

/// What happens when the store is full of what an exporter has not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// The oldest goes, and is counted.
    #[default]
    DropOldest,
    /// Nothing new is taken.
    Refuse,
}
