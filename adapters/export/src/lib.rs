//! OTLP out of a Rust host: encoded requests in, gRPC or HTTP out.
//!
//! [`Exporter`] owns a background thread and a bounded queue a signal. [`Exporter::send`] never blocks and never waits for
//! the network; what has no room is dropped and counted. Every item (span, data point) that was ever handed over is, at every
//! moment, exported, dropped for a reason, or unconfirmed: [`SignalHealth`] is an exact ledger.
//!
//! ```no_run
//! use std::time::Duration;
//! use waspect_export::{ExportConfig, Exporter, Signal};
//!
//! let config = ExportConfig::from_env(|name| std::env::var(name).ok())?;
//! for warning in &config.warnings {
//!     eprintln!("{warning}");
//! }
//! let exporter = Exporter::start(config)?;
//! let (request, spans) = (Vec::new(), 0); // an encoded ExportTraceServiceRequest, and how many spans it holds
//! exporter.send(Signal::Traces, request, spans);
//! let health = exporter.shutdown(Duration::from_secs(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows no recorder and no runtime. It reads no environment variable by itself, prints nothing, and sets nothing
//! global.

mod config;
mod connect;
pub mod context;
mod exporter;
mod health;
mod profiles;
pub mod provider;
mod queue;
mod report;
mod retry;
mod telemetry;
mod worker;

pub use config::{ConfigError, ExportConfig, QueueLimits, Sampler, Temporality, Warning};
pub use exporter::{Exporter, Flush, StartError};
pub use health::{DropReason, Health, SignalHealth};
pub use profiles::{Piece, ProfileHealth, ProfilePush};
pub use report::{ErrorHandler, ErrorKind, Report};
pub use retry::RetryPolicy;
pub use telemetry::HealthMetrics;
pub use waspect_otlp_client::{
    Answer, Compression, Endpoint, Failure, JsonError, Protocol, Tls, Transport, to_json_line,
};

/// How we introduce ourselves to receivers.
const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-Waspect/", env!("CARGO_PKG_VERSION"));

/// What a request carries: each signal has its own endpoint, queue and ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Encoded `ExportTraceServiceRequest`; items are spans.
    Traces,
    /// Encoded `ExportMetricsServiceRequest`; items are data points.
    Metrics,
}

impl Signal {
    /// Both signals, in the order in which reports list them.
    pub const ALL: [Signal; 2] = [Signal::Traces, Signal::Metrics];

    /// The signal's name in variables, paths and messages: `traces` or `metrics`.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
        }
    }
}

impl From<Signal> for waspect_otlp_client::Signal {
    fn from(signal: Signal) -> waspect_otlp_client::Signal {
        match signal {
            Signal::Traces => waspect_otlp_client::Signal::Traces,
            Signal::Metrics => waspect_otlp_client::Signal::Metrics,
        }
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}
