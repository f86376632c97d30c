//! Provider mode: what was recorded goes through the host's own OpenTelemetry providers, beside what the host itself records.
//!
//! It reads encoded requests, as any receiver does, and knows no recorder. What the API cannot take is left out: finished
//! histograms, the ids of our spans (the provider gives its own), and links between batches.

mod attributes;
mod metrics;
mod spans;

pub(crate) use metrics::Metrics;
pub(crate) use spans::Spans;
