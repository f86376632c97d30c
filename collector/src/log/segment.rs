//! A segment: a file of records, whose name says what its bytes cannot be trusted to say. Pure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Which file it is, in the order of their making.
    pub ordinal: u64,
    /// Number of its first record.
    pub first: u64,
    /// When it was made.
    pub made_unix_ms: u64,
    /// Where its checksums begin.
    pub salt: u32,
    /// Bytes that hold acknowledged records; after an open all that the file has.
    pub bytes: u64,
}

impl Segment {
    /// The file's name: all but the length.
    pub fn name(&self) -> String {
        format!("{:08x}-{:016x}-{:012x}-{:08x}.log", self.ordinal, self.first, self.made_unix_ms, self.salt)
    }

    /// What a name says; `None`: it is no segment's.
    pub fn parse(name: &str) -> Option<Segment> {
        let mut parts = name.strip_suffix(".log")?.split('-');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (ordinal, first, made_unix_ms, salt) = (number()?, number()?, number()?, number()?);
        let segment = Segment { ordinal, first, made_unix_ms, salt: u32::try_from(salt).ok()?, bytes: 0 };
        (segment.name() == name).then_some(segment)
    }
}

/// Which segments there are, and up to which record they are read: what the committer and the readers share.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// In the order of their making. Each ends where the next begins: what its file holds beyond was never acknowledged.
    pub segments: Vec<Segment>,
    /// Number of the next record: all before it are durable.
    pub end: u64,
}

impl Catalog {
    /// Number of the oldest record that may still be there.
    pub fn oldest(&self) -> u64 {
        self.segments.first().map_or(self.end, |segment| segment.first)
    }

    /// The segment that a record is in, and where that segment ends.
    pub fn find(&self, sequence: u64) -> Option<(&Segment, u64)> {
        let at = self.segments.partition_point(|segment| segment.first <= sequence).checked_sub(1)?;
        let end = self.segments.get(at + 1).map_or(self.end, |next| next.first);
        Some((&self.segments[at], end))
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// A catalog that several threads see. None of them panics while it holds the lock.
pub(super) type Shared = Arc<Mutex<Catalog>>;

pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, Catalog> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        let segment = Segment { ordinal: 3, first: 70_000, made_unix_ms: 1_790_000_000_000, salt: 9, bytes: 0 };
        assert_eq!(Segment::parse(&segment.name()), Some(segment));
        for other in ["lock", "positions", "1-2-3-4.log", "00000003-zz-3-4.log", ".log"] {
            assert_eq!(Segment::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_segment_ends_where_the_next_begins() {
        let segment = |ordinal, first| Segment { ordinal, first, made_unix_ms: 0, salt: 0, bytes: 10 };
        // The second held nothing that was acknowledged.
        let catalog = Catalog { segments: vec![segment(1, 10), segment(2, 20), segment(3, 20)], end: 25 };
        let find = |sequence| catalog.find(sequence).map(|(segment, end)| (segment.ordinal, end));
        assert_eq!(
            [find(9), find(10), find(19), find(20), find(24)],
            [None, Some((1, 20)), Some((1, 20)), Some((3, 25)), Some((3, 25))]
        );
        assert_eq!((catalog.oldest(), catalog.bytes(), Catalog::default().oldest()), (10, 30, 0));
    }
}
