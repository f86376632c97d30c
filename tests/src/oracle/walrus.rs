//! Modules by way of walrus.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Validator, WasmFeatures};
use waspect_instrumenter::{ModuleInfo, Options, Plan, walrus};

/// Instruments a module with the walrus backend; or says why walrus cannot take it, in walrus' words.
///
/// # Panics
///
/// When the rewriter refuses the module: that is nothing to ask walrus about. And when walrus takes the module and writes it
/// valid, but what the backend made of it is not: that is the backend's fault.
pub fn instrument(module: &[u8], options: &Options) -> Result<Vec<u8>, String> {
    let info = ModuleInfo::parse(module).expect("the rewriter takes it");
    let plan = Plan::new(&info, options).expect("the rewriter takes it");
    let (mut parsed, originals) = parse(module, &info)?;
    match walrus::instrument(&mut parsed, &originals, &info, &plan) {
        Ok(_) => {}
        Err(walrus::Error::Type { what, .. }) => return Err(format!("{what} would have another type")),
        Err(walrus::Error::Objects) => return Err("it makes objects of a garbage collector".to_string()),
        Err(error) => return Err(error.to_string()),
    }
    if plan.is_empty() {
        return Ok(module.to_vec()); // As the rewriter does: no hook is imported, so none may be waited for.
    }
    let bytes = parsed.emit_wasm();
    let Err(error) = validate(&bytes) else { return Ok(bytes) };
    let untouched = parse(module, &info)?.0.emit_wasm();
    match validate(&untouched) {
        Err(message) => Err(format!("walrus writes it invalid: {message}")),
        Ok(()) => panic!("the walrus backend writes a valid module invalid: {error}"),
    }
}

/// A panic of walrus is a refusal too.
fn parse(module: &[u8], info: &ModuleInfo) -> Result<(::walrus::Module, walrus::Originals), String> {
    match catch_unwind(AssertUnwindSafe(|| walrus::parse(module, info))) {
        Ok(Ok(parsed)) => Ok(parsed),
        Ok(Err(walrus::Error::Refused { reason })) => Err(bare(&reason)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("walrus panics".to_string()),
    }
}

fn validate(module: &[u8]) -> Result<(), String> {
    let outcome = Validator::new_with_features(WasmFeatures::all()).validate_all(module);
    outcome.map(drop).map_err(|error| bare(error.message()))
}

/// A reason without what changes from module to module: offsets, and the context that says in which section it was.
fn bare(reason: &str) -> String {
    let reason = reason.split(" (at offset").next().unwrap_or_default();
    reason.rsplit(": ").next().unwrap_or_default().to_string()
}
