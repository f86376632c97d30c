//! Manifests: names for functions whose module went out without them, by build id. They may come before or after what they name.
//!
//! ```text
//! PUT -> check -> shelf: a file each, bounded          telemetry of `func[N]` of a build, as it was stored
//!                     |-> cache -> Namer  ----------->  named when it is read, shown or sent on; never in the log
//! ```
//!
//! - [`check`]: a stranger's bytes in, a manifest out, or why not. Pure.
//! - [`kept`]: a manifest's file. [`shelf`]: which there are, and which goes when there is no room. [`survey`]: what is damaged.
//! - [`namer`]: looks functions up. [`naming`]: puts names into encoded spans and points. [`profile`]: into profiles. Pure.

pub mod check;
mod kept;
mod namer;
mod naming;
mod profile;
mod shelf;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waspect_abi::{BuildId, Manifest};

use crate::clock::now_unix_ms;
use crate::log::Disk;
pub use check::check;
pub use kept::{Survey, survey};
pub use namer::Namer;
pub use naming::build_of;
use shelf::Shelf;
pub use shelf::{Entry, MANIFESTS_MAX};

/// Memory for manifests that are decoded.
const CACHE_BYTES: usize = 64 << 20;

/// The manifests of a store.
#[derive(Clone)]
pub struct Manifests(Arc<Shared>);

struct Shared {
    disk: Arc<dyn Disk>,
    shelf: Mutex<Shelf>,
    cache: Mutex<Cache>,
    /// Held while a file is written, or read and decoded: one at a time is in memory.
    files: Mutex<()>,
}

/// What was decoded, and when it was last wanted.
#[derive(Default)]
struct Cache {
    decoded: HashMap<BuildId, (Arc<Manifest>, usize, u64)>,
    bytes: usize,
    wanted: u64,
}

/// What became of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is the first of its build.
    New,
    /// It took another's place.
    Replaced,
}

impl Manifests {
    /// Those of a directory; and how many files of it are damaged.
    pub fn open(disk: Arc<dyn Disk>) -> io::Result<(Manifests, u64)> {
        let (shelf, damaged) = Shelf::open(&*disk)?;
        let shared = Shared { disk, shelf: Mutex::new(shelf), cache: Mutex::default(), files: Mutex::default() };
        Ok((Manifests(Arc::new(shared)), damaged))
    }

    /// Keeps a manifest that was checked; it is on disk when this returns. It blocks.
    pub fn put(&self, manifest: &Manifest, bytes: &[u8]) -> io::Result<Put> {
        let _turn = lock(&self.0.files);
        let outcome = {
            let kept = kept::Kept::new(manifest, bytes, now_unix_ms());
            kept.save(&*self.0.disk)?;
            lock(&self.0.shelf).put(kept.entry())
        };
        lock(&self.0.cache).forget(manifest.build_id());
        let gone = lock(&self.0.shelf).make_room(manifest.build_id());
        for build in gone {
            lock(&self.0.cache).forget(build);
            // What cannot be removed is seen again at the next start.
            let _ = kept::remove(&*self.0.disk, build);
        }
        Ok(outcome)
    }

    /// A manifest's bytes, as they came. It blocks.
    pub fn bytes(&self, build: BuildId) -> io::Result<Option<Vec<u8>>> {
        if !lock(&self.0.shelf).has(build) {
            return Ok(None);
        }
        let _turn = lock(&self.0.files);
        Ok(kept::Kept::load(&*self.0.disk, build)?.and_then(|kept| kept.manifest_bytes()))
    }

    /// Which there are, by build.
    pub fn list(&self) -> Vec<Entry> {
        lock(&self.0.shelf).list()
    }

    /// True where there is none: then nothing has to be looked at.
    pub fn is_empty(&self) -> bool {
        lock(&self.0.shelf).is_empty()
    }

    /// Telemetry of that build came, and may be asked for.
    pub fn seen(&self, build: BuildId) {
        lock(&self.0.shelf).used(build, now_unix_ms());
    }

    /// A manifest, decoded; `None`: there is none, or it cannot be read. It may block.
    pub fn find(&self, build: BuildId) -> Option<Arc<Manifest>> {
        if !lock(&self.0.shelf).used(build, now_unix_ms()) {
            return None;
        }
        if let Some(manifest) = lock(&self.0.cache).find(build) {
            return Some(manifest);
        }
        let _turn = lock(&self.0.files);
        // Who was here meanwhile may have read it.
        if let Some(manifest) = lock(&self.0.cache).find(build) {
            return Some(manifest);
        }
        let kept = kept::Kept::load(&*self.0.disk, build).ok()??;
        let manifest = Arc::new(kept.manifest()?);
        lock(&self.0.cache).keep(build, manifest.clone());
        Some(manifest)
    }

    /// Writes down when each was used last, if that has changed. It blocks.
    pub fn keep_uses(&self) -> io::Result<()> {
        let uses = lock(&self.0.shelf).changed_uses();
        let Some(uses) = uses else { return Ok(()) };
        let _turn = lock(&self.0.files);
        shelf::save_uses(&*self.0.disk, &uses)
    }
}

impl Cache {
    fn find(&mut self, build: BuildId) -> Option<Arc<Manifest>> {
        self.wanted += 1;
        let (manifest, _, wanted) = self.decoded.get_mut(&build)?;
        *wanted = self.wanted;
        Some(manifest.clone())
    }

    fn keep(&mut self, build: BuildId, manifest: Arc<Manifest>) {
        let bytes = check::memory(&manifest);
        self.forget(build);
        while self.bytes + bytes > CACHE_BYTES
            && let Some(oldest) = self.decoded.iter().min_by_key(|(_, (_, _, wanted))| *wanted).map(|(build, _)| *build)
        {
            self.forget(oldest);
        }
        self.bytes += bytes;
        self.decoded.insert(build, (manifest, bytes, self.wanted));
    }

    fn forget(&mut self, build: BuildId) {
        if let Some((_, bytes, _)) = self.decoded.remove(&build) {
            self.bytes -= bytes;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
