//! What an index says at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use redb::{ReadTransaction, ReadableTable, TableError};

use super::digest::Operation;
use super::filter;
use super::tables::{self, COUNT, Names, Operations, Profiles, Requests, Row, SEGMENTS, Traces};
use super::terms::{Key, Term};
use crate::log::Place;

/// Operations of one answer: beyond it, those that were not seen for longest are left out.
const OPERATIONS_MAX: usize = 50_000;

/// Services of one answer.
const SERVICES_MAX: usize = 10_000;

/// No name comes after it in an order where [`COUNT`]'s row has the empty name.
const LAST_NAME: &str = "\u{10ffff}";

/// An index at one moment.
pub struct Snapshot {
    transaction: ReadTransaction,
    key: Key,
    /// Ordinals and names, the oldest first.
    segments: Vec<(u64, Names)>,
}

/// What a search wants of a request: all of it, or the request is not worth reading.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Each of these is one of a few terms.
    terms: Vec<Vec<u64>>,
    /// When spans begin, in ns since 1970.
    pub start: Range<u64>,
    /// The shortest duration that counts, in ns.
    pub duration_min: u64,
}

/// A profile that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundProfile {
    /// Its record.
    pub found: Found,
    /// Its build, as its sender wrote it.
    pub build: String,
    /// What it shows, in us since 1970.
    pub interval_us: Range<u64>,
    /// Its bytes, gzipped.
    pub bytes: u64,
}

/// A record that is worth reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub sequence: u64,
    /// Where it lies.
    pub place: Place,
}

impl Snapshot {
    pub(super) fn new(transaction: ReadTransaction, key: Key) -> Result<Snapshot, redb::Error> {
        let mut segments = Vec::new();
        for entry in transaction.open_table(SEGMENTS)?.iter()? {
            let (ordinal, name) = entry?;
            segments.push((ordinal.value(), Names::new(name.value())));
        }
        Ok(Snapshot { transaction, key, segments })
    }

    /// Nothing is wanted but spans that begin then.
    pub fn wanted(&self, start: Range<u64>) -> Wanted {
        Wanted { start, ..Wanted::default() }
    }

    /// One of these terms is wanted as well.
    pub fn want<'t>(&self, wanted: &mut Wanted, terms: impl IntoIterator<Item = Term<'t>>) {
        wanted.terms.push(terms.into_iter().map(|term| self.key.hash(term)).collect());
    }

    /// The records that hold spans of a trace, the oldest first. It ends where `each` says false.
    pub fn trace(&self, id: u128, mut each: impl FnMut(Found) -> bool) -> Result<(), redb::Error> {
        for (segment, names) in &self.segments {
            let Some(table) = found(self.transaction.open_table(Traces::new(&names.traces)))? else { continue };
            for entry in table.range((id, 0)..=(id, u64::MAX))? {
                let (key, offset) = entry?;
                let place = Place { segment: *segment, offset: offset.value() };
                if !each(Found { sequence: key.value().1, place }) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The records that may hold what is wanted, the newest first. It ends where `each` says false.
    pub fn search(&self, wanted: &Wanted, mut each: impl FnMut(Found) -> bool) -> Result<(), redb::Error> {
        for (segment, names) in self.segments.iter().rev() {
            let Some(table) = found(self.transaction.open_table(Requests::new(&names.requests)))? else { continue };
            for entry in table.iter()?.rev() {
                let (sequence, row) = entry?;
                let Some(row) = Row::decode(row.value()) else { continue };
                let found =
                    Found { sequence: sequence.value(), place: Place { segment: *segment, offset: row.offset } };
                if wanted.may_be_in(&row) && !each(found) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A service's operations that are listed, and when each was last seen, in ms since 1970.
    pub fn operations(&self, service: &str) -> Result<BTreeMap<Operation, u64>, redb::Error> {
        let mut operations = BTreeMap::new();
        for (_, names) in self.segments.iter().rev() {
            let Some(table) = found(self.transaction.open_table(Operations::new(&names.operations)))? else { continue };
            for entry in table.range((service, 0, "")..(service, COUNT, ""))? {
                let (key, last_seen) = entry?;
                let (service, kind, name) = key.value();
                if operations.len() >= OPERATIONS_MAX {
                    return Ok(operations);
                }
                let (name, build) = tables::listed(name);
                let operation = Operation { service: service.to_owned(), name: name.to_owned(), kind, build };
                operations.entry(operation).or_insert(last_seen.value());
            }
        }
        Ok(operations)
    }

    /// The profiles of a service, the newest first. It ends where `each` says false.
    pub fn profiles(&self, service: &str, mut each: impl FnMut(FoundProfile) -> bool) -> Result<(), redb::Error> {
        for (segment, names) in self.segments.iter().rev() {
            let Some(table) = found(self.transaction.open_table(Profiles::new(&names.profiles)))? else { continue };
            for entry in table.range((service, 0, 0)..=(service, u64::MAX, u64::MAX))?.rev() {
                let (key, row) = entry?;
                let ((_, start_us, sequence), (offset, end_us, build, bytes)) = (key.value(), row.value());
                let found = Found { sequence, place: Place { segment: *segment, offset } };
                let build = build.to_owned();
                if !each(FoundProfile { found, build, interval_us: start_us..end_us, bytes }) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Every service that has profiles.
    pub fn profiled(&self) -> Result<BTreeSet<String>, redb::Error> {
        let mut services = BTreeSet::new();
        for (_, names) in self.segments.iter().rev() {
            let Some(table) = found(self.transaction.open_table(Profiles::new(&names.profiles)))? else { continue };
            let mut last = String::new();
            while let Some(entry) = table.range((&*last, u64::MAX, u64::MAX)..)?.next() {
                last = entry?.0.value().0.to_owned();
                if services.len() < SERVICES_MAX {
                    services.insert(last.clone());
                }
            }
        }
        Ok(services)
    }

    /// Every service that is listed.
    pub fn services(&self) -> Result<BTreeSet<String>, redb::Error> {
        let mut services = BTreeSet::new();
        for (_, names) in self.segments.iter().rev() {
            let Some(table) = found(self.transaction.open_table(Operations::new(&names.operations)))? else { continue };
            let mut last = String::new();
            // From one service to the next, past all that it does.
            while let Some(entry) = table.range((&*last, COUNT, LAST_NAME)..)?.next() {
                last = entry?.0.value().0.to_owned();
                if services.len() < SERVICES_MAX {
                    services.insert(last.clone());
                }
            }
        }
        Ok(services)
    }
}

impl Wanted {
    fn may_be_in(&self, row: &Row<'_>) -> bool {
        row.start_min < self.start.end
            && row.start_max >= self.start.start
            && row.duration_max >= self.duration_min
            && self.terms.iter().all(|terms| terms.iter().any(|term| filter::may_hold(row.filter, *term)))
    }
}

/// A table, if the segment has one: it may hold no traces.
fn found<T>(table: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => Ok(Some(table?)),
    }
}
