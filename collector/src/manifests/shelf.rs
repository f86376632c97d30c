//! Which manifests there are. When there is no room, the one goes that was of no use for longest.
//!
//! Nothing goes for its age alone: a module may be quiet for a week, and trap then.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use waspect_abi::BuildId;

use super::kept::{self, Kept};
use crate::log::Disk;
use crate::log::whole::{self, Whole};

/// Most manifests.
pub const MANIFESTS_MAX: usize = 1000;

/// Most bytes of them, decompressed: a search by name may have to look into all of them.
const BYTES_MAX: u64 = 256 << 20;

/// The file that says when each was used last. Losing it costs the order in which they go.
const USES: &str = "manifests";

/// A use is written down anew after so long.
const USED_AGAIN_MS: u64 = 60 * 1000;

/// What is known of a manifest without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its build.
    pub build: BuildId,
    /// The module's own name.
    pub module: String,
    /// Functions that it names.
    pub functions: u64,
    /// Its bytes, decompressed.
    pub bytes: u64,
    /// When it came.
    pub pushed_unix_ms: u64,
    /// When telemetry of its build last came or was asked for; 0: never.
    pub used_unix_ms: u64,
}

/// Uses by build, in hexadecimal digits.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Uses(BTreeMap<String, u64>);

/// All manifests.
#[derive(Default)]
pub struct Shelf {
    entries: BTreeMap<u64, Entry>,
    bytes: u64,
    changed: bool,
}

impl Shelf {
    /// Looks what is there; and counts what is damaged.
    pub fn open(disk: &dyn Disk) -> io::Result<(Shelf, u64)> {
        let uses: Uses = match whole::load(disk, USES)? {
            Whole::Payload(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Whole::Missing | Whole::Damaged => Uses::default(),
        };
        let (mut shelf, mut damaged) = (Shelf::default(), 0);
        for build in kept::builds(disk)? {
            match Kept::load(disk, build)? {
                Some(kept) => {
                    shelf.put(kept.entry());
                    shelf.used(build, uses.0.get(&build.hex()).copied().unwrap_or(0));
                }
                None => damaged += 1,
            }
        }
        shelf.changed = false;
        Ok((shelf, damaged))
    }

    /// Adds one, or puts it in another's place.
    pub fn put(&mut self, entry: Entry) -> super::Put {
        self.bytes += entry.bytes;
        match self.entries.insert(entry.build.0, entry) {
            None => super::Put::New,
            Some(old) => {
                self.bytes -= old.bytes;
                self.used(old.build, old.used_unix_ms);
                super::Put::Replaced
            }
        }
    }

    /// Lets go of what has no room, but for the one that came last.
    pub fn make_room(&mut self, last: BuildId) -> Vec<BuildId> {
        let mut gone = Vec::new();
        while self.entries.len() > MANIFESTS_MAX || self.bytes > BYTES_MAX {
            let others = self.entries.values().filter(|entry| entry.build != last);
            let Some(oldest) = others.min_by_key(|entry| (entry.used_unix_ms, entry.pushed_unix_ms)) else { break };
            let build = oldest.build;
            self.bytes -= oldest.bytes;
            self.entries.remove(&build.0);
            gone.push(build);
        }
        gone
    }

    /// Remembers that one was of use; false: there is none.
    pub fn used(&mut self, build: BuildId, unix_ms: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&build.0) else { return false };
        if unix_ms >= entry.used_unix_ms.saturating_add(USED_AGAIN_MS) {
            entry.used_unix_ms = unix_ms;
            self.changed = true;
        }
        true
    }

    /// When each was used last, if that is not written down.
    pub fn changed_uses(&mut self) -> Option<Uses> {
        let uses = self.entries.values().map(|entry| (entry.build.hex(), entry.used_unix_ms));
        std::mem::take(&mut self.changed).then(|| Uses(uses.collect()))
    }

    pub fn has(&self, build: BuildId) -> bool {
        self.entries.contains_key(&build.0)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn list(&self) -> Vec<Entry> {
        self.entries.values().cloned().collect()
    }
}

/// Writes the file of uses.
pub fn save_uses(disk: &dyn Disk, uses: &Uses) -> io::Result<()> {
    whole::save(disk, USES, &serde_json::to_vec(uses)?)
}
