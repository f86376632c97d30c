//! Packages from npm, PyPI and the Rust registry, installed below `target/` and nowhere else, so that neither rights nor a
//! distribution's rules about its own Python (PEP 668) matter.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, run, run_quietly};
use crate::{stamp, web, workspace};

/// Installs the npm packages of the tests.
pub fn npm() -> Result<()> {
    let pins = ["package.json", "package-lock.json"].map(|name| manifest("modules", name));
    npm_ci("npm", &pins, &workspace::assets().join("npm"))
}

/// Installs the npm packages that the web package is made with.
pub fn web() -> Result<()> {
    let pins = ["package.json", "package-lock.json"].map(|name| workspace::root().join("adapters/js").join(name));
    npm_ci("web", &pins, &web::folder())
}

/// Installs the runtimes of JavaScript that the conformance suite runs in.
pub fn runtimes() -> Result<()> {
    let pins = ["package.json", "package-lock.json"].map(|name| manifest("runtimes", name));
    npm_ci("runtimes", &pins, &workspace::assets().join("runtimes"))
}

/// Installs what two files pin. Scripts of packages do not run: we want their files only.
fn npm_ci(name: &str, pins: &[PathBuf], folder: &Path) -> Result<()> {
    stamp::once(name, "", pins, &[folder.join("node_modules")], || {
        fs::create_dir_all(folder)?;
        for pin in pins {
            fs::copy(pin, folder.join(pin.file_name().expect("a manifest has a name")))?;
        }
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))
    })
}

/// Installs the Python packages that `tests/USER/requirements.txt` pins into an environment that they share.
pub fn pip(user: &str) -> Result<()> {
    let requirements = manifest(user, "requirements.txt");
    let venv = workspace::venv();
    if !python().exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
            .context("Debian and Ubuntu keep it in a package of its own: python3-venv")?;
    }
    // The stamp lies in the environment: a new one is empty.
    let stamp = venv.join(format!("waspect-{user}"));
    stamp::once(&format!("pip-{user}"), "", std::slice::from_ref(&requirements), std::slice::from_ref(&stamp), || {
        run(Command::new(python())
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"])
            .arg("--requirement")
            .arg(&requirements))?;
        Ok(fs::write(&stamp, "")?)
    })
}

/// A file that pins packages.
pub fn manifest(user: &str, name: &str) -> PathBuf {
    workspace::root().join("tests").join(user).join(name)
}

/// The environment's interpreter.
pub fn python() -> PathBuf {
    workspace::venv().join("bin/python")
}

/// Where the environment keeps its packages: the path holds Python's version.
pub fn site_packages() -> Result<PathBuf> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    Ok(output(Command::new(python()).args(["-c", code]))?.into())
}

/// Fetches a crate's sources and gives their folder.
///
/// `cargo info` downloads the one crate that it is asked for and checks it against the index. `cargo fetch` and `cargo
/// vendor` bring its whole tree of dependencies with it, hundreds of crates where only data files are wanted.
pub fn krate(name: &str, version: &str) -> Result<PathBuf> {
    if let Some(folder) = unpacked(name, version) {
        return Ok(folder);
    }
    let wanted = format!("{name}@{version}");
    run_quietly(Command::new("cargo").args(["info", "--quiet", "--registry", "crates-io", &wanted]))?;
    match unpacked(name, version) {
        Some(folder) => Ok(folder),
        None => bail!("cargo downloaded {wanted}, but it is not in {}", registry_sources()?.display()),
    }
}

fn unpacked(name: &str, version: &str) -> Option<PathBuf> {
    let registries = fs::read_dir(registry_sources().ok()?).ok()?;
    registries.flatten().map(|registry| registry.path().join(format!("{name}-{version}"))).find(|path| path.is_dir())
}

fn registry_sources() -> Result<PathBuf> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?).join(".cargo"),
    };
    Ok(home.join("registry/src"))
}
