//! The ledger: what became of every item that was handed over. Plain numbers; it knows no queue and no clock.

use crate::Signal;

/// Why items were given up, known not to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// The queue had no room; or the batch alone is larger than the queue.
    QueueFull,
    /// The bytes are no OTLP request (only `http/json` reads them).
    Malformed,
    /// The peer refused the request for good.
    Rejected,
    /// The peer accepted the request but not these items of it.
    PartialSuccess,
    /// The peer could not be reached or asked to wait, for as long as retrying is allowed.
    RetriesExhausted,
    /// Not sent when the deadline of the shutdown came, or handed over after it.
    Shutdown,
}

impl DropReason {
    /// Every reason, in the order of [`SignalHealth::dropped`].
    pub const ALL: [DropReason; 6] = [
        DropReason::QueueFull,
        DropReason::Malformed,
        DropReason::Rejected,
        DropReason::PartialSuccess,
        DropReason::RetriesExhausted,
        DropReason::Shutdown,
    ];

    /// A short name without spaces, for attributes and summaries.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::QueueFull => "queue_full",
            DropReason::Malformed => "malformed",
            DropReason::Rejected => "rejected",
            DropReason::PartialSuccess => "partial_success",
            DropReason::RetriesExhausted => "retries_exhausted",
            DropReason::Shutdown => "shutdown",
        }
    }
}

/// The ledger of one signal, in items: spans or data points.
///
/// At every moment `made == exported + dropped_total() + unconfirmed()`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalHealth {
    /// Items handed to [`send`](crate::Exporter::send).
    pub made: u64,
    /// Items that the peer acknowledged.
    pub exported: u64,
    /// Items known not to have arrived, by reason, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Items still held: queued, in flight or waiting for another try.
    pub waiting: u64,
    /// Those of them that the worker holds: in flight or waiting for another try.
    pub in_flight: u64,
    /// Items given up that may have arrived: they were sent, and no answer that we understand came back.
    pub unanswered: u64,
    /// Batches still held.
    pub queue_length: usize,
    /// How many batches can be held.
    pub queue_capacity: usize,
    /// How many items can be held, if their number is bounded.
    pub queue_items_max: Option<u64>,
    /// Bytes still held.
    pub queue_bytes: usize,
    /// How many bytes can be held.
    pub queue_bytes_max: usize,
}

impl SignalHealth {
    /// Items known not to have arrived.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Items dropped for one reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Items of which it is not known whether they arrived: [`waiting`](Self::waiting) and
    /// [`unanswered`](Self::unanswered).
    pub fn unconfirmed(&self) -> u64 {
        self.waiting + self.unanswered
    }
}

/// The ledgers of both signals, each taken in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Spans.
    pub traces: SignalHealth,
    /// Data points.
    pub metrics: SignalHealth,
}

impl Health {
    /// The ledger of one signal.
    pub fn signal(&self, signal: Signal) -> &SignalHealth {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
        }
    }
}
