//! Work that is done once, and again only when its inputs change.
//!
//! A stamp is a file that holds a hash of the inputs' contents: copies, clones and touched files do not disturb it, as times
//! would.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::workspace;

/// Does `make` unless it was done from these very inputs (files, or folders with all that they hold) and its outputs are
/// still there. `recipe` is whatever else decides the result: versions, flags.
pub fn once(
    name: &str,
    recipe: &str,
    inputs: &[PathBuf],
    outputs: &[PathBuf],
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stamp = workspace::assets().join("stamps").join(name);
    let wanted = hash(recipe, inputs)?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && outputs.iter().all(|output| output.exists()) {
        return Ok(());
    }
    let start = Instant::now();
    eprintln!("{name}: setting up");
    make()?;
    fs::create_dir_all(stamp.parent().expect("a stamp has a folder"))?;
    fs::write(&stamp, wanted)?;
    eprintln!("{name}: done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Not a cryptographic hash: it guards against stale files, not against malice. A new Rust may hash otherwise; then things
/// are made once more.
fn hash(recipe: &str, inputs: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    for input in inputs {
        hash_path(input, &mut hasher).with_context(|| format!("cannot read {}", input.display()))?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash_path(path: &Path, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    path.file_name().hash(hasher);
    if !path.is_dir() {
        fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let mut entries =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    entries.iter().filter(|entry| !entry.ends_with("target")).try_for_each(|entry| hash_path(entry, hasher))
}
