//! Finds what set-up made: guests of ours, real modules, back ends. It makes nothing itself.
//!
//! Everything here panics with the remedy where something is missing: a test without its input has failed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The guest of ours of that name: `rust-work` is `target/waspect/guests/rust-work.wasm`.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    existing(folder("guests").join(format!("{name}.wasm")))
}

/// Every guest of ours, by name.
#[track_caller]
pub fn guests() -> Vec<PathBuf> {
    wasm_files(&folder("guests"))
}

/// A real module that no one here wrote: `micropython` is `target/waspect/modules/micropython.wasm`.
#[track_caller]
pub fn module(name: &str) -> PathBuf {
    existing(folder("modules").join(format!("{name}.wasm")))
}

/// What a component's file name ends with.
const COMPONENT: &str = ".component.wasm";

/// Every real core module, by name. Components (`*.component.wasm`) are not among them.
#[track_caller]
pub fn modules() -> Vec<PathBuf> {
    let mut found = wasm_files(&folder("modules"));
    found.retain(|path| !path.to_string_lossy().ends_with(COMPONENT));
    found
}

/// The core modules of every real component, with names of their own.
#[track_caller]
pub fn modules_in_components() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in wasm_files(&folder("modules")) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(COMPONENT)) else { continue };
        let component = fs::read(&path).expect("it can be read");
        let payloads =
            wasmparser::Parser::new(0).parse_all(&component).map(|payload| payload.expect("it is a component"));
        let modules = payloads.filter_map(|payload| match payload {
            wasmparser::Payload::ModuleSection { unchecked_range, .. } => Some(unchecked_range),
            _ => None,
        });
        for (at, range) in modules.enumerate() {
            found.push((format!("core {at} of {name}"), component[range.start as usize..range.end as usize].to_vec()));
        }
    }
    found
}

/// The modules of a package of the survey, `@scope/name@1.0.0`.
#[track_caller]
pub fn survey(package: &str) -> Vec<PathBuf> {
    wasm_files(&folder("survey").join(package.trim_start_matches('@').replace('/', "_")))
}

/// The npm packages, installed: what a Node script resolves its imports in.
#[track_caller]
pub fn node_modules() -> PathBuf {
    existing(folder("npm").join("node_modules"))
}

/// A real back end's program: `jaeger` or `otelcol`.
#[track_caller]
pub fn back_end(name: &str) -> PathBuf {
    program(name)
}

/// A program that set-up built: a back end, or the `observer`.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    existing(folder("bin").join(name))
}

/// A program that benches measure against: `wasm-tools`.
#[track_caller]
pub fn tool(name: &str) -> PathBuf {
    existing(folder("bin").join(name))
}

/// The `waspect` program itself, as the workspace's last build left it.
///
/// Cargo names a package's own binaries to its own tests only; the whole-system tests are a package beside it.
#[track_caller]
pub fn waspect() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("tests run from target/PROFILE/deps");
    let path = profile.join("waspect");
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --all-targets`", path.display());
    path
}

/// The interpreter of the Python environment, which holds the clients.
#[track_caller]
pub fn python() -> PathBuf {
    existing(folder("venv").join("bin/python"))
}

/// The folder `target/waspect/NAME`.
pub fn folder(name: &str) -> PathBuf {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    target.join("waspect").join(name)
}

#[track_caller]
fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `cargo xtask setup`", path.display());
    path
}

#[track_caller]
fn wasm_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(existing(folder.to_owned())).expect("the folder can be read");
    let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    found.sort();
    found
}
