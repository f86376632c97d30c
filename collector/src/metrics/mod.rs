//! Streams: what all senders tell of a service's metrics, as one cumulative stream for each set of attributes.
//!
//! ```text
//! log -> reader of its own -> point by point -> State (memory, within limits) -> tables on disk, with the position
//!                                                  |-> /metrics   |-> exporters
//! ```
//!
//! Deltas are added up, whoever sends them; what is cumulative already is kept as it was told last. The log is the truth: streams
//! and the position up to which they are added up are kept in one transaction, and what comes after it is read again.
//!
//! - [`identity`], [`point`], [`exponential`]: what one stream is, and what a sum of two points is. Pure.
//! - [`state`], [`limits`], [`reading`]: all streams, and how a request gets into them. No clock, no disk.
//! - [`spans`]: what is derived from the spans of others.
//! - [`tables`], [`follower`]: the disk, and who reads the log.
//! - [`exposition`]: `/metrics`. [`request`]: OTLP, for exporters.

mod exponential;
pub mod exposition;
mod follower;
mod identity;
mod limits;
mod point;
mod reading;
mod request;
mod spans;
mod state;
mod tables;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use follower::Follower;
pub use request::{Request, Walk};
use state::State;

/// A handle, for who asks.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Number of the next record to read.
    position: watch::Sender<u64>,
    /// Where the log ended when it was opened: before that is read, what is told would be less than what was told before.
    from: u64,
}

impl Metrics {
    fn new(state: State, position: u64, from: u64) -> Metrics {
        let shared = Shared { state: Mutex::new(state), position: watch::Sender::new(position), from };
        Metrics { shared: Arc::new(shared) }
    }

    /// The streams as they are. `None`: part of the log is yet to be read that they had told of before.
    fn streams(&self) -> Option<MutexGuard<'_, State>> {
        (*self.shared.position.borrow() >= self.shared.from).then(|| self.lock())
    }

    /// Number of the next record to read; it can be watched.
    pub fn position(&self) -> watch::Receiver<u64> {
        self.shared.position.subscribe()
    }

    /// Requests with the streams that senders tell in deltas, added up: those that records from `since` on changed. With it comes from
    /// where to ask next. `None`: not yet.
    pub fn walk(&self, since: u64, now_unix_ns: u64) -> Option<(Walk, u64)> {
        let position = *self.shared.position.borrow();
        self.streams().map(|state| (Walk::new(&state, since, now_unix_ns), position))
    }

    /// The next requests of a walk.
    pub fn next(&self, walk: &mut Walk) -> Option<Vec<Request>> {
        walk.next(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
