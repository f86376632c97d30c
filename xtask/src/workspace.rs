//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace").to_owned()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Everything that set-up downloads or builds.
pub fn assets() -> PathBuf {
    target().join("waspect")
}

/// Real modules that no one here wrote.
pub fn modules() -> PathBuf {
    assets().join("modules")
}

/// Compiled guests of ours.
pub fn guests() -> PathBuf {
    assets().join("guests")
}

/// The npm packages of `tests/modules/package.json`, installed.
pub fn node_modules() -> PathBuf {
    assets().join("npm/node_modules")
}

/// The Python environment that holds the packages of `tests/modules/requirements.txt`.
pub fn venv() -> PathBuf {
    assets().join("venv")
}
