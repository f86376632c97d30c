//! Observability for WebAssembly modules that run in Wasmtime.
//!
//! A module that Waspect instrumented calls hooks. This crate defines them in a [`Linker`](wasmtime::Linker), records what
//! they say, and exports spans, metrics and profiles in the background as OpenTelemetry. The module needs no source and no
//! SDK, and a call never waits for telemetry.

mod attach;
mod backtrace;
mod builder;
mod clock;
mod context;
mod counters;
mod error;
mod hooks;
mod instances;
mod modules;
mod observe;
mod observer;
mod outcome;
mod pump;
mod scope;
mod shared;
mod tick;
mod variables;

pub use attach::attach;
pub use builder::Builder;
pub use context::parent_from_headers;
pub use error::Error;
pub use hooks::add_to_linker;
pub use modules::MODULES_MAX;
pub use observe::Observe;
pub use observer::{Health, Observer};
pub use scope::{scope, scope_async};

pub use waspect_export::{ExportConfig, Exporter, Signal};
pub use waspect_recorder::{Batch, Config, Parent, Profile, Snapshot, Weight};
