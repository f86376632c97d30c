//! Firefox, from Debian's packages: no other registry has it.
//!
//! They are unpacked below `target/` and not installed, with what they need beyond what is installed here, by a state of
//! apt's own: no rights are needed, and the machine stays as it was. The archive keeps one version, the newest of the
//! extended support release, so that it cannot be pinned; apt checks who signed it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::run_quietly;
use crate::{stamp, workspace};

/// Unpacks it, unless `WASPECT_FIREFOX` names one.
pub fn set_up() -> Result<()> {
    if std::env::var_os("WASPECT_FIREFOX").is_some() {
        return Ok(());
    }
    let folder = workspace::assets().join("runtimes/firefox");
    stamp::once("firefox", "firefox-esr", &[], &[folder.join("usr/lib/firefox-esr/firefox-esr")], || {
        fetch(&folder).context("without Debian's apt, WASPECT_FIREFOX names the program of a Firefox of one's own")
    })
}

fn fetch(folder: &Path) -> Result<()> {
    let apt = workspace::assets().join("apt");
    for part in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part))?;
    }
    let _ = fs::remove_dir_all(folder);
    run_quietly(apt_get(&apt).arg("update"))?;
    run_quietly(apt_get(&apt).args([
        "install",
        "firefox-esr",
        "--reinstall",
        "--download-only",
        "--no-install-recommends",
        "--yes",
    ]))?;
    for package in packages(&apt.join("cache/archives"))? {
        run_quietly(Command::new("dpkg-deb").arg("--extract").args([&package, folder]))?;
    }
    Ok(fs::remove_dir_all(&apt)?)
}

/// apt as it is set up here, with lists and downloads in a folder of ours.
fn apt_get(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    let (state, cache) = (folder.join("state"), folder.join("cache"));
    command.arg("--option").arg(format!("Dir::State={}", state.display()));
    command.arg("--option").arg(format!("Dir::Cache={}", cache.display()));
    command.args(["--option", "Dir::State::status=/var/lib/dpkg/status"]);
    // As root, apt would download as a user who may not write here.
    command.args(["--option", "APT::Sandbox::User="]);
    command
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
}
