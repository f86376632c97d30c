//! The thread that commits, and the handle that everybody else has.
//!
//! Group commit: while one fsync is under way, appends gather; the next takes all of them. So a slow disk costs latency and
//! not throughput, and nobody waits for company.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::disk::Disk;
use super::reader::{Place, Reader, Record, record_at};
use super::record::PAYLOAD_BYTES_MAX;
use super::segment::{Shared, lock};
use super::store::{CommitError, Store};
use crate::clock::now_unix_ms;

/// Bytes of one commit, after which the next begins.
const COMMIT_BYTES: usize = 8 << 20;

/// Appends that can wait; their bytes are bounded on their own.
const WAITING_MAX: usize = 4096;

/// Why a payload is not acknowledged.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Too much waits for the disk already. It can be tried again soon.
    #[error("too much waits for the disk")]
    Busy,
    /// A reader that must not lose anything is too far behind. It can be tried again later.
    #[error("{0}")]
    Full(String),
    /// The disk does not take it. It can be tried again later.
    #[error("{0}")]
    Disk(String),
    /// No log takes it.
    #[error("a payload of {0} bytes is longer than {PAYLOAD_BYTES_MAX}")]
    TooLong(usize),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

/// What was done since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Records that were committed.
    pub records: AtomicU64,
    /// Bytes of their payloads.
    pub bytes: AtomicU64,
    /// Commits, each of one fsync.
    pub commits: AtomicU64,
    /// Commits that failed.
    pub failures: AtomicU64,
}

/// A file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// What [`Place::segment`] says of its records.
    pub ordinal: u64,
    /// The file's name, which no other file ever had.
    pub name: String,
    /// Numbers of its records.
    pub records: Range<u64>,
}

/// A log that many can append to and read from.
#[derive(Clone)]
pub struct Log {
    commands: mpsc::Sender<Command>,
    /// Bytes that may wait.
    room: Arc<Semaphore>,
    end: watch::Receiver<u64>,
    disk: Arc<dyn Disk>,
    shared: Shared,
    started_at: Arc<BTreeMap<String, u64>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    counters: Counters,
    /// Why the last commit failed; `None`: it did not.
    error: Mutex<Option<String>>,
}

enum Command {
    Append(Append),
    Expire,
    Keep(Vec<(String, u64)>, oneshot::Sender<io::Result<()>>),
    Close(oneshot::Sender<io::Result<()>>),
}

struct Append {
    payload: Bytes,
    done: oneshot::Sender<Result<u64, AppendError>>,
    room: tokio::sync::OwnedSemaphorePermit,
}

impl Log {
    /// Starts the thread. `waiting_bytes_max` bounds what waits for the disk.
    pub fn start(store: Store, waiting_bytes_max: usize) -> io::Result<Log> {
        let (commands, received) = mpsc::channel(WAITING_MAX);
        let (reached, end) = watch::channel(store.end());
        let (disk, shared, positions) = store.shared();
        let state = Arc::<State>::default();
        let committer = Committer { store, reached, state: state.clone() };
        std::thread::Builder::new().name("log".into()).spawn(move || committer.run(received))?;
        let room = Arc::new(Semaphore::new(waiting_bytes_max.min(Semaphore::MAX_PERMITS)));
        Ok(Log { commands, room, end, disk, shared, started_at: positions.into(), state })
    }

    /// Appends a payload; its number, once it is durable.
    pub async fn append(&self, payload: Bytes) -> Result<u64, AppendError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(AppendError::TooLong(payload.len()));
        }
        let bytes = u32::try_from(payload.len()).expect("it was just measured");
        let room = self.room.clone().try_acquire_many_owned(bytes).map_err(|_| AppendError::Busy)?;
        let (done, outcome) = oneshot::channel();
        let append = Command::Append(Append { payload, done, room });
        self.commands.try_send(append).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Busy,
            mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
        })?;
        outcome.await.unwrap_or(Err(AppendError::Closed))
    }

    /// A reader of that name, where it had left off when the log was opened; a new one begins with the oldest record.
    pub fn reader(&self, name: &str) -> Reader {
        let from = self.started_at.get(name).copied().unwrap_or(0);
        self.reader_at(from)
    }

    /// A reader from a record on.
    pub fn reader_at(&self, sequence: u64) -> Reader {
        let from = sequence.max(self.oldest());
        Reader::new(self.disk.clone(), self.shared.clone(), from)
    }

    /// The record of that number, which was seen at that place. `None`: it is gone, or damaged.
    pub fn record(&self, sequence: u64, place: Place) -> io::Result<Option<Record>> {
        let segment = lock(&self.shared).find(sequence).map(|(segment, _)| segment.clone());
        match segment.filter(|segment| segment.ordinal == place.segment) {
            Some(segment) => match record_at(&*self.disk, &segment, place.offset, sequence) {
                // The log may let go of it at any moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                record => record,
            },
            None => Ok(None),
        }
    }

    /// The files that hold records, the oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let catalog = lock(&self.shared);
        let ends = catalog.segments.iter().skip(1).map(|next| next.first).chain([catalog.end]);
        let infos = catalog.segments.iter().zip(ends).map(|(segment, end)| SegmentInfo {
            ordinal: segment.ordinal,
            name: segment.name(),
            records: segment.first..end,
        });
        infos.filter(|segment| !segment.records.is_empty()).collect()
    }

    /// Number of the oldest record that may still be there.
    pub fn oldest(&self) -> u64 {
        lock(&self.shared).oldest()
    }

    /// Number of the next record; it can be watched.
    pub fn end(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        lock(&self.shared).bytes()
    }

    /// What was done since the start.
    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Why nothing can be appended now, if the last commit failed.
    pub fn error(&self) -> Option<String> {
        self.state.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps readers' positions, durably.
    pub async fn keep_positions(&self, positions: Vec<(String, u64)>) -> io::Result<()> {
        self.ask(|done| Command::Keep(positions, done)).await
    }

    /// Lets go of what is too old, though nothing is appended.
    pub async fn expire(&self) {
        // A committer that is gone has nothing to expire.
        let _ = self.commands.send(Command::Expire).await;
    }

    /// Commits what waits, and ends. Appends after it fail.
    pub async fn close(&self) -> io::Result<()> {
        self.ask(Command::Close).await
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let (done, outcome) = oneshot::channel();
        let closed = || io::Error::other("the log is closed");
        self.commands.send(command(done)).await.map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }
}

struct Committer {
    store: Store,
    reached: watch::Sender<u64>,
    state: Arc<State>,
}

impl Committer {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut waiting = Vec::new();
        while let Some(command) = commands.blocking_recv() {
            let mut next = Some(command);
            let mut bytes = 0;
            while let Some(command) = next.take() {
                match command {
                    Command::Append(append) => {
                        bytes += append.payload.len();
                        waiting.push(append);
                        if bytes < COMMIT_BYTES {
                            next = commands.try_recv().ok();
                        }
                    }
                    // Before anything else: what waits.
                    other => {
                        self.commit(&mut waiting);
                        if let Some(closed) = self.obey(other) {
                            let kept = self.store.keep_positions([]);
                            // Who hears that it is closed may open it again.
                            drop(self);
                            // Whoever asked may be gone.
                            let _ = closed.send(kept);
                            return;
                        }
                    }
                }
            }
            self.commit(&mut waiting);
        }
    }

    /// Does what is no append; gives back whom to tell when it is the last.
    fn obey(&mut self, command: Command) -> Option<oneshot::Sender<io::Result<()>>> {
        match command {
            Command::Append(_) => unreachable!("appends are gathered"),
            Command::Expire => {
                // A failure shows at the next commit, which tries the same.
                let _ = self.store.expire(now_unix_ms());
            }
            Command::Keep(positions, done) => {
                let _ = done.send(self.store.keep_positions(positions));
            }
            Command::Close(done) => return Some(done),
        }
        None
    }

    fn commit(&mut self, waiting: &mut Vec<Append>) {
        if waiting.is_empty() {
            return;
        }
        let payloads: Vec<&Bytes> = waiting.iter().map(|append| &append.payload).collect();
        let outcome = self.store.commit(&payloads, now_unix_ms());
        let counters = &self.state.counters;
        let error = match &outcome {
            Ok(numbers) => {
                counters.commits.fetch_add(1, Relaxed);
                counters.records.fetch_add(payloads.len() as u64, Relaxed);
                counters.bytes.fetch_add(payloads.iter().map(|payload| payload.len() as u64).sum(), Relaxed);
                self.reached.send_replace(numbers.end);
                None
            }
            Err(error) => {
                counters.failures.fetch_add(1, Relaxed);
                Some(match error {
                    CommitError::Disk(error) => AppendError::Disk(error.to_string()),
                    full @ CommitError::Full { .. } => AppendError::Full(full.to_string()),
                })
            }
        };
        *self.state.error.lock().unwrap_or_else(PoisonError::into_inner) = error.as_ref().map(ToString::to_string);
        let first = outcome.map_or(0, |numbers| numbers.start);
        for (sequence, Append { done, room, .. }) in (first..).zip(waiting.drain(..)) {
            // Before it is told, so that it can append again at once.
            drop(room);
            // A client that went away is not told.
            let _ = done.send(error.clone().map_or(Ok(sequence), Err));
        }
    }
}
