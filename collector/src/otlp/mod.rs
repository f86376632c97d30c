//! OTLP as bytes: what a request is, whether it is whole, and what it counts. Pure; it knows no transport and no store.

pub mod fields;
mod json;
mod rules;
#[cfg(test)]
pub mod samples;
mod schema;
pub mod service;
pub mod value;
mod wire;

pub use json::to_protobuf;
pub use rules::{Admitted, admit};
pub use waspect_otlp_client::Signal;
pub use wire::{Malformed, Summary, inspect, inspect_profile, messages_of_span};

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf = 1,
    /// JSON, as OTLP maps it.
    Json = 2,
}
