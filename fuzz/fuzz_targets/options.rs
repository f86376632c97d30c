//! The same modules under any options of the plan.
#![no_main]

use waspect_fuzz::{bodies, smith};

libfuzzer_sys::fuzz_target!(|input: (u64, &[u8])| {
    let (choices, bytes) = input;
    if let Some(module) = smith::from_bytes(bytes, false) {
        bodies::any_options(&module, choices);
    }
});
