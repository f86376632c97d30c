//! Where a manifest stands: in an instrumented module, or in a file beside it.

use std::path::Path;

use anyhow::Result;
use wasmparser::{Parser, Payload};
use waspect_abi::MANIFEST_SECTION;

use crate::output;

/// A manifest's bytes, and what people call the place where they were.
pub struct ManifestFile {
    /// The place.
    pub name: String,
    /// The bytes: a stranger's, until they are decoded.
    pub bytes: Vec<u8>,
}

/// The manifest of a module that was instrumented before: its own section, else the file beside it.
pub fn of_module(name: &str, module: &[u8], path: &Path) -> Result<Option<ManifestFile>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == MANIFEST_SECTION
        {
            return Ok(Some(ManifestFile { name: name.to_owned(), bytes: section.data().to_owned() }));
        }
    }
    let sidecar = output::sidecar_of(path);
    let bytes = std::fs::read(&sidecar).ok();
    Ok(bytes.map(|bytes| ManifestFile { name: sidecar.display().to_string(), bytes }))
}
