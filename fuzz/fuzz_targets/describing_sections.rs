//! Any bytes as the sections that describe a module's code.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waspect_fuzz::bodies::describing_sections(bytes));
