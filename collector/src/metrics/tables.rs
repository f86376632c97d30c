//! The streams on disk, with the position in the log up to which they are added up: both change in one transaction, so a crash at any
//! moment counts nothing twice and leaves nothing out.
//!
//! ```text
//! facts      version, position
//! segment    ordinal and name of the log's segment in which the position lies
//! metrics    number -> head
//! streams    number of the metric, attributes -> when, and the data point
//! batches    number -> batch that was taken, the oldest first
//! ```

use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::state::{Changes, State};
use crate::batches::{BATCHES_MAX, Batch};
use crate::log::SegmentInfo;

/// What these tables are. Another number: they are a stranger's.
const VERSION: u64 = 1;

const FACTS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("facts");
const SEGMENT: TableDefinition<'static, u64, &'static str> = TableDefinition::new("segment");
const METRICS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("metrics");
const STREAMS: TableDefinition<'static, (u64, &'static [u8]), &'static [u8]> = TableDefinition::new("streams");
const BATCHES: TableDefinition<'static, u64, u64> = TableDefinition::new("batches");

/// What was kept.
pub struct Kept {
    /// All streams.
    pub state: State,
    /// Number of the next record to read.
    pub position: u64,
    /// Batches that were taken, the oldest first.
    pub batches: Vec<Batch>,
}

/// A value; `None`: there is none any more.
type Encoded = Option<Vec<u8>>;

/// What is to be kept, encoded.
#[derive(Default)]
pub struct Update {
    /// What is there is not to stay.
    whole: bool,
    metrics: Vec<(u64, Encoded)>,
    streams: Vec<(u64, Box<[u8]>, Encoded)>,
    /// Batches of records that were read since.
    pub batches: Vec<Batch>,
    /// Number of the next record to read.
    pub position: u64,
}

impl Update {
    /// What these changes come to.
    pub fn new(state: &State, changes: Changes, whole: bool, position: u64, batches: Vec<Batch>) -> Update {
        let metrics = changes.metrics.into_iter().map(|id| (id, state.encoded_metric(id)));
        let streams = changes.streams.into_iter().map(|(id, set)| {
            let encoded = state.encoded_stream(id, &set);
            (id, set, encoded)
        });
        Update { whole, metrics: metrics.collect(), streams: streams.collect(), batches, position }
    }
}

/// What a database of a log with these segments keeps; `None`: it is another log's, or a part of it is missing.
pub fn read(database: &Database, segments: &[SegmentInfo], end: u64) -> Result<Option<Kept>, redb::Error> {
    let transaction = database.begin_read()?;
    let facts = match transaction.open_table(FACTS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        facts => facts?,
    };
    let fact = |name| facts.get(name).map(|value| value.map(|value| value.value()));
    let (Some(VERSION), Some(position)) = (fact("version")?, fact("position")?) else { return Ok(None) };
    if let Some(entry) = transaction.open_table(SEGMENT)?.first()? {
        let (ordinal, name) = (entry.0.value(), entry.1.value());
        if segments.iter().any(|segment| segment.ordinal == ordinal && segment.name != name) {
            return Ok(None);
        }
    }
    let mut state = State::default();
    for entry in transaction.open_table(METRICS)?.iter()? {
        let (id, head) = entry?;
        if !state.decode_metric(id.value(), head.value()) {
            return Ok(None);
        }
    }
    for entry in transaction.open_table(STREAMS)?.iter()? {
        let (key, stream) = entry?;
        let (id, set) = key.value();
        if !state.decode_stream(id, set, stream.value()) {
            return Ok(None);
        }
    }
    let mut batches = Vec::new();
    for entry in transaction.open_table(BATCHES)?.iter()? {
        batches.push(Batch(entry?.1.value()));
    }
    Ok((position <= end).then_some(Kept { state, position, batches }))
}

/// Makes all of it durable, or nothing.
pub fn write(database: &Database, update: &Update, segments: &[SegmentInfo]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut facts = transaction.open_table(FACTS)?;
        facts.insert("version", VERSION)?;
        facts.insert("position", update.position)?;
        let mut segment = transaction.open_table(SEGMENT)?;
        segment.retain(|_, _| false)?;
        let last = update.position.saturating_sub(1);
        if let Some(read) = segments.iter().find(|segment| segment.records.contains(&last)) {
            segment.insert(read.ordinal, &*read.name)?;
        }
        if update.whole {
            transaction.delete_table(METRICS)?;
            transaction.delete_table(STREAMS)?;
        }
        let mut metrics = transaction.open_table(METRICS)?;
        for (id, head) in &update.metrics {
            match head {
                Some(head) => metrics.insert(id, &**head)?,
                None => metrics.remove(id)?,
            };
        }
        let mut streams = transaction.open_table(STREAMS)?;
        for (id, set, stream) in &update.streams {
            match stream {
                Some(stream) => streams.insert((*id, &**set), &**stream)?,
                None => streams.remove((*id, &**set))?,
            };
        }
        let mut batches = transaction.open_table(BATCHES)?;
        let first = batches.last()?.map_or(0, |(number, _)| number.value() + 1);
        for (number, Batch(batch)) in (first..).zip(&update.batches) {
            batches.insert(number, batch)?;
        }
        let kept = BATCHES_MAX as u64;
        while batches.len()? > kept && batches.pop_first()?.is_some() {}
    }
    transaction.commit()?;
    Ok(())
}
