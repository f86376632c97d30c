//! Whether bytes are a manifest that can be kept: of that build, whole, in bounds.

use thiserror::Error;
use waspect_abi::manifest::{Function, ManifestError};
use waspect_abi::{BuildId, Manifest};

use crate::otlp::fields::{Field, Fields};

/// Longest manifest, decompressed.
pub const BYTES_MAX: usize = 16 << 20;

/// Functions, files and the like in one: two bytes of a stranger's decode to fifty of ours.
const ENTRIES_MAX: usize = 1_000_000;

/// What begins a module.
const MODULE: &[u8] = b"\0asm";

/// Why bytes are no manifest for that place.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Unusable {
    /// The place is none.
    #[error("the last part of the path is no build id; write the manifest's own, sixteen hexadecimal digits")]
    NoBuildId,
    /// There are no bytes.
    #[error("the body is empty; send a manifest, as `waspect instrument --manifest sidecar` writes it")]
    Empty,
    /// They are a module.
    #[error("the body is a module; send its manifest alone, as `waspect manifest push MODULE` does")]
    Module,
    /// They are too many.
    #[error("manifest of {0} bytes: at most {BYTES_MAX} are taken; instrument fewer functions with --include")]
    TooLong(usize),
    /// They hold too much.
    #[error("manifest of {0} entries: at most {ENTRIES_MAX} are taken; instrument fewer functions with --include")]
    TooMany(usize),
    /// They are none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It is another's.
    #[error("this is the manifest of build {0}; send it to /api/manifests/{0}")]
    OtherBuild(BuildId),
}

/// Reads a build id as URLs and attributes have it.
pub fn build_id(text: &str) -> Option<BuildId> {
    // A sign is no digit.
    let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok().map(BuildId))?
}

/// Reads the manifest of a build.
pub fn check(build: &str, bytes: &[u8]) -> Result<Manifest, Unusable> {
    let build = build_id(build).ok_or(Unusable::NoBuildId)?;
    if bytes.is_empty() {
        return Err(Unusable::Empty);
    }
    if bytes.starts_with(MODULE) {
        return Err(Unusable::Module);
    }
    if bytes.len() > BYTES_MAX {
        return Err(Unusable::TooLong(bytes.len()));
    }
    // Before anything is made of them.
    let entries = Fields::new(bytes).filter(|field| matches!(field, (6..=8 | 10 | 12, Field::Bytes(_)))).count();
    if entries > ENTRIES_MAX {
        return Err(Unusable::TooMany(entries));
    }
    let manifest = Manifest::decode_bytes(bytes)?;
    match manifest.build_id() {
        own if own == build => Ok(manifest),
        own => Err(Unusable::OtherBuild(own)),
    }
}

/// About how much memory a manifest takes.
pub fn memory(manifest: &Manifest) -> usize {
    let functions = manifest.functions.iter().map(|function| size_of::<Function>() + function.name.len());
    let files = manifest.files.iter().map(|file| size_of::<String>() + file.len());
    functions.chain(files).sum::<usize>() + size_of::<Manifest>() + manifest.name.len()
}
