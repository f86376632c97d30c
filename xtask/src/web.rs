//! The package for the web: recorder.wasm as small as it gets, instrumenter.wasm, and the adapter's JavaScript.
//!
//! It is put together in a folder of its own below `target/`, as it would be published: sources, compiled files, both modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{output, run};
use crate::workspace;

/// What recorder.wasm is allowed to need: what every engine has, and nothing that came later.
const MVP: [&str; 2] = ["--mvp-features", "--enable-mutable-globals"];

/// What rustc's own library is compiled to, and what turns it into that.
const LOWERINGS: [&str; 10] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--llvm-memory-copy-fill-lowering",
    "--llvm-nontrapping-fptoint-lowering",
    "--signext-lowering",
];

/// Below 1,024 there is no data: the linker leaves the place to the end of the stack, or to nobody.
const SMALL: [&str; 6] =
    ["--low-memory-unused", "-Oz", "--converge", "--strip-debug", "--strip-producers", "--strip-target-features"];

/// Blocks and loops made anew, and what is short put where it is called: longer as it is, but gzip finds more in it.
const REGULAR: [&str; 3] = ["--always-inline-max-function-size=8", "--flatten", "--rereloop"];

/// What makes it smaller when it is compressed, once no pass follows that would undo it.
const SMALLER: [&str; 2] = ["--reorder-functions", "--dealign"];

/// Where the package is put together.
pub fn folder() -> PathBuf {
    workspace::assets().join("js")
}

/// The recorder's modules, and the features that each has: what pages download, what knows several stacks as well, and what makes profiles, too.
const RECORDERS: [(&str, &[&str]); 3] = [
    ("recorder.wasm", &[]),
    ("recorder-stacks.wasm", &["--features", "waspect-recorder-wasm/stacks"]),
    ("recorder-profile.wasm", &["--features", "waspect-recorder-wasm/stacks,waspect-recorder-wasm/profile"]),
];

/// Compiles the recorder's modules into the package; their paths.
pub fn recorders() -> Result<Vec<PathBuf>> {
    RECORDERS.iter().map(|(name, features)| recorder(name, features)).collect()
}

fn recorder(name: &str, features: &[&str]) -> Result<PathBuf> {
    let compiled = cargo_wasm("recorder", features)?;
    let (lowered, small) = (folder().join("lowered.wasm"), folder().join(name));
    wasm_opt(&compiled, &lowered, &[&LOWERINGS[..], &SMALL].concat())?;
    // Again, without the features: what still needed one would be refused.
    wasm_opt(&lowered, &small, &[&MVP[..], &REGULAR, &SMALL, &SMALLER].concat())?;
    fs::remove_file(&lowered)?;
    Ok(small)
}

/// Compiles instrumenter.wasm into the package. wasm-opt takes half a minute to make it no smaller and no faster.
pub fn instrumenter() -> Result<()> {
    fs::copy(cargo_wasm("instrumenter", &[])?, folder().join("instrumenter.wasm"))?;
    Ok(())
}

/// Compiles the adapter into the package.
pub fn compile() -> Result<()> {
    let (from, to) = (workspace::root().join("adapters/js"), folder());
    for old in ["src", "test", "demo", "dist"].map(|name| to.join(name)).iter().filter(|old| old.exists()) {
        fs::remove_dir_all(old)?;
    }
    copy_folder(&from, &to)?;
    run(Command::new("node").current_dir(&to).arg("node_modules/typescript/bin/tsc"))
}

/// The adapter's tests, in order.
pub fn tests() -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder().join("test"))?.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}

/// Compiles one of our crates that are modules; where cargo puts it.
fn cargo_wasm(name: &str, features: &[&str]) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", &format!("waspect-{name}-wasm")]).args(features);
    run(command.args(["--target", "wasm32-unknown-unknown", "--profile", "wasm"]))?;
    Ok(workspace::target().join(format!("wasm32-unknown-unknown/wasm/waspect_{name}_wasm.wasm")))
}

fn wasm_opt(from: &Path, to: &Path, options: &[&str]) -> Result<()> {
    let program = folder().join("node_modules/binaryen/bin/wasm-opt");
    output(Command::new("node").arg(program).arg(from).args(options).arg("-o").arg(to))
        .with_context(|| format!("wasm-opt could not make {} smaller", from.display()))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        match path.is_dir() {
            true => copy_folder(&path, &to.join(name))?,
            false => _ = fs::copy(&path, to.join(name))?,
        }
    }
    Ok(())
}
