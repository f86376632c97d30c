//! What `waspect run` tells afterwards: plain data, shown as tables or as JSON. Knows no runtime.

mod json;
mod tables;

use std::cmp::Reverse;

use clap::ValueEnum;
use waspect_abi::BuildId;
use waspect_abi::manifest::Mode;
use waspect_recorder::{FunctionSnapshot, Snapshot};

pub use json::to_json;
pub use tables::to_text;

/// A run and its figures.
pub struct Summary {
    /// Path of the module as given.
    pub module: String,
    /// Its `service.name`.
    pub service: String,
    /// Build id of the original module.
    pub build: BuildId,
    /// Depth of instrumentation: in mode `counts` there are no times, in mode `ring` they are coarse.
    pub mode: Mode,
    /// Why there are no figures of allocations; none when there are.
    pub allocations_missing: Option<&'static str>,
    /// How the run ended.
    pub ending: Ending,
    /// From the first call to the end, in nanoseconds.
    pub wall_ns: u64,
    /// The recorder's figures.
    pub snapshot: Snapshot,
    /// What became of the telemetry; none where none was sent.
    pub sent: Option<Sent>,
}

impl Summary {
    /// True when only calls were counted.
    fn counts_only(&self) -> bool {
        self.mode == Mode::Counts
    }
}

/// How a run ended.
pub enum Ending {
    /// The function that was invoked returned.
    Returned,
    /// `proc_exit`.
    Exited(i32),
    /// A trap; the engine's message.
    Trapped(String),
    /// A signal; its name.
    Interrupted(&'static str),
    /// A host function failed; its message.
    HostError(String),
}

/// What became of the telemetry that was sent.
pub struct Sent {
    /// Where to.
    pub endpoint: String,
    /// Of the spans.
    pub spans: Ledger,
    /// Of the metrics' data points.
    pub points: Ledger,
}

/// What became of one signal.
#[derive(Default)]
pub struct Ledger {
    /// Those that were made.
    pub made: u64,
    /// Those that the endpoint took.
    pub exported: u64,
    /// Those that were given up.
    pub dropped: u64,
    /// Those of which nobody knows.
    pub unconfirmed: u64,
    /// The last error, in the exporter's words.
    pub error: Option<String>,
}

impl Ledger {
    /// True when some did not arrive, as far as we know.
    pub fn lost(&self) -> bool {
        self.dropped + self.unconfirmed > 0
    }

    /// True when the endpoint said that it knows nothing of this signal: some take traces alone.
    pub fn unknown_there(&self) -> bool {
        let says =
            |error: &String| error.starts_with("HTTP 404") || error.to_ascii_lowercase().contains("unimplemented");
        self.exported == 0 && self.dropped > 0 && self.error.as_ref().is_some_and(says)
    }
}

/// By what the functions are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Time in the function itself
    #[value(name = "self")]
    SelfTime,
    /// Time in the function and what it calls
    Total,
    /// Number of calls
    Calls,
    /// Bytes that it asked for
    Allocated,
    /// Bytes of them still alive at the end
    Live,
    /// Name
    Name,
}

/// The functions of the module, or its imports, in the order that was asked for; ties by name, so that it is stable.
fn sorted(snapshot: &Snapshot, imports: bool, sort: Sort) -> Vec<&FunctionSnapshot> {
    let mut functions: Vec<&FunctionSnapshot> = snapshot.functions.iter().filter(|f| f.import == imports).collect();
    functions.sort_by_cached_key(|function| {
        let weight = match sort {
            Sort::SelfTime => (function.self_ns.into(), function.calls),
            Sort::Total => (function.total_ns.into(), function.calls),
            Sort::Calls => (function.calls.into(), function.self_ns),
            Sort::Allocated => (function.allocated_bytes.into(), function.calls),
            Sort::Live => (i128::from(function.live_bytes), function.allocated_bytes),
            Sort::Name => (0, 0),
        };
        (Reverse(weight), function.name.clone(), function.index)
    });
    functions
}
