//! Follows the log and adds up. It runs beside the receivers: nobody's acknowledgement waits for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::Database;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::state::{At, Outcome, State};
use super::tables::{self, Kept, Update};
use super::{Metrics, reading, spans};
use crate::batches::{BATCHES_MAX, Batch, Batches};
use crate::database::{self, Trouble};
use crate::entry::Entry;
use crate::health::Health;
use crate::log::{Log, Reader};
use crate::otlp::Signal;

/// Records that are read at once.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 4 << 20;

/// How often what was added up is made durable: so much is read again after a crash.
const KEEP: Duration = Duration::from_secs(1);

/// How long a disk that fails is left alone.
const DISK_WAIT: Duration = Duration::from_secs(5);

/// Memory for the database's pages: it is written, and read at the start alone.
const CACHE_BYTES: usize = 4 << 20;

/// Feeds the streams.
pub struct Follower {
    metrics: Metrics,
    log: Log,
    health: Arc<Health>,
    batches: Batches,
    path: PathBuf,
    /// Nothing new comes in: read what there is, and end.
    drain: CancellationToken,
    /// End now.
    stop: CancellationToken,
    at: Position,
}

/// What is under way between one step and the next.
struct Position {
    reader: Reader,
    database: Option<Arc<Database>>,
    /// What is on disk is not what is in memory but for the changes: all of it is written.
    whole: bool,
    /// Batches of records that were read, and are not on disk yet.
    batches: Vec<Batch>,
    /// The position that is on disk.
    kept: u64,
    /// When that was last tried.
    tried: Instant,
    /// Where the log said something that could not be read.
    damaged: u64,
    expired: u64,
}

impl Follower {
    /// Opens what was kept, and tells `batches` which were taken. Blocks for the disk.
    pub fn open(
        path: &Path,
        log: &Log,
        health: &Arc<Health>,
        batches: &Batches,
        drain: &CancellationToken,
        stop: &CancellationToken,
    ) -> Follower {
        let end = *log.end().borrow();
        let opened = open(path, log, end).or_else(|trouble| match trouble {
            Trouble::Damaged(why) => {
                throw_away(path, health, &why);
                open(path, log, end)
            }
            disk => Err(disk),
        });
        let (database, kept) = match opened {
            Ok((database, kept)) => (Some(Arc::new(database)), kept),
            Err(Trouble::Disk(why) | Trouble::Damaged(why)) => {
                warn!(metrics = %path.display(), why, "sums cannot be kept for now; it is tried again");
                (None, None)
            }
        };
        // Without it the log says which were taken lately.
        let recalled = kept.as_ref().map_or(end.saturating_sub(BATCHES_MAX as u64), |kept| kept.position);
        let Kept { state, position, batches: taken } =
            kept.unwrap_or(Kept { state: State::default(), position: 0, batches: Vec::new() });
        taken.into_iter().for_each(|batch| batches.taken(batch));
        batches.recall(log.reader_at(recalled));
        let reader = log.reader_at(position);
        let expired = reader.position() - position;
        let metrics = Metrics::new(state, reader.position(), end);
        let follower = Follower {
            metrics,
            log: log.clone(),
            health: health.clone(),
            path: path.to_owned(),
            drain: drain.clone(),
            stop: stop.clone(),
            batches: batches.clone(),
            at: Position {
                reader,
                whole: database.is_none(),
                database,
                batches: Vec::new(),
                kept: position,
                tried: Instant::now(),
                damaged: 0,
                expired: 0,
            },
        };
        // A new collector has missed nothing.
        if position > 0 {
            follower.health.streams_lost("expired", expired);
        }
        follower
    }

    /// What it feeds.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Follows until the end.
    pub async fn run(mut self) {
        let mut ends = self.log.end();
        while !self.stop.is_cancelled() {
            // Before it reads: what is appended while it does must wake it.
            let end = *ends.borrow_and_update();
            let position = self.at.reader.position();
            self.health.streams_behind(end.saturating_sub(position));
            if end > position {
                self = self.step(false).await;
                if self.at.reader.position() == position {
                    let stop = self.stop.clone();
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(DISK_WAIT) => {}
                    }
                }
                continue;
            }
            if self.drain.is_cancelled() {
                break;
            }
            tokio::select! {
                biased;
                () = self.drain.cancelled() => {}
                changed = ends.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(KEEP) => {
                    if self.at.kept != self.at.reader.position() {
                        self = self.step(false).await;
                    }
                }
            }
        }
        self.step(true).await;
    }

    /// One batch; `last` makes it durable whether it is time or not.
    async fn step(mut self, last: bool) -> Follower {
        spawn_blocking(move || {
            if !last {
                self.read();
            }
            if last || self.at.tried.elapsed() >= KEEP {
                self.keep();
            }
            self
        })
        .await
        .expect("adding up does not panic")
    }

    /// Reads on, as far as one step goes.
    pub(super) fn read(&mut self) {
        let (mut records, mut bytes, mut entries) = (0, 0, Vec::new());
        while records < BATCH_RECORDS && bytes < BATCH_BYTES {
            let record = match self.at.reader.read() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    warn!(%error, "the log cannot be read for now; it is tried again");
                    break;
                }
            };
            records += 1;
            bytes += record.payload.len();
            self.at.batches.extend(Batch::of_record(&record.payload));
            entries.extend(Entry::decode(&record.payload).map(|entry| (record.sequence, entry)));
        }
        let (damaged, expired) = (self.at.reader.damaged(), self.at.reader.expired());
        self.health.streams_lost("damaged", damaged - self.at.damaged);
        self.health.streams_lost("expired", expired - self.at.expired);
        (self.at.damaged, self.at.expired) = (damaged, expired);
        let mut state = self.metrics.lock();
        for (sequence, entry) in entries {
            let at = At { sequence, received_unix_ms: entry.received_unix_ms };
            let read = match entry.signal {
                Signal::Metrics => reading::read,
                Signal::Traces => spans::read,
                Signal::Logs => continue,
            };
            // It was checked when it was received; what cannot be read now is not there.
            let Ok(request) = entry.protobuf() else { continue };
            read(&mut state, &request, at, &mut |outcome| match outcome {
                Outcome::Kept => {}
                Outcome::Spilled => self.health.streams_overflowed(),
                Outcome::Dropped(reason) => self.health.streams_dropped(reason),
            });
            state.sweep(at.received_unix_ms);
        }
        self.health.streams(state.streams(), state.bytes());
        drop(state);
        self.metrics.shared.position.send_replace(self.at.reader.position());
    }

    /// Makes durable what was read.
    pub(super) fn keep(&mut self) {
        self.at.tried = Instant::now();
        let position = self.at.reader.position();
        if position == self.at.kept {
            return;
        }
        let Some(database) = self.database() else { return };
        let update = {
            let mut state = self.metrics.lock();
            if self.at.whole {
                state.touch_all();
            }
            let changes = state.take_changes();
            Update::new(&state, changes, self.at.whole, position, std::mem::take(&mut self.at.batches))
        };
        match tables::write(&database, &update, &self.log.segments()).map_err(Trouble::from) {
            Ok(()) => (self.at.kept, self.at.whole) = (position, false),
            Err(trouble) => {
                // All of it is in memory, and is written as a whole when the disk takes it.
                (self.at.database, self.at.whole, self.at.batches) = (None, true, update.batches);
                self.report(trouble);
            }
        }
    }

    /// As if writing had failed.
    #[cfg(test)]
    pub(super) fn forget_database(&mut self) {
        (self.at.database, self.at.whole) = (None, true);
    }

    /// The database, opened again after trouble.
    fn database(&mut self) -> Option<Arc<Database>> {
        if self.at.database.is_none() {
            match database::open(&self.path, CACHE_BYTES) {
                Ok(database) => self.at.database = Some(Arc::new(database)),
                Err(trouble) => self.report(trouble),
            }
        }
        self.at.database.clone()
    }

    fn report(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Damaged(why) => {
                throw_away(&self.path, &self.health, &why);
                self.at.batches = self.batches.all();
            }
            Trouble::Disk(why) => {
                warn!(metrics = %self.path.display(), why, "sums cannot be kept for now; it is tried again");
                let forgotten = self.at.batches.len().saturating_sub(BATCHES_MAX);
                self.at.batches.drain(..forgotten);
            }
        }
    }
}

/// What was kept of this log, if there is anything.
fn open(path: &Path, log: &Log, end: u64) -> Result<(Database, Option<Kept>), Trouble> {
    let new = !path.exists();
    let database = database::open(path, CACHE_BYTES)?;
    if new {
        tables::write(&database, &Update::default(), &[])?;
        return Ok((database, None));
    }
    let other = || Trouble::Damaged("it belongs to another log".into());
    let kept = tables::read(&database, &log.segments(), end)?.ok_or_else(other)?;
    Ok((database, Some(kept)))
}

fn throw_away(path: &Path, health: &Health, why: &str) {
    warn!(metrics = %path.display(), why, "what was kept of sums is thrown away, and made again");
    health.streams_rebuilt();
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!(metrics = %path.display(), %error, "it cannot be removed; remove it");
        }
        _ => {}
    }
}
