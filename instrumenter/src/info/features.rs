//! The smallest set of WebAssembly features under which a module validates.

use wasmparser::{Validator, WasmFeatures};

use crate::Error;

/// The features that a module needs: it validates under them, and each was asked for.
///
/// The validator names the feature that it misses; adding one at a time ends with what is needed. Where it refuses without
/// naming one, features are taken away from all of them instead.
pub fn minimal_features(module: &[u8]) -> Result<WasmFeatures, Error> {
    let mut features = WasmFeatures::MVP;
    while let Err(error) = validate(module, features) {
        match error.missing_wasm_feature() {
            Some(missing) if !features.contains(missing) => features |= missing,
            _ => return by_removal(module, features),
        }
    }
    Ok(features)
}

fn by_removal(module: &[u8], kept: WasmFeatures) -> Result<WasmFeatures, Error> {
    let mut features = WasmFeatures::all() - WasmFeatures::COMPONENT_MODEL;
    validate(module, features).map_err(Error::from)?;
    for (_, feature) in WasmFeatures::all().iter_names() {
        let fewer = features - feature;
        if !kept.contains(feature) && features.intersects(feature) && validate(module, fewer).is_ok() {
            features = fewer;
        }
    }
    Ok(features)
}

fn validate(module: &[u8], features: WasmFeatures) -> wasmparser::Result<()> {
    Validator::new_with_features(features).validate_all(module).map(drop)
}
