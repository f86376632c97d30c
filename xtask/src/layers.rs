//! Dependencies point one way, and the pure crates stay pure.

use anyhow::{Result, bail};

use crate::process::output;
use crate::workspace;

/// Crates that take bytes and time as arguments: they know no runtime, no socket, no thread pool, and compile to Wasm.
pub const PURE: [&str; 3] = ["waspect-abi", "waspect-instrumenter", "waspect-recorder"];

/// What a pure crate must not reach, however indirectly.
const IMPURE: [&str; 6] = ["hyper", "mio", "opentelemetry_sdk", "tokio", "tonic", "wasmtime"];

/// Which crates of ours a crate may use, however indirectly. Those that are not listed may use any.
const MAY_USE: &[(&str, &[&str])] = &[
    ("waspect-abi", &[]),
    ("waspect-instrumenter", &["waspect-abi"]),
    ("waspect-instrumenter-wasm", &["waspect-abi", "waspect-instrumenter"]),
    ("waspect-recorder", &["waspect-abi"]),
    ("waspect-otlp-client", &[]),
    ("waspect-export", &["waspect-abi", "waspect-otlp-client"]),
    ("waspect-verify", &["waspect-abi"]),
    ("waspect-collector", &["waspect-abi", "waspect-otlp-client"]),
];

/// Checks every rule, and says all that is broken.
pub fn check() -> Result<()> {
    let mut broken = Vec::new();
    for (name, allowed) in MAY_USE {
        for dependency in dependencies(name)? {
            let ours = dependency.starts_with("waspect") && dependency != *name;
            if ours && !allowed.contains(&&*dependency) {
                broken.push(format!("{name} must not use {dependency}"));
            }
            if PURE.contains(name) && IMPURE.contains(&&*dependency) {
                broken.push(format!("{name} is pure and must not use {dependency}"));
            }
        }
    }
    if !broken.is_empty() {
        bail!("{}; `cargo tree -p CRATE -i DEPENDENCY` shows the way", broken.join("; "));
    }
    Ok(())
}

/// Everything that a crate is built with, by name.
fn dependencies(name: &str) -> Result<Vec<String>> {
    let arguments = ["tree", "-p", name, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = output(workspace::cargo().args(arguments))?;
    Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
