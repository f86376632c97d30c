//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace").to_owned()
}

/// Cargo, in the workspace, as it would be called by hand: without what it told xtask of xtask's own package. Build scripts watch such
/// variables, and after each build with others what hangs on them would be compiled again.
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    let told = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
    });
    told.for_each(|name| _ = command.env_remove(name));
    command
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
