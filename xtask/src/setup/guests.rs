//! Guests of ours: small honest programs in the languages that people compile to Wasm, and two real programs, SQLite and
//! QuickJS, whose sources come from crates and whose workloads are ours.
//!
//! Each is built once, and again when its sources or its recipe change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{books, c_guests, packages};
use crate::process::run;
use crate::{stamp, workspace};

/// Builds those that are not built yet. The Rust ones need the target that the part `targets` adds.
pub fn set_up() -> Result<()> {
    packages::npm()?;
    packages::pip("guests")?;
    fs::create_dir_all(workspace::guests())?;
    rust()?;
    c_guests::build_all()?;
    one("go-work", "go", "", |output| go("go", &[], output))?;
    one("go-lanes", "go-lanes", "", |output| go("go-lanes", &[], output))?;
    one("as-work", "assemblyscript", "source map", |output| {
        let main = "assemblyscript/as-work.ts";
        run(npm_program("asc")
            .args([main, "--optimize", "--debug", "--sourceMap", "--use", "abort=assemblyscript/as-work/abort", "-o"])
            .arg(output))
    })?;
    books::build_all()?;
    // As Go modules are shipped: without names, but with the table from which the runtime prints its tracebacks.
    one("go-work-stripped", "go", "", |output| go("go", &["-ldflags=-s -w"], output))?;
    one("zig-work", "zig", "", |output| {
        let emit = format!("-femit-bin={}", output.display());
        run(zig().args(["build-exe", "-target", "wasm32-wasi", "-O", "ReleaseSafe", "zig/zig-work.zig", &emit]))
    })?;
    one("fib", "wat", "", |output| run(npm_program("wasm-as").args(["-g", "wat/fib.wat", "-o"]).arg(output)))
}

/// A Go program of ours.
pub(super) fn go(folder: &str, flags: &[&str], output: &Path) -> Result<()> {
    run(Command::new("go")
        .current_dir(source(folder))
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOFLAGS", ""), ("GOWORK", "off")])
        .args(["build", "-trimpath", "-buildvcs=false"])
        .args(flags)
        .arg("-o")
        .arg(output))
}

/// The guests in Rust are one package: building them together costs as little as one.
pub fn rust() -> Result<()> {
    const NAMES: [&str; 2] = ["rust-work", "rust-trap"];
    stamp::once("guest-rust", "", &[source("rust")], &NAMES.map(guest), || {
        let build = workspace::assets().join("build/rust");
        run(Command::new("cargo")
            .current_dir(source("rust"))
            .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip1", "--target-dir"])
            .arg(&build))?;
        fs::create_dir_all(workspace::guests())?;
        for name in NAMES {
            fs::copy(build.join("wasm32-wasip1/release").join(format!("{name}.wasm")), guest(name))?;
        }
        Ok(())
    })
}

/// A guest that one command makes from one folder; `recipe` is what changed in the command since.
pub(super) fn one(name: &str, folder: &str, recipe: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    stamp::once(&format!("guest-{name}"), recipe, &[source(folder)], &[guest(name)], || make(&guest(name)))
}

/// Zig, with its caches where everything else of ours is.
pub(super) fn zig() -> Command {
    let cache = workspace::assets().join("build/zig");
    let mut command = Command::new(packages::python());
    command.args(["-m", "ziglang"]).current_dir(source(""));
    command.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
    command
}

pub(super) fn npm_program(name: &str) -> Command {
    let mut command = Command::new(workspace::node_modules().join(".bin").join(name));
    command.current_dir(source(""));
    command
}

/// A file or folder of our guests' sources.
pub(super) fn source(path: &str) -> PathBuf {
    workspace::root().join("tests/guests").join(path)
}

/// Where a compiled guest goes.
pub fn guest(name: &str) -> PathBuf {
    workspace::guests().join(format!("{name}.wasm"))
}
