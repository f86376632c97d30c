//! The index on disk: a database of which every table belongs to one segment of the log, and goes with it.
//!
//! ```text
//! traces/SEGMENT       trace id, record number -> where the record begins
//! requests/SEGMENT     record number -> where it begins, its spans' times, its filter
//! operations/SEGMENT   service, kind, name (and the build, where nothing names the function) -> when last seen
//! profiles/SEGMENT     service, when it began, record number -> where the record begins, when it ended, its build, its bytes
//! ```
//!
//! Why tables by segment, and not one? What the log drops is dropped here in one step; in one table it would be a search for
//! its rows, through an index of the whole day, for each segment that goes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use waspect_abi::BuildId;

use super::digest::{Digest, Operation};
use super::filter;
use super::terms::Key;
use crate::log::{Place, SegmentInfo};
use crate::manifests::check::build_id;
use crate::profiles::Stored;

/// What these tables are. Another number: they are a stranger's.
const VERSION: u64 = 3;

const FACTS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("facts");
pub(super) const SEGMENTS: TableDefinition<'static, u64, &'static str> = TableDefinition::new("segments");

/// Where a trace's records begin.
pub(super) type Traces<'n> = TableDefinition<'n, (u128, u64), u64>;
/// What can be known of a request without reading it.
pub(super) type Requests<'n> = TableDefinition<'n, u64, &'static [u8]>;
/// When operations were last seen, in ms since 1970.
pub(super) type Operations<'n> = TableDefinition<'n, OperationKey, u64>;
/// What can be known of a profile without reading it. Times are in us since 1970.
pub(super) type Profiles<'n> = TableDefinition<'n, ProfileKey, (u64, u64, &'static str, u64)>;
type ProfileKey = (&'static str, u64, u64);
type OperationKey = (&'static str, u8, &'static str);
type OperationsTable<'t> = redb::Table<'t, OperationKey, u64>;

/// Operations that are listed of one segment; those beyond are found by search.
pub const OPERATIONS_MAX: u64 = 10_000;

/// Of them, those of one service: no service's flood hides another.
pub const OPERATIONS_OF_SERVICE_MAX: u64 = 1_000;

/// In the place of a kind: how many operations of the service are listed.
pub(super) const COUNT: u8 = u8::MAX;

/// The names of a segment's tables.
pub(super) struct Names {
    pub traces: String,
    pub requests: String,
    pub operations: String,
    pub profiles: String,
}

impl Names {
    pub fn new(segment: &str) -> Names {
        Names {
            traces: format!("traces/{segment}"),
            requests: format!("requests/{segment}"),
            operations: format!("operations/{segment}"),
            profiles: format!("profiles/{segment}"),
        }
    }
}

/// What the index says of itself.
#[derive(Clone, Copy)]
pub struct Facts {
    /// The key of its hashes.
    pub key: Key,
    /// Number of the next record to read.
    pub position: u64,
}

/// A request that is to be found.
pub struct Request {
    /// Its record.
    pub sequence: u64,
    /// The record's segment.
    pub segment: u64,
    /// Where the record begins.
    pub offset: u64,
    /// When it was received.
    pub received_unix_ms: u64,
    /// What it says.
    pub digest: Digest,
}

/// A profile that is to be found.
pub struct ProfileRow {
    /// Its record.
    pub sequence: u64,
    /// Where that lies.
    pub place: Place,
    /// Whose it is, of which build, and when.
    pub stored: Stored,
}

/// The facts of a database that is an index of a log with these segments; `None`: it is not, or not any more.
pub fn facts(database: &Database, segments: &[SegmentInfo], end: u64) -> Result<Option<Facts>, redb::Error> {
    let transaction = database.begin_read()?;
    let facts = match transaction.open_table(FACTS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        facts => facts?,
    };
    let fact = |name| facts.get(name).map(|value| value.map(|value| value.value()));
    let (Some(VERSION), Some(low), Some(high), Some(position)) =
        (fact("version")?, fact("key_low")?, fact("key_high")?, fact("position")?)
    else {
        return Ok(None);
    };
    let listed = transaction.open_table(SEGMENTS)?;
    for segment in segments.iter().filter(|segment| segment.records.start < position) {
        // Another log's, or an index of which this segment was no part.
        if listed.get(segment.ordinal)?.is_none_or(|name| name.value() != segment.name) {
            return Ok(None);
        }
    }
    let key = Key((u128::from(high) << 64 | u128::from(low)).to_le_bytes());
    Ok((position <= end).then_some(Facts { key, position }))
}

/// Makes an empty database an index.
pub fn create(database: &Database) -> Result<Facts, redb::Error> {
    let key: [u64; 2] = rand::random();
    let transaction = database.begin_write()?;
    {
        let mut facts = transaction.open_table(FACTS)?;
        for (name, value) in [("version", VERSION), ("key_low", key[0]), ("key_high", key[1]), ("position", 0)] {
            facts.insert(name, value)?;
        }
        transaction.open_table(SEGMENTS)?;
    }
    transaction.commit()?;
    let key = Key((u128::from(key[1]) << 64 | u128::from(key[0])).to_le_bytes());
    Ok(Facts { key, position: 0 })
}

/// Adds requests, lets go of segments that the log has not any more, and moves the position: all of it or nothing. What is not
/// `durable` is seen at once, and lost with the power: then it is read from the log again.
pub fn write(
    database: &Database,
    requests: &[Request],
    profiles: &[ProfileRow],
    position: u64,
    segments: &[SegmentInfo],
    durable: bool,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(if durable { Durability::Immediate } else { Durability::None })?;
    transaction.open_table(FACTS)?.insert("position", position)?;
    keep(&transaction, segments, position)?;
    let names: BTreeMap<u64, &str> = segments.iter().map(|segment| (segment.ordinal, &*segment.name)).collect();
    for requests in requests.chunk_by(|a, b| a.segment == b.segment) {
        // A segment that went while its records were read is of no use any more.
        if let Some(name) = names.get(&requests[0].segment) {
            add(&transaction, &Names::new(name), requests)?;
        }
    }
    for profile in profiles {
        if let Some(name) = names.get(&profile.place.segment) {
            let ProfileRow { sequence, place, stored } = profile;
            let mut table = transaction.open_table(Profiles::new(&Names::new(name).profiles))?;
            let row = (place.offset, stored.end_us, &*stored.build, stored.gzipped.len() as u64);
            table.insert((&*stored.service, stored.start_us, *sequence), row)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Lists the segments that are there, and drops the tables of those that are not.
fn keep(transaction: &WriteTransaction, segments: &[SegmentInfo], position: u64) -> Result<(), redb::Error> {
    let mut listed = transaction.open_table(SEGMENTS)?;
    let mut gone = Vec::new();
    for entry in listed.iter()? {
        let (ordinal, name) = entry?;
        let same = |segment: &SegmentInfo| segment.ordinal == ordinal.value() && segment.name == name.value();
        if !segments.iter().any(same) {
            gone.push((ordinal.value(), name.value().to_owned()));
        }
    }
    for (ordinal, name) in gone {
        listed.remove(ordinal)?;
        let names = Names::new(&name);
        transaction.delete_table(Traces::new(&names.traces))?;
        transaction.delete_table(Requests::new(&names.requests))?;
        transaction.delete_table(Operations::new(&names.operations))?;
        transaction.delete_table(Profiles::new(&names.profiles))?;
    }
    for segment in segments.iter().filter(|segment| segment.records.start < position) {
        listed.insert(segment.ordinal, &*segment.name)?;
    }
    Ok(())
}

fn add(transaction: &WriteTransaction, names: &Names, requests: &[Request]) -> Result<(), redb::Error> {
    let mut traces = transaction.open_table(Traces::new(&names.traces))?;
    // Sorted: neighbours share the pages that are written.
    let keys = requests
        .iter()
        .flat_map(|request| request.digest.traces.iter().map(|trace| ((*trace, request.sequence), request.offset)));
    let keys: BTreeMap<_, _> = keys.collect();
    for (key, offset) in keys {
        traces.insert(key, offset)?;
    }
    let mut table = transaction.open_table(Requests::new(&names.requests))?;
    for request in requests {
        table.insert(request.sequence, &*Row::encode(request))?;
    }
    let mut seen = BTreeMap::new();
    for request in requests {
        for operation in &request.digest.operations {
            let last = seen.entry(operation).or_insert(request.received_unix_ms);
            *last = (*last).max(request.received_unix_ms);
        }
    }
    add_operations(&mut transaction.open_table(Operations::new(&names.operations))?, &seen)
}

fn add_operations(table: &mut OperationsTable<'_>, seen: &BTreeMap<&Operation, u64>) -> Result<(), redb::Error> {
    for (operation, last_seen) in seen {
        let name = listing(operation);
        let key = (&*operation.service, operation.kind, &*name);
        if table.get(key)?.is_none() {
            let count = (&*operation.service, COUNT, "");
            let of_service = table.get(count)?.map_or(0, |count| count.value());
            if table.len()? >= OPERATIONS_MAX || of_service >= OPERATIONS_OF_SERVICE_MAX {
                continue;
            }
            table.insert(count, of_service + 1)?;
        }
        table.insert(key, *last_seen)?;
    }
    Ok(())
}

/// What stands between a name and a build.
const BUILD: char = '\0';

/// An operation's name as the table has it.
fn listing(operation: &Operation) -> Cow<'_, str> {
    match operation.build {
        None => Cow::Borrowed(&operation.name),
        Some(build) => format!("{}{BUILD}{build}", operation.name).into(),
    }
}

/// The name and the build.
pub(super) fn listed(name: &str) -> (&str, Option<BuildId>) {
    let split = name.rsplit_once(BUILD);
    match split.and_then(|(name, build)| Some((name, build_id(build)?))) {
        Some((name, build)) => (name, Some(build)),
        None => (name, None),
    }
}

/// A request as `requests` has it.
pub(super) struct Row<'r> {
    pub offset: u64,
    pub start_min: u64,
    pub start_max: u64,
    pub duration_max: u64,
    pub filter: &'r [u8],
}

impl Row<'_> {
    fn encode(request: &Request) -> Vec<u8> {
        let digest = &request.digest;
        let numbers = [request.offset, digest.start_min, digest.start_max, digest.duration_max];
        let mut row: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        row.extend(filter::build(&digest.terms));
        row
    }

    /// `None`: it is no row of ours.
    pub fn decode(row: &[u8]) -> Option<Row<'_>> {
        let (numbers, filter) = row.split_at_checked(32)?;
        let number = |at: usize| u64::from_le_bytes(numbers[at * 8..][..8].try_into().expect("eight bytes"));
        Some(Row { offset: number(0), start_min: number(1), start_max: number(2), duration_max: number(3), filter })
    }
}
