//! Programs in Go, each from a module of its own that pins what it needs.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::process::run;
use crate::{stamp, workspace};

/// wazero as an observer of modules that nobody rewrote.
pub fn observer() -> Result<()> {
    build("observer", "observer", ".")
}

/// Builds a package in a folder of `tests` to `target/waspect/bin/NAME`, unless that was done.
pub fn build(name: &str, folder: &str, package: &str) -> Result<()> {
    let programs = workspace::assets().join("bin");
    fs::create_dir_all(&programs)?;
    let folder = workspace::root().join("tests").join(folder);
    let program = programs.join(name);
    let stamp = format!("backend-{name}");
    stamp::once(&stamp, package, std::slice::from_ref(&folder), std::slice::from_ref(&program), || {
        run(Command::new("go")
            .current_dir(&folder)
            .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
            .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
            .arg(&program)
            .arg(package))
    })
}
