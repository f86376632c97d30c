//! Segments on a disk: opening after anything, committing, letting go of the old. No threads, no clock.
//!
//! Three rules carry the promise that nothing acknowledged is lost:
//! - a record is acknowledged when its file was synced, and its name too;
//! - after any error of a write or a sync the file is never written again: a new one begins at the first number that was not
//!   acknowledged, and what the old one holds from there on does not count. Syncing again would prove nothing, for the system
//!   may have thrown the bytes away when the first sync failed;
//! - an open never writes to a file that is there, so that a repair can destroy nothing.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::disk::{Append, Disk};
use super::positions::Positions;
use super::reader::{Reader, end_of};
use super::record::{self, PAYLOAD_BYTES_MAX};
use super::segment::{Catalog, Segment, Shared, lock};

/// A segment ends after this part of the age that is kept at the latest, so that what is too old can go.
const SEGMENTS_AN_AGE: u64 = 8;

/// How much is kept, and in which pieces.
#[derive(Clone, Debug)]
pub struct Options {
    /// Length at which a new segment begins.
    pub segment_bytes: u64,
    /// Bytes of all segments beyond which the oldest go.
    pub bytes_max: u64,
    /// Age beyond which records go.
    pub age_max: Duration,
    /// Readers, by name. Positions of others are forgotten.
    pub readers: BTreeMap<String, OnFull>,
}

/// What happens when the log is full and a reader still needs the oldest records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// They go, and are counted.
    DropOldest,
    /// They stay, and nothing new is taken.
    Refuse,
}

impl Default for Options {
    /// A day, 10 GiB, segments of 64 MiB.
    fn default() -> Options {
        Options {
            segment_bytes: 64 << 20,
            bytes_max: 10 << 30,
            age_max: Duration::from_secs(24 * 60 * 60),
            readers: BTreeMap::new(),
        }
    }
}

/// Why a log cannot be opened.
#[derive(Debug, Error)]
#[error("the log cannot be opened: {0}")]
pub struct OpenError(#[from] io::Error);

/// Why nothing of a commit is acknowledged. All of them can be tried again.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The disk does not take it.
    #[error("the disk does not take it: {0}")]
    Disk(#[from] io::Error),
    /// A reader that must not lose anything is too far behind.
    #[error("the log is full and `{reader}` has not read its oldest records")]
    Full {
        /// Which one.
        reader: String,
    },
}

/// What an open found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Segments.
    pub segments: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// Records that were acknowledged and are missing at the end; damage elsewhere is found by who reads it.
    pub lost: u64,
    /// True where readers begin anew, because the file of their positions is damaged.
    pub positions_damaged: bool,
}

/// The one writer of a log.
pub struct Store {
    disk: Arc<dyn Disk>,
    options: Options,
    shared: Shared,
    positions: Positions,
    /// The segment that is being written; `None`: the next commit begins one.
    active: Option<Box<dyn Append>>,
    /// Of the next segment; never used twice, though a file of that name may have failed.
    ordinal: u64,
    buffer: Vec<u8>,
}

impl Store {
    /// Opens what is there, and counts what is missing. Nothing that is there is changed.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Store, Opened), OpenError> {
        let Survey { catalog, positions, found_end } = survey(&*disk)?;
        // What was just read may not be durable yet, if the process alone had ended and not the machine.
        if let Some(last) = catalog.segments.last() {
            disk.sync_file(&last.name())?;
            disk.sync_names()?;
        }
        let opened = Opened {
            segments: catalog.segments.len(),
            bytes: catalog.bytes(),
            lost: catalog.end - found_end,
            positions_damaged: positions.is_none(),
        };
        let mut positions = positions.unwrap_or_default();
        positions.readers.retain(|name, _| options.readers.contains_key(name));
        let ordinal = catalog.segments.last().map_or(0, |segment| segment.ordinal + 1);
        let shared = Shared::new(catalog.into());
        let store = Store { disk, options, shared, positions, active: None, ordinal, buffer: Vec::new() };
        Ok((store, opened))
    }

    /// Number of the next record.
    pub fn end(&self) -> u64 {
        lock(&self.shared).end
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        lock(&self.shared).bytes()
    }

    /// Makes payloads durable, as records of these numbers. After an error none of them counts.
    pub fn commit(&mut self, payloads: &[impl AsRef<[u8]>], now_unix_ms: u64) -> Result<Range<u64>, CommitError> {
        self.expire(now_unix_ms)?;
        if self.active.is_none() {
            self.begin(now_unix_ms)?;
        }
        let outcome = self.write(payloads);
        if outcome.is_err() {
            self.abandon();
        }
        Ok(outcome?)
    }

    /// Lets go of what is too much or too old, as far as readers allow it.
    pub fn expire(&mut self, now_unix_ms: u64) -> Result<(), CommitError> {
        let age_max_ms = u64::try_from(self.options.age_max.as_millis()).unwrap_or(u64::MAX);
        let segment_age_max_ms = age_max_ms / SEGMENTS_AN_AGE;
        let too_old = now_unix_ms.saturating_sub(age_max_ms);
        let needed = self.needed();
        loop {
            let (oldest, end, newest_unix_ms, bytes, only) = {
                let catalog = lock(&self.shared);
                let [oldest, rest @ ..] = &catalog.segments[..] else { return Ok(()) };
                let last = rest.last().unwrap_or(oldest);
                if last.made_unix_ms < now_unix_ms.saturating_sub(segment_age_max_ms) {
                    self.active = None;
                }
                let (end, newest_unix_ms) = match rest.first() {
                    Some(next) => (next.first, next.made_unix_ms),
                    None if self.active.is_some() => return Ok(()),
                    None => (catalog.end, oldest.made_unix_ms.saturating_add(segment_age_max_ms)),
                };
                (oldest.name(), end, newest_unix_ms, catalog.bytes(), rest.is_empty())
            };
            let too_much = bytes > self.options.bytes_max && !only;
            if !too_much && newest_unix_ms >= too_old {
                return Ok(());
            }
            match &needed {
                Some((reader, position)) if *position < end && too_much => {
                    return Err(CommitError::Full { reader: reader.clone() });
                }
                Some((_, position)) if *position < end => return Ok(()),
                _ => {}
            }
            if only {
                // Without any segment nothing else says how far the numbers are.
                self.keep_positions([])?;
            }
            match self.disk.remove(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => lock(&self.shared).segments.remove(0),
            };
        }
    }

    /// A reader of that name, where it left off; a new one begins with the oldest record.
    pub fn reader(&self, name: &str) -> Reader {
        self.reader_at(self.positions.readers.get(name).copied().unwrap_or(0))
    }

    /// A reader from a record on.
    pub fn reader_at(&self, sequence: u64) -> Reader {
        Reader::new(self.disk.clone(), self.shared.clone(), sequence.max(lock(&self.shared).oldest()))
    }

    /// Keeps readers' positions.
    pub fn keep_positions(&mut self, positions: impl IntoIterator<Item = (String, u64)>) -> io::Result<()> {
        self.positions.readers.extend(positions);
        self.positions.end = self.end();
        self.positions.save(&*self.disk)
    }

    pub(super) fn shared(&self) -> (Arc<dyn Disk>, Shared, BTreeMap<String, u64>) {
        (self.disk.clone(), self.shared.clone(), self.positions.readers.clone())
    }

    /// The first record that a reader needs that must not lose any.
    fn needed(&self) -> Option<(String, u64)> {
        let refusing = self.options.readers.iter().filter(|(_, on_full)| **on_full == OnFull::Refuse);
        let position = |name: &String| self.positions.readers.get(name).copied().unwrap_or(0);
        refusing.map(|(name, _)| (name.clone(), position(name))).min_by_key(|(_, position)| *position)
    }

    fn begin(&mut self, now_unix_ms: u64) -> io::Result<()> {
        let first = self.end();
        let segment =
            Segment { ordinal: self.ordinal, first, made_unix_ms: now_unix_ms, salt: rand::random(), bytes: 0 };
        self.ordinal += 1;
        self.active = Some(self.disk.create(&segment.name())?);
        lock(&self.shared).segments.push(segment);
        Ok(())
    }

    fn write(&mut self, payloads: &[impl AsRef<[u8]>]) -> io::Result<Range<u64>> {
        let file = self.active.as_mut().expect("a segment was begun");
        let (first, salt, before) = {
            let catalog = lock(&self.shared);
            let segment = catalog.segments.last().expect("a segment was begun");
            (catalog.end, segment.salt, segment.bytes)
        };
        self.buffer.clear();
        for (sequence, payload) in (first..).zip(payloads) {
            record::encode(salt, sequence, payload.as_ref(), &mut self.buffer);
        }
        file.append(&self.buffer)?;
        file.sync()?;
        if before == 0 {
            self.disk.sync_names()?;
        }
        let numbers = first..first + payloads.len() as u64;
        let bytes = before + self.buffer.len() as u64;
        let mut catalog = lock(&self.shared);
        catalog.segments.last_mut().expect("a segment was begun").bytes = bytes;
        catalog.end = numbers.end;
        if bytes >= self.options.segment_bytes {
            self.active = None;
        }
        // One commit of giants must not keep its memory for ever.
        self.buffer.shrink_to(PAYLOAD_BYTES_MAX / 8);
        Ok(numbers)
    }

    /// Never writes to the segment again; one that holds nothing acknowledged goes, if the disk lets it.
    fn abandon(&mut self) {
        self.active = None;
        let mut catalog = lock(&self.shared);
        if let Some(segment) = catalog.segments.pop_if(|segment| segment.bytes == 0) {
            // If it stays, its end is where the next one begins: nothing in it counts.
            let _ = self.disk.remove(&segment.name());
        }
    }
}

/// What is there.
pub(super) struct Survey {
    pub catalog: Catalog,
    /// `None`: damaged.
    pub positions: Option<Positions>,
    /// Number after the last record that can be read: less than the catalog's end where the last ones are lost.
    pub found_end: u64,
}

/// Looks at what is there. Of the records only the last segment's are read.
pub(super) fn survey(disk: &dyn Disk) -> io::Result<Survey> {
    let mut segments = Vec::new();
    for mut segment in disk.names()?.iter().filter_map(|name| Segment::parse(name)) {
        segment.bytes = disk.open(&segment.name())?.size()?;
        segments.push(segment);
    }
    segments.sort_by_key(|segment| segment.ordinal);
    let positions = Positions::load(disk)?;
    let known = positions.iter().flat_map(|positions| positions.readers.values().chain([&positions.end]));
    let known_end = known.copied().max().unwrap_or(0);
    let found_end = match segments.last() {
        Some(last) => end_of(disk, last)?,
        None => known_end,
    };
    Ok(Survey { catalog: Catalog { segments, end: found_end.max(known_end) }, positions, found_end })
}
