//! Finds traces: the index says where to look, the log what is there. It blocks for the disk.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use thiserror::Error;

use super::budget::Budget;
use super::matching::Search;
use super::trace::{Gatherer, Trace};
use crate::entry::Entry;
use crate::index::{Found, Index, Operation, Snapshot, Unavailable};
use crate::log::Log;
use crate::manifests::{Manifests, Namer};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The index cannot be asked.
    #[error(transparent)]
    Index(#[from] Unavailable),
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Disk(#[from] std::io::Error),
}

/// Which part of a search's answer. Written and read, it is what a client sends back for the part that follows.
///
/// What comes meanwhile is in none of the parts that follow: it is newer than the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The newest record that counts; none: the newest that there is.
    pub newest: Option<u64>,
    /// Traces that came before.
    pub skip: usize,
}

impl Page {
    /// Reads what [`fmt::Display`] wrote.
    pub fn read(token: &str) -> Option<Page> {
        let (newest, skip) = token.split_once('-')?;
        Some(Page { newest: Some(newest.parse().ok()?), skip: skip.parse().ok()? })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.newest.unwrap_or(u64::MAX), self.skip)
    }
}

/// One query.
pub struct Finder<'q> {
    pub(super) log: &'q Log,
    pub(super) index: &'q Index,
    pub(super) snapshot: Snapshot,
    /// Names what has none.
    pub(super) namer: Namer,
    /// What it may still cost.
    pub budget: Budget,
}

impl<'q> Finder<'q> {
    /// Asks the index as it is now.
    pub fn new(log: &'q Log, index: &'q Index, manifests: &Manifests) -> Result<Finder<'q>, QueryError> {
        let (snapshot, namer) = (index.snapshot()?, Namer::new(manifests));
        Ok(Finder { log, index, snapshot, namer, budget: Budget::new() })
    }

    /// A trace. `None`: there is none of that id.
    pub fn trace(&mut self, id: u128) -> Result<Option<Trace>, QueryError> {
        let mut gatherer = Gatherer::new(id);
        let (log, budget, namer, mut outcome) = (self.log, &mut self.budget, &mut self.namer, Ok(()));
        let each = |found| {
            outcome = read(log, found, |request| gatherer.add(request, namer, budget));
            outcome.is_ok() && budget.has_time()
        };
        self.snapshot.trace(id, each).map_err(|error| self.index.damaged(&error.to_string()))?;
        outcome?;
        let mut trace = gatherer.finish();
        if let Some(trace) = &mut trace {
            trace.cut |= self.budget.spent;
        }
        Ok(trace)
    }

    /// The traces of which a span is asked for, those that came last first.
    pub fn search(&mut self, search: &Search) -> Result<Vec<Trace>, QueryError> {
        let mut traces = Vec::new();
        for id in self.ids(search, Page::default())?.0 {
            if self.budget.spent {
                break;
            }
            traces.extend(self.trace(id)?);
        }
        Ok(traces)
    }

    /// Every request that may have spans which begin then, the newest first.
    pub fn requests(
        &mut self,
        start: std::ops::Range<u64>,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), QueryError> {
        let (log, budget, mut outcome) = (self.log, &mut self.budget, Ok(()));
        let wanted = self.snapshot.wanted(start);
        let each = |found| {
            let mut on = false;
            outcome = read(log, found, |request| on = each(request));
            outcome.is_ok() && budget.has_time() && on
        };
        self.snapshot.search(&wanted, each).map_err(|error| self.index.damaged(&error.to_string()))?;
        Ok(outcome?)
    }

    /// What a service does: names and kinds.
    pub fn operations(&mut self, service: &str) -> Result<BTreeSet<(String, u8)>, QueryError> {
        let listed = self.ask(|snapshot| snapshot.operations(service))?.into_keys();
        let namer = &mut self.namer;
        Ok(listed.map(|Operation { name, build, kind, .. }| (namer.name(name, build), kind)).collect())
    }

    /// What the index itself says.
    pub fn ask<T>(&self, ask: impl FnOnce(&Snapshot) -> Result<T, redb::Error>) -> Result<T, QueryError> {
        Ok(ask(&self.snapshot).map_err(|error| self.index.damaged(&error.to_string()))?)
    }

    /// The ids of those traces, as many as the search wants after those that the page leaves out, and where the next page begins if
    /// there are more.
    pub fn ids(&mut self, search: &Search, page: Page) -> Result<(Vec<u128>, Option<Page>), QueryError> {
        let (log, budget, namer, mut outcome) = (self.log, &mut self.budget, &mut self.namer, Ok(()));
        let wanted = search.wanted(&self.snapshot, namer, budget);
        let (mut ids, mut seen) = (Vec::new(), HashSet::new());
        let mut newest = page.newest;
        let end = page.skip.saturating_add(search.limit);
        let each = |found: Found| {
            if found.sequence > *newest.get_or_insert(found.sequence) {
                return budget.has_time();
            }
            let mut of_request = Vec::new();
            outcome = read(log, found, |request| search.find(request, namer, |id| of_request.push(id)));
            ids.extend(of_request.into_iter().rev().filter(|id| seen.insert(*id)));
            // One more says that there is a next page.
            outcome.is_ok() && ids.len() <= end && budget.has_time()
        };
        self.snapshot.search(&wanted, each).map_err(|error| self.index.damaged(&error.to_string()))?;
        outcome?;
        let next = (ids.len() > end).then_some(Page { newest, skip: end });
        ids.truncate(end);
        ids.drain(..page.skip.min(ids.len()));
        Ok((ids, next))
    }
}

/// Reads a request of the log. One that is damaged or gone is not there.
fn read(log: &Log, found: Found, each: impl FnOnce(&[u8])) -> std::io::Result<()> {
    if let Some(record) = log.record(found.sequence, found.place)?
        && let Some(request) = Entry::decode(&record.payload).and_then(|entry| entry.protobuf().ok())
    {
        each(&request);
    }
    Ok(())
}
