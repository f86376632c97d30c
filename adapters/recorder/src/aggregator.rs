//! The aggregator: one a process. It merges deltas and encodes them; it knows no recorder's inside, no clock, no socket.

use crate::{Config, Delta, Profile, Resource, Snapshot, Untimed};

/// Merges the deltas of any number of recorders into one stream.
#[derive(Debug)]
pub struct Aggregator {}

/// An encoded OTLP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// `ExportTraceServiceRequest` or `ExportMetricsServiceRequest`, protocol buffers.
    pub bytes: Vec<u8>,
    /// Spans or data points in it.
    pub items: u64,
}

impl Aggregator {
    /// An aggregator for a process that `resource` describes and that began now.
    pub fn new(_config: &Config, _resource: Resource, _start_unix_ns: u64) -> Aggregator {
        todo!()
    }

    /// Adds what a recorder drained.
    pub fn merge(&mut self, _delta: Delta) {
        todo!()
    }

    /// The spans since the last call, as one `ExportTraceServiceRequest`. None when there are none.
    pub fn take_traces(&mut self) -> Option<Batch> {
        todo!()
    }

    /// All metrics, as one `ExportMetricsServiceRequest`. With delta temporality: since the last call.
    pub fn metrics(&mut self, _now_unix_ns: u64) -> Batch {
        todo!()
    }

    /// Figures to show.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// The merged call tree.
    pub fn profile(&self) -> Profile {
        todo!()
    }

    /// Lets the governor decide on what was merged since the last tick. Call it about once a second.
    pub fn tick(&mut self) {
        todo!()
    }

    /// The governor's decisions so far, for new and running instances.
    pub fn untimed(&self) -> Untimed {
        todo!()
    }
}
