//! The collector: OTLP in, acknowledged once it is safe on disk, kept for a day, forwarded to any OTLP endpoint.
//!
//! It speaks OTLP and knows nothing of how telemetry is made: no recorder, no instrumenter, no runtime.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use waspect_collector::{Collector, config};
//!
//! let config = config::load("storage: {directory: /var/lib/waspect}", std::env::vars())?;
//! let collector = Collector::start(&config).await?;
//! // Until it is time to end:
//! collector.shutdown(Duration::from_secs(5)).await?;
//! # Ok(()) }
//! ```

mod admin;
mod batches;
pub mod canary;
mod clock;
mod collector;
pub mod config;
mod database;
pub mod entry;
mod forward;
pub mod health;
pub mod index;
mod intake;
pub mod log;
pub mod manifests;
pub mod metrics;
pub mod otlp;
mod page;
pub mod profiles;
mod query;
mod receive;
mod serve;
mod tls;

pub use collector::{Collector, DirectoryError, StartError, open_directory};
pub use forward::ConnectError;
pub use tls::TlsError;
