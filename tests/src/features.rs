//! The smallest set of features under which a module validates.

use wasmparser::{Validator, WasmFeatures};

/// The minimal feature set of a valid module; none when it does not validate even with everything.
///
/// The validator names what it misses: adding that until it is content costs one whole validation, whatever the number of
/// features, and trying every feature dozens of them. What was added is then taken away one by one, from the newest down: the
/// result is minimal, nothing in it can be missed.
pub fn minimal(module: &[u8]) -> Option<WasmFeatures> {
    let mut features = sufficient(module)?;
    for bit in (0..u64::BITS).rev().map(|bit| 1u64 << bit) {
        let Some(feature) = WasmFeatures::from_bits(bit).filter(|feature| features.contains(*feature)) else {
            continue;
        };
        let fewer = features.difference(feature);
        if validates(module, fewer) {
            features = fewer;
        }
    }
    Some(features)
}

/// A set under which the module validates: what the validator asks for, or everything where it refuses without asking.
fn sufficient(module: &[u8]) -> Option<WasmFeatures> {
    let mut features = WasmFeatures::MVP;
    while let Err(error) = Validator::new_with_features(features).validate_all(module) {
        match error.missing_wasm_feature() {
            Some(missing) if !features.contains(missing) => features |= missing,
            _ => return Some(WasmFeatures::all()).filter(|&everything| validates(module, everything)),
        }
    }
    Some(features)
}

/// Whether the module validates under exactly these features.
pub fn validates(module: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features).validate_all(module).is_ok()
}
