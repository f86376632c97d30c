//! The smallest set of features under which a module validates, found by taking features away one by one.

use wasmparser::{Validator, WasmFeatures};

/// The minimal feature set of a valid module; none when it does not validate even with everything.
///
/// Features are taken away in a fixed order, from the newest down, so that one that rests on another goes first. The result
/// is minimal: nothing in it can be missed.
pub fn minimal(module: &[u8]) -> Option<WasmFeatures> {
    let mut features = WasmFeatures::all();
    if !validates(module, features) {
        return None;
    }
    for _ in 0..2 {
        for bit in (0..u64::BITS).rev().map(|bit| 1u64 << bit) {
            let Some(feature) = WasmFeatures::from_bits(bit).filter(|feature| features.contains(*feature)) else {
                continue;
            };
            let fewer = features.difference(feature);
            if validates(module, fewer) {
                features = fewer;
            }
        }
    }
    Some(features)
}

/// Whether the module validates under exactly these features.
pub fn validates(module: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features).validate_all(module).is_ok()
}
