//! Any bytes at all.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waspect_fuzz::bodies::any_bytes(bytes));
