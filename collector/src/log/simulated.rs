//! A disk that loses power, tears what was not synced, runs full, and fails: as bad as [`super::disk`] allows one to be.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::disk::{Append, Disk, Source};

/// What tears in one piece.
const SECTOR_BYTES: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct Simulated(Arc<Mutex<World>>);

struct World {
    random: SmallRng,
    files: Vec<Contents>,
    names: Names,
    /// As they are after a power cut, but for those in `unsynced`.
    durable_names: Names,
    /// Changes that a power cut may keep or not, each on its own.
    unsynced: Vec<Vec<(String, Option<usize>)>>,
    faults: Faults,
}

type Names = BTreeMap<String, usize>;

#[derive(Default)]
struct Contents {
    bytes: Vec<u8>,
    /// So many of them are durable, but for those in `doubtful`.
    synced: usize,
    /// What a failed sync was to write: later syncs think that it is written.
    doubtful: Vec<Range<usize>>,
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Operations that change something until power fails; all of them fail from then on.
    pub power: Option<u32>,
    /// One operation of so many fails; 0: none.
    pub one_in: u32,
    /// Bytes that fit.
    pub capacity: Option<usize>,
    /// Syncs do nothing, and say that they did it.
    pub lies: bool,
}

impl Simulated {
    /// An empty disk that never fails.
    pub fn new(seed: u64) -> Simulated {
        Simulated(Arc::new(Mutex::new(World {
            random: SmallRng::seed_from_u64(seed),
            files: Vec::new(),
            names: Names::new(),
            durable_names: Names::new(),
            unsynced: Vec::new(),
            faults: Faults::default(),
        })))
    }

    /// From now on this goes wrong.
    pub fn fail(&self, faults: Faults) {
        self.world().faults = faults;
    }

    /// Power is cut, and comes back.
    pub fn cut_power(&self) {
        let world = &mut *self.world();
        world.faults = Faults::default();
        for change in std::mem::take(&mut world.unsynced) {
            if world.random.random() {
                apply(&mut world.durable_names, change);
            }
        }
        world.names = world.durable_names.clone();
        for contents in &mut world.files {
            contents.tear(&mut world.random);
        }
    }

    /// Changes a file behind everybody's back.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let world = &mut *self.world();
        change(&mut world.files[world.names[name]].bytes);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test goes on after a panic")
    }
}

impl Contents {
    fn tear(&mut self, random: &mut SmallRng) {
        let unsynced = self.synced..self.bytes.len();
        for range in self.doubtful.drain(..).chain([unsynced.clone()]) {
            for start in range.clone().step_by(SECTOR_BYTES) {
                let sector = &mut self.bytes[start..(start + SECTOR_BYTES).min(range.end)];
                match random.random_range(0..3) {
                    0 => sector.fill(0),
                    1 => random.fill(sector),
                    _ => {}
                }
            }
        }
        self.bytes.truncate(random.random_range(unsynced.start..=unsynced.end));
        self.synced = self.bytes.len();
    }
}

impl World {
    /// Counts an operation that changes something; an error: it fails.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.faults.power {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        if self.faults.one_in > 0 && self.random.random_ratio(1, self.faults.one_in) {
            return Err(io::Error::other("a fault"));
        }
        Ok(())
    }

    fn change(&mut self, change: Vec<(String, Option<usize>)>) {
        apply(&mut self.names, change.clone());
        self.unsynced.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn apply(names: &mut Names, change: Vec<(String, Option<usize>)>) {
    for (name, file) in change {
        match file {
            Some(file) => names.insert(name, file),
            None => names.remove(&name),
        };
    }
}

impl Disk for Simulated {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut world = self.world();
        world.operate()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.files.len();
        world.files.push(Contents::default());
        world.change(vec![(name.to_owned(), Some(file))]);
        Ok(Box::new(Opened { disk: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(Opened { disk: self.clone(), file: self.world().find(name)? }))
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        let file = self.world().find(name)?;
        Opened { disk: self.clone(), file }.sync()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        let file = world.find(from)?;
        world.change(vec![(from.to_owned(), None), (to.to_owned(), Some(file))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        world.find(name)?;
        world.change(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        if world.faults.lies {
            return Ok(());
        }
        world.unsynced.clear();
        world.durable_names = world.names.clone();
        Ok(())
    }
}

struct Opened {
    disk: Simulated,
    file: usize,
}

impl Append for Opened {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let world = &mut *self.disk.world();
        let used: usize = world.names.values().map(|file| world.files[*file].bytes.len()).sum();
        let room = world.faults.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used));
        let outcome = match room < bytes.len() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => world.operate(),
        };
        let written = match outcome.is_ok() {
            true => bytes.len(),
            false => world.random.random_range(0..=bytes.len().min(room)),
        };
        world.files[self.file].bytes.extend(&bytes[..written]);
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        let world = &mut *self.disk.world();
        let outcome = world.operate();
        if world.faults.lies {
            return Ok(());
        }
        let contents = &mut world.files[self.file];
        if outcome.is_err() {
            contents.doubtful.push(contents.synced..contents.bytes.len());
        }
        contents.synced = contents.bytes.len();
        outcome
    }
}

impl Source for Opened {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.world().files[self.file].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let world = self.disk.world();
        let bytes = &world.files[self.file].bytes;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let read = buffer.len().min(bytes.len() - from);
        buffer[..read].copy_from_slice(&bytes[from..from + read]);
        Ok(read)
    }
}
