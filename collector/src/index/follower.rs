//! Follows the log, and keeps the index as far as the log is. It can begin anew at any time: all that the index says is in the log.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::Database;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::digest::digest;
use super::tables::{self, Facts, ProfileRow, Request};
use super::{Index, Open};
use crate::database::{self, Trouble};
use crate::entry::Entry;
use crate::health::Health;
use crate::log::{Log, Reader};
use crate::manifests::{Manifests, check::build_id};
use crate::otlp::Signal;
use crate::profiles::Stored;

/// Records that are indexed at once.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 4 << 20;

/// How often what was indexed is made durable: so much is read again after a crash.
const KEEP: Duration = Duration::from_secs(1);

/// How long a disk that fails is left alone.
const DISK_WAIT: Duration = Duration::from_secs(5);

/// Memory for the database's pages.
const CACHE_BYTES: usize = 32 << 20;

/// Feeds an index.
pub struct Follower {
    index: Index,
    log: Log,
    health: Arc<Health>,
    /// Are told what came.
    manifests: Manifests,
    end: CancellationToken,
}

/// What is under way between one batch and the next.
struct Position {
    reader: Reader,
    /// Something is indexed and not durable.
    dirty: bool,
    /// When all was durable.
    kept: Instant,
    /// The oldest record of the log, when that was last looked at.
    oldest: u64,
}

impl Follower {
    /// Nothing is read yet.
    pub fn new(
        index: Index,
        log: &Log,
        health: &Arc<Health>,
        manifests: &Manifests,
        end: &CancellationToken,
    ) -> Follower {
        let (log, health, manifests) = (log.clone(), health.clone(), manifests.clone());
        Follower { index, log, health, manifests, end: end.clone() }
    }

    /// Follows until the end.
    pub async fn run(self) {
        while !self.end.is_cancelled() {
            let outcome = match self.open().await {
                Ok((database, facts)) => {
                    self.index.set(Some(Open { database: database.clone(), key: facts.key }));
                    let outcome = self.follow(&database, facts).await;
                    self.index.set(None);
                    // Closing writes, and a damaged one may panic.
                    let _ = spawn_blocking(move || drop(database)).await;
                    outcome
                }
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Ok(()) => return,
                Err(Trouble::Damaged(why)) => self.throw_away(&why).await,
                Err(Trouble::Disk(why)) => {
                    warn!(why, "the index cannot be kept for now; it is tried again");
                    self.wait(DISK_WAIT).await;
                }
            }
        }
    }

    async fn open(&self) -> Result<(Arc<Database>, Facts), Trouble> {
        let (path, segments, end) = (self.index.path().to_owned(), self.log.segments(), *self.log.end().borrow());
        let opened = spawn_blocking(move || -> Result<_, Trouble> {
            let new = !path.exists();
            let database = database::open(&path, CACHE_BYTES)?;
            let facts = match new {
                true => tables::create(&database)?,
                false => tables::facts(&database, &segments, end)?
                    .ok_or_else(|| Trouble::Damaged("it belongs to another log".into()))?,
            };
            Ok((Arc::new(database), facts))
        });
        opened.await.unwrap_or_else(|panic| Err(Trouble::Damaged(panic.to_string())))
    }

    async fn follow(&self, database: &Arc<Database>, facts: Facts) -> Result<(), Trouble> {
        let reader = self.log.reader_at(facts.position);
        let oldest = self.log.oldest();
        let mut at = Position { reader, dirty: false, kept: Instant::now(), oldest };
        let mut ends = self.log.end();
        loop {
            // Before it reads: what is appended while it does must wake it.
            let end = *ends.borrow_and_update();
            self.health.index_behind(end.saturating_sub(at.reader.position()));
            if end > at.reader.position() {
                at = self.step(database, &facts, at, false).await?;
                if self.end.is_cancelled() {
                    return self.step(database, &facts, at, true).await.map(drop);
                }
                continue;
            }
            tokio::select! {
                biased;
                () = self.end.cancelled() => return self.step(database, &facts, at, true).await.map(drop),
                () = self.index.damage() => return Err(Trouble::Damaged("a query found it damaged".into())),
                changed = ends.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(KEEP) => {
                    if at.dirty || self.log.oldest() != at.oldest {
                        at = self.step(database, &facts, at, true).await?;
                    }
                }
            }
        }
    }

    /// One batch; `keep` makes it durable whether it is time or not.
    async fn step(
        &self,
        database: &Arc<Database>,
        facts: &Facts,
        at: Position,
        keep: bool,
    ) -> Result<Position, Trouble> {
        let (database, log, manifests, key) = (database.clone(), self.log.clone(), self.manifests.clone(), facts.key);
        let step = spawn_blocking(move || -> Result<Position, Trouble> {
            let Position { mut reader, kept, .. } = at;
            let (mut requests, mut profiles) = (Vec::new(), Vec::new());
            let (mut records, mut bytes) = (0, 0);
            while records < BATCH_RECORDS && bytes < BATCH_BYTES {
                let Some(record) = reader.read().map_err(|error| Trouble::Disk(error.to_string()))? else { break };
                records += 1;
                bytes += record.payload.len();
                if let Some(stored) = Stored::read(&record.payload) {
                    build_id(&stored.build).into_iter().for_each(|build| manifests.seen(build));
                    profiles.push(ProfileRow { sequence: record.sequence, place: record.place, stored });
                    continue;
                }
                let traces = Entry::decode(&record.payload).filter(|entry| entry.signal == Signal::Traces);
                let Some(entry) = traces else { continue };
                // It was checked when it was received; what cannot be read now is not there.
                let digest = entry.protobuf().ok().and_then(|request| digest(&key, &request));
                let builds =
                    digest.iter().flat_map(|digest| &digest.operations).filter_map(|operation| operation.build);
                builds.collect::<BTreeSet<_>>().into_iter().for_each(|build| manifests.seen(build));
                requests.extend(digest.map(|digest| Request {
                    sequence: record.sequence,
                    segment: record.place.segment,
                    offset: record.place.offset,
                    received_unix_ms: entry.received_unix_ms,
                    digest,
                }));
            }
            let (segments, oldest) = (log.segments(), log.oldest());
            let durable = keep || kept.elapsed() >= KEEP;
            tables::write(&database, &requests, &profiles, reader.position(), &segments, durable)?;
            let kept = if durable { Instant::now() } else { kept };
            Ok(Position { reader, dirty: !durable, kept, oldest })
        });
        step.await.unwrap_or_else(|panic| Err(Trouble::Damaged(panic.to_string())))
    }

    async fn throw_away(&self, why: &str) {
        self.health.index_rebuilt();
        let path = self.index.path();
        warn!(index = %path.display(), why, "the index is built again from the log");
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(index = %path.display(), %error, "the index cannot be removed; remove it");
                self.wait(DISK_WAIT).await;
            }
            _ => {}
        }
    }

    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = self.end.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}
