//! What rustup adds: the Wasm targets that we build for, and the tools that check our own code.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::{output, run};

const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip1"];
const COMPONENTS: [&str; 2] = ["clippy", "rustfmt"];

/// Adds what is missing. What is there is not asked for again: a machine without rustup may bring its own.
pub fn set_up() -> Result<()> {
    TARGETS.into_iter().try_for_each(add)?;
    for component in COMPONENTS {
        let program = component.replace("rustfmt", "fmt");
        if output(Command::new("cargo").args([&program, "--version"])).is_err() {
            run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Adds one target, unless it is there.
pub fn add(target: &str) -> Result<()> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    match Path::new(&libraries).exists() {
        true => Ok(()),
        false => run(Command::new("rustup").args(["target", "add", target])),
    }
}
