//! Guests that count their own allocations, from every toolchain that we can have, for debugging and for release: what Waspect
//! counts is held against what they say. Those in C and C++ stand among the others of their kind.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::guests::{go, guest, npm_program, one, source, zig};
use crate::process::run;
use crate::{stamp, workspace};

/// The folder of their sources.
const FOLDER: &str = "allocators";

/// Builds those that are not built yet.
pub fn build_all() -> Result<()> {
    for target in ["wasm32-wasip1", "wasm32-unknown-unknown"] {
        for profile in ["debug", "release"] {
            rust(target, profile)?;
        }
    }
    for (name, mode) in [("books-zig-debug", "Debug"), ("books-zig", "ReleaseSafe")] {
        one(name, FOLDER, "", |output| {
            let emit = format!("-femit-bin={}", output.display());
            let flags = ["build-exe", "-target", "wasm32-wasi", "-fno-entry", "-rdynamic", "-O", mode];
            run(zig().args(flags).args(["allocators/books.zig", &emit]))
        })?;
    }
    for (name, flags) in ASSEMBLYSCRIPT {
        one(name, FOLDER, "", |output| {
            run(npm_program("asc").arg("allocators/books.ts").args(*flags).arg("-o").arg(output))
        })?;
    }
    one("books-go", FOLDER, "", |output| go("allocators/go", &["-buildmode=c-shared"], output))?;
    one("books-go-stripped", FOLDER, "", |output| {
        go("allocators/go", &["-buildmode=c-shared", "-ldflags=-s -w"], output)
    })
}

const ASSEMBLYSCRIPT: &[(&str, &[&str])] = &[
    ("books-as-debug", &["--debug"]),
    ("books-as", &["--optimize", "--debug"]),
    ("books-as-minimal", &["--optimize", "--debug", "--runtime", "minimal"]),
    ("books-as-stub", &["--optimize", "--debug", "--runtime", "stub"]),
    // Without names, but with the runtime exported, as loaders of other languages want it.
    ("books-as-stripped", &["--optimize", "--exportRuntime"]),
];

fn rust(target: &str, profile: &str) -> Result<()> {
    let system = target.strip_prefix("wasm32-").unwrap_or(target).split('-').next().unwrap_or_default();
    let name = format!("books-rust-{system}-{profile}");
    stamp::once(&format!("guest-{name}"), "", &[source(FOLDER).join("rust")], &[guest(&name)], || {
        let build = workspace::assets().join("build/books");
        let mut command = Command::new("cargo");
        command.current_dir(source(FOLDER).join("rust"));
        command.args(["build", "--quiet", "--locked", "--target", target, "--target-dir"]).arg(&build);
        if profile == "release" {
            command.arg("--release");
        }
        run(&mut command)?;
        fs::create_dir_all(workspace::guests())?;
        fs::copy(build.join(target).join(profile).join("books.wasm"), guest(&name))?;
        Ok(())
    })
}
