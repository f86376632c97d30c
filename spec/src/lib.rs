//! What every part of Waspect agrees on: the hooks, the manifest, the names of the telemetry, the form of profiles.
//!
//! The rules are in `spec/abi.md`. This crate knows no rewriter, no recorder and no runtime, and depends on nothing else of
//! ours.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod hooks;
pub mod manifest;
pub mod pprof;
pub mod ring;
pub mod semconv;

pub use hooks::{Hook, ValueType};
pub use manifest::{BuildId, Manifest};

/// The version of the ABI that this crate describes, passed by `module` (rule M2).
pub const ABI_VERSION: u32 = 0;

/// What `module` returns when a recorder cannot serve a module, and where refused ids begin (rule M4).
pub const BASE_REFUSED: u32 = 0x8000_0000;

/// The custom section that holds the [`Manifest`] of an instrumented module.
pub const MANIFEST_SECTION: &str = "waspect";

/// Reads a function's counter: `(original function index: i32) -> i64` (rule C1).
pub const COUNTER_GET_EXPORT: &str = "waspect_counter_get";

/// Writes a function's counter: `(original function index: i32, value: i64)` (rule C1).
pub const COUNTER_SET_EXPORT: &str = "waspect_counter_set";

/// The bit of a function's counter that opens its gate; the bits below it count calls (rule C1).
pub const GATE_BIT: u64 = 1 << 63;
