//! The bounded queue of one signal, with its ledger under the same lock: whoever looks sees numbers that add up.
//!
//! The lock is held for a few assignments only and never across an `await`, a callback or an allocation that grows with
//! the load; that is why the callers of `push` never wait for the network.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::config::QueueLimits;
use crate::health::{DropReason, SignalHealth};

/// A request that waits, and how many items it holds.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub request: Bytes,
    pub items: u64,
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Acknowledged, except for so many of its items.
    Exported { rejected: u64 },
    /// Known not to have arrived.
    Dropped(DropReason),
    /// Given up, may have arrived.
    Unanswered,
}

/// One signal's queue: many pushers, one worker that takes, one owner that waits and closes.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// Wakes the worker: a batch came, or the queue is stopping.
    wake: Notify,
    /// Wakes those who wait for batches to be settled.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    bytes: usize,
    in_flight: Option<InFlight>,
    ledger: SignalHealth,
    /// Batches ever queued, and of these settled: first in, first out.
    queued_count: u64,
    settled_count: u64,
    phase: Phase,
}

#[derive(Debug)]
struct InFlight {
    items: u64,
    bytes: usize,
    /// An attempt runs, or one ended without an answer: the batch may have arrived.
    maybe_arrived: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Open,
    /// What is queued is still sent, as fast as the peer lets us.
    Stopping,
    /// Nothing is sent any more, and the ledger is final but for what is handed over in vain.
    Closed,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Queue {
        Queue { limits, state: Mutex::default(), wake: Notify::new(), settled: Condvar::new() }
    }

    /// Takes a batch in, or drops and counts it.
    pub fn push(&self, batch: Batch) {
        let mut state = self.lock();
        state.ledger.made += batch.items;
        if state.phase == Phase::Closed {
            state.drop_items(DropReason::Shutdown, batch.items);
            return;
        }
        if !state.has_room(&self.limits, &batch) {
            state.drop_items(DropReason::QueueFull, batch.items);
            return;
        }
        state.bytes += batch.request.len();
        state.ledger.waiting += batch.items;
        state.queued_count += 1;
        state.batches.push_back(batch);
        drop(state);
        self.wake.notify_one();
    }

    /// The next batch, when there is one; `None` when there never will be.
    pub async fn next(&self) -> Option<Batch> {
        loop {
            {
                let mut state = self.lock();
                if state.phase == Phase::Closed {
                    return None;
                }
                if let Some(batch) = state.batches.pop_front() {
                    let in_flight = InFlight { items: batch.items, bytes: batch.request.len(), maybe_arrived: false };
                    state.in_flight = Some(in_flight);
                    return Some(batch);
                }
                if state.phase == Phase::Stopping {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Says whether the batch in flight may have arrived by now: true before an attempt, false after one that surely failed.
    pub fn maybe_arrived(&self, maybe: bool) {
        if let Some(in_flight) = &mut self.lock().in_flight {
            in_flight.maybe_arrived = maybe;
        }
    }

    /// Writes the end of the batch in flight into the ledger. After the queue has closed there is none: its end is written.
    pub fn settle(&self, fate: Fate) {
        let mut state = self.lock();
        state.settle_in_flight(fate);
        drop(state);
        self.settled.notify_all();
    }

    /// The ledger, in one piece.
    pub fn health(&self) -> SignalHealth {
        let state = self.lock();
        SignalHealth {
            in_flight: state.in_flight.as_ref().map_or(0, |in_flight| in_flight.items),
            queue_items_max: self.limits.items_max,
            queue_length: state.batches.len() + usize::from(state.in_flight.is_some()),
            queue_capacity: self.limits.batches_max,
            queue_bytes: state.bytes,
            queue_bytes_max: self.limits.bytes_max,
            ..state.ledger
        }
    }

    pub fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Waits until every batch pushed before now is settled, or the deadline comes. Says which.
    pub fn wait_settled(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        let goal = state.queued_count;
        while state.settled_count < goal {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            state = self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// No more patience: what waits is sent now or never.
    pub fn stop(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Stopping;
        }
        drop(state);
        self.wake.notify_one();
    }

    /// The end: what is still queued is dropped; what is in flight is unanswered unless it surely never left.
    pub fn close(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        let maybe_arrived = state.in_flight.as_ref().is_some_and(|in_flight| in_flight.maybe_arrived);
        state.settle_in_flight(if maybe_arrived { Fate::Unanswered } else { Fate::Dropped(DropReason::Shutdown) });
        while let Some(batch) = state.batches.pop_front() {
            state.bytes -= batch.request.len();
            state.ledger.waiting -= batch.items;
            state.drop_items(DropReason::Shutdown, batch.items);
            state.settled_count += 1;
        }
        drop(state);
        self.wake.notify_one();
        self.settled.notify_all();
    }

    /// Waits until the queue is no longer open.
    pub async fn stopping(&self) {
        while self.phase() == Phase::Open {
            self.wake.notified().await;
        }
    }

    /// A panic elsewhere leaves the numbers as they were; they go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, limits: &QueueLimits, batch: &Batch) -> bool {
        let batches = self.batches.len() + usize::from(self.in_flight.is_some());
        batches < limits.batches_max
            && self.bytes.saturating_add(batch.request.len()) <= limits.bytes_max
            && limits.items_max.is_none_or(|max| self.ledger.waiting.saturating_add(batch.items) <= max)
    }

    fn settle_in_flight(&mut self, fate: Fate) {
        let Some(InFlight { items, bytes, .. }) = self.in_flight.take() else { return };
        self.bytes -= bytes;
        self.ledger.waiting -= items;
        self.settled_count += 1;
        match fate {
            Fate::Exported { rejected } => {
                let rejected = rejected.min(items);
                self.ledger.exported += items - rejected;
                self.drop_items(DropReason::PartialSuccess, rejected);
            }
            Fate::Dropped(reason) => self.drop_items(reason, items),
            Fate::Unanswered => self.ledger.unanswered += items,
        }
    }

    fn drop_items(&mut self, reason: DropReason, items: u64) {
        self.ledger.dropped[reason as usize] += items;
    }
}
