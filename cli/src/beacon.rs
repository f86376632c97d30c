//! Where `waspect up` says that it is up, and where `waspect run` looks.
//!
//! Two files in a folder that is the user's alone: one says where the collector takes OTLP, the other is locked for as long as that
//! process lives. Whether anybody is there is asked of the lock: no connection is tried, and what a killed process left behind
//! misleads nobody.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

/// The file that is locked.
const LOCK: &str = "up.lock";

/// The file that says where.
const ADDRESS: &str = "up.json";

/// How long a `waspect run` may hold the lock that looks whether it is held.
const LOOKING: Duration = Duration::from_secs(1);

/// Where a collector takes OTLP, and is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// OTLP over HTTP, as a URL.
    pub otlp: String,
    /// The page and the queries, as a URL.
    pub query: String,
}

/// That a collector is up, for as long as this lives.
pub struct Beacon {
    _lock: File,
}

impl Beacon {
    /// Says it in that folder.
    pub fn light(folder: &Path, address: &Address) -> Result<Beacon> {
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK));
        let lock = lock.with_context(|| format!("cannot write in `{}`", folder.display()))?;
        let tries = LOOKING.as_millis() / 10;
        for _ in 0..tries {
            match lock.try_lock() {
                Ok(()) => {
                    let text = serde_json::to_vec(address)?;
                    crate::output::write_file(&folder.join(ADDRESS), &text)?;
                    return Ok(Beacon { _lock: lock });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::Error(error)) => return Err(error).context("cannot say that it is up"),
            }
        }
        bail!("another `waspect up` is running; end that one first")
    }
}

/// The collector that is up, if one is.
pub fn find() -> Option<Address> {
    find_in(&folder()?)
}

fn find_in(folder: &Path) -> Option<Address> {
    match File::open(folder.join(LOCK)).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_slice(&fs::read(folder.join(ADDRESS)).ok()?).ok(),
        // Nobody holds it.
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// The folder, as the XDG base directories have it. `None`: this user has no home.
pub fn folder() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("waspect"))
}

/// Makes the folder, for this user alone.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_seen_as_long_as_it_is_lit() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address { otlp: "http://127.0.0.1:1".into(), query: "http://127.0.0.1:2".into() };
        assert_eq!(find_in(folder.path()), None);
        let beacon = Beacon::light(folder.path(), &address).unwrap();
        assert_eq!(find_in(folder.path()), Some(address.clone()));
        assert!(Beacon::light(folder.path(), &address).is_err(), "there is one already");
        drop(beacon);
        assert_eq!(find_in(folder.path()), None);
        fs::write(folder.path().join(ADDRESS), "{").unwrap();
        assert_eq!(find_in(folder.path()), None);
    }
}
