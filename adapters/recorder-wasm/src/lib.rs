//! recorder.wasm: the recorder and the aggregator behind plain numbers, for every host that is not written in Rust.
//!
//! The hooks are exported under their ABI names: an adapter hands `instance.exports` over as `waspect/hooks`, and Wasm calls
//! Wasm. The host provides one import, `waspect/host` `now() -> f64`: milliseconds of a monotonic clock, fractions included, as
//! `performance.now()` reads. Everything else of a host's concern is in [`host`]: boundaries, configuration, draining.
//!
//! Bytes cross through one buffer: [`host::buffer`] makes room and gives its address. Nothing here knows a runtime.

#![allow(unsafe_code, reason = "one static state, one import, exports without mangled names; argued at each place")]
#![cfg(target_family = "wasm")]

mod hooks;
pub mod host;
mod state;
