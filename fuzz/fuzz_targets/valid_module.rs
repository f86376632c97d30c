//! Modules that wasm-smith makes of the fuzzer's bytes.
#![no_main]

use waspect_fuzz::{bodies, smith};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(module) = smith::from_bytes(bytes, false) {
        bodies::valid_module(&module);
    }
});
