//! Modules of many toolchains, for `tests/tests/survey.rs`: what npm packages hold, and nothing that these depend on.
//!
//! `tests/survey/*.txt` pin a package a line, by version and integrity: a sample, and, with `WASPECT_SURVEY=all`, more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{output, run_quietly};
use crate::{stamp, workspace};

use super::packages;

/// Fetches those that are asked for.
pub fn set_up() -> Result<()> {
    let lists: &[&str] = match std::env::var_os("WASPECT_SURVEY") {
        Some(_) => &["sample.txt", "more.txt"],
        None => &["sample.txt"],
    };
    for list in lists {
        let list = packages::manifest("survey", list);
        let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
        for (package, integrity) in text.lines().filter_map(|line| line.split_once(' ')) {
            let folder = folder(package);
            stamp::once(&stem(package), integrity, &[], std::slice::from_ref(&folder), || {
                fetch(package, integrity, &folder)
            })?;
        }
    }
    Ok(())
}

/// Where a package's modules are, side by side: `@scope/name@1.0.0` is `survey/scope_name@1.0.0`.
fn folder(package: &str) -> PathBuf {
    workspace::assets().join("survey").join(stem(package))
}

fn stem(package: &str) -> String {
    package.trim_start_matches('@').replace('/', "_")
}

fn fetch(package: &str, integrity: &str, folder: &Path) -> Result<()> {
    let unpacked = folder.with_file_name("unpacked");
    for old in [folder, &unpacked] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
        fs::create_dir_all(old)?;
    }
    let packed = output(Command::new("npm").args(["pack", "--json", package]).current_dir(&unpacked))?;
    ensure!(packed.contains(integrity), "{package} is not the package that tests/survey pins:\n{packed}");
    let mut number = 0;
    for archive in fs::read_dir(&unpacked)?.collect::<Result<Vec<_>, _>>()? {
        run_quietly(Command::new("tar").arg("-xzf").arg(archive.path()).current_dir(&unpacked))?;
    }
    keep(&unpacked, folder, &mut number)?;
    fs::remove_dir_all(&unpacked)?;
    Ok(())
}

/// Moves every module out of the folders below `from`. Two of one name are two modules.
fn keep(from: &Path, to: &Path, number: &mut u32) -> Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for path in entries.iter().map(std::fs::DirEntry::path) {
        if path.is_dir() {
            keep(&path, to, number)?;
        } else if path.extension().is_some_and(|extension| extension == "wasm") {
            let name = path.file_stem().unwrap_or_default().display().to_string();
            fs::rename(&path, to.join(format!("{number}-{name}.wasm")))?;
            *number += 1;
        }
    }
    Ok(())
}
