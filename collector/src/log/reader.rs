//! Reads records from a position on. What is damaged or gone is stepped over and counted.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::{Disk, Source};
use super::record::{HEADER_BYTES, Step, step};
use super::segment::{Segment, Shared, lock};

/// Bytes that are read at once, where no single record is longer.
const PIECE_BYTES: usize = 256 << 10;

/// The same where one record is wanted, and not those after it.
const RECORD_PIECE_BYTES: usize = 16 << 10;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its segment's ordinal.
    pub segment: u64,
    /// Where it begins in that file.
    pub offset: u64,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub sequence: u64,
    /// Where it lies.
    pub place: Place,
    /// What was appended.
    pub payload: Bytes,
}

/// Reads from a position to the end, again and again. Blocks for the disk only.
pub struct Reader {
    disk: Arc<dyn Disk>,
    shared: Shared,
    next: u64,
    open: Option<Open>,
    damaged: u64,
    expired: u64,
}

impl Reader {
    pub(super) fn new(disk: Arc<dyn Disk>, shared: Shared, from: u64) -> Reader {
        Reader { disk, shared, next: from, open: None, damaged: 0, expired: 0 }
    }

    /// Number of the next record to read.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Records that were stepped over because they are damaged.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Records that were too old before they were read.
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// The next record. `None`: nothing more for now.
    ///
    /// # Errors
    /// When the disk fails. The position stays; it can be tried again.
    pub fn read(&mut self) -> io::Result<Option<Record>> {
        loop {
            let (segment, end) = {
                let catalog = lock(&self.shared);
                if self.next >= catalog.end {
                    return Ok(None);
                }
                match catalog.find(self.next) {
                    Some((segment, end)) => (segment.clone(), end),
                    None => {
                        let oldest = catalog.oldest();
                        self.expired += oldest - self.next;
                        self.next = oldest;
                        continue;
                    }
                }
            };
            match self.read_in(&segment, end) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_listed(&segment) => continue,
                Err(error) => return Err(error),
                Ok(Some(record)) => {
                    self.skip_to(record.sequence);
                    self.next += 1;
                    return Ok(Some(record));
                }
                Ok(None) => self.skip_to(end),
            }
        }
    }

    /// The first record of a segment that is not before the position.
    fn read_in(&mut self, segment: &Segment, end: u64) -> io::Result<Option<Record>> {
        let mut open = match self.open.take() {
            Some(open) if open.ordinal == segment.ordinal && open.passed <= self.next => open,
            _ => Open::new(&*self.disk, segment, PIECE_BYTES)?,
        };
        let found = open.find(segment, self.next, end)?;
        self.open = Some(open);
        Ok(found)
    }

    fn skip_to(&mut self, sequence: u64) {
        self.damaged += sequence - self.next;
        self.next = sequence;
    }

    fn is_listed(&self, segment: &Segment) -> bool {
        lock(&self.shared).segments.iter().any(|listed| listed.ordinal == segment.ordinal)
    }
}

/// Number after the last record of a segment that can be read.
pub(super) fn end_of(disk: &dyn Disk, segment: &Segment) -> io::Result<u64> {
    let mut open = Open::new(disk, segment, PIECE_BYTES)?;
    while open.find(segment, segment.first, u64::MAX)?.is_some() {}
    Ok(open.passed)
}

/// The record of that number, if it begins there and is whole.
pub(super) fn record_at(disk: &dyn Disk, segment: &Segment, offset: u64, sequence: u64) -> io::Result<Option<Record>> {
    let mut open = Open::new(disk, segment, RECORD_PIECE_BYTES)?;
    open.offset = offset;
    let found = open.find(segment, sequence, sequence.saturating_add(1))?;
    Ok(found.filter(|record| record.place.offset == offset))
}

/// A segment that is being read.
struct Open {
    ordinal: u64,
    /// Bytes that are read at once, where no single record is longer.
    piece: usize,
    source: Box<dyn Source>,
    /// Records before this number lie behind.
    passed: u64,
    /// Where `buffer` begins in the file.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are done with.
    used: usize,
}

impl Open {
    fn new(disk: &dyn Disk, segment: &Segment, piece: usize) -> io::Result<Open> {
        let source = disk.open(&segment.name())?;
        let (ordinal, passed) = (segment.ordinal, segment.first);
        Ok(Open { ordinal, piece, source, passed, offset: 0, buffer: Vec::new(), used: 0 })
    }

    fn find(&mut self, segment: &Segment, from: u64, end: u64) -> io::Result<Option<Record>> {
        loop {
            let last = self.offset + self.buffer.len() as u64 >= segment.bytes;
            match step(segment.salt, &self.buffer[self.used..], last) {
                Step::End => return Ok(None),
                Step::More { bytes } => self.fill(segment, bytes)?,
                Step::Damage { bytes } => self.used += bytes,
                Step::Record { sequence, .. } if sequence >= end => return Ok(None),
                Step::Record { sequence, bytes } => {
                    let payload = self.used + HEADER_BYTES..self.used + bytes;
                    let place = Place { segment: self.ordinal, offset: self.offset + self.used as u64 };
                    self.used += bytes;
                    self.passed = self.passed.max(sequence.saturating_add(1));
                    if sequence >= from {
                        let payload = Bytes::copy_from_slice(&self.buffer[payload]);
                        return Ok(Some(Record { sequence, place, payload }));
                    }
                }
            }
        }
    }

    /// Reads on until at least `wanted` bytes are there, or the segment ends.
    fn fill(&mut self, segment: &Segment, wanted: usize) -> io::Result<()> {
        self.buffer.drain(..self.used);
        self.offset += self.used as u64;
        self.used = 0;
        let have = self.buffer.len();
        let left = segment.bytes.saturating_sub(self.offset + have as u64);
        let more = u64::try_from((wanted - have).max(self.piece)).unwrap_or(u64::MAX).min(left) as usize;
        self.buffer.resize(have + more, 0);
        let read = self.source.read_at(self.offset + have as u64, &mut self.buffer[have..]);
        match read {
            // Cut off behind our back: what is missing is damage, and zeros are no record.
            Ok(_) => Ok(()),
            Err(error) => {
                self.buffer.truncate(have);
                Err(error)
            }
        }
    }
}
