//! recorder.wasm: the recorder and the aggregator behind plain numbers, for every host that is not written in Rust.
//!
//! The hooks are exported under their ABI names: an adapter hands `instance.exports` over as `waspect/hooks`, and Wasm calls
//! Wasm. The host provides two imports, in `waspect/host`: `now() -> f64`, milliseconds of a monotonic clock, fractions
//! included, as `performance.now()` reads; and `boundary(frames)`, called before a hook when the host seems to call in, which may
//! do nothing. Everything else of a host's concern is in [`host`]: boundaries, configuration, draining.
//!
//! Bytes cross through one buffer: [`host::buffer`] makes room and gives its address. Nothing here knows a runtime.

#![allow(unsafe_code, reason = "one static state, one import, exports without mangled names; argued at each place")]
#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod hooks;
pub mod host;
mod state;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Assertions of ours that fail, and memory that is at its end: a trap, which the host catches. No message: whatever formats one
/// would be a fifth of the module.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
