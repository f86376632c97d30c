//! The collector: OTLP in, acknowledged once it is safe on disk, kept for a day, forwarded to any OTLP endpoint.
//!
//! It speaks OTLP and knows nothing of how telemetry is made: no recorder, no instrumenter, no runtime.

pub mod log;
