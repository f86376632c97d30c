//! What a recorder hands to the aggregator: plain data. How it came about and where it goes is not its business.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::{BuildId, Manifest};

use crate::drops::Drops;
use crate::failure::Failure;
use crate::figures::{Figures, ModuleFigures};
use crate::objects::Made;
use crate::spans::{Candidate, Trace};
use crate::tree;

/// What was recorded between two drains.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    pub(crate) modules: Vec<ModuleDelta>,
    pub(crate) functions: Vec<FunctionDelta>,
    /// Nodes of the call tree; parents stand before their children.
    pub(crate) nodes: Vec<NodeDelta>,
    /// Counts of all histograms, one after the other.
    pub(crate) buckets: Vec<u64>,
    /// Calls of functions that have no histogram of their own.
    pub(crate) shared_histogram: Option<HistogramDelta>,
    pub(crate) spans: Vec<Span>,
    pub(crate) errors: Vec<ErrorDelta>,
    pub(crate) objects: Vec<ObjectDelta>,
    pub(crate) drops: Drops,
    pub(crate) busy: u64,
    /// Largest step of the clock behind records.
    pub(crate) resolution_ns: u64,
}

impl Delta {
    /// True when nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
            && self.nodes.is_empty()
            && self.spans.is_empty()
            && self.errors.is_empty()
            && self.busy == 0
            && self.drops.iter().next().is_none()
            && self.modules.iter().all(ModuleDelta::is_empty)
    }

    /// Number of spans in it.
    pub fn spans(&self) -> usize {
        self.spans.len()
    }
}

/// A module and what happened to its instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleDelta {
    pub(crate) build: BuildId,
    pub(crate) manifest: Option<Arc<Manifest>>,
    pub(crate) figures: ModuleFigures,
    /// Memory of each instance that ended.
    pub(crate) final_memory: Vec<u64>,
}

impl ModuleDelta {
    fn is_empty(&self) -> bool {
        self.figures.is_empty() && self.final_memory.is_empty()
    }
}

/// A function, whatever instance called it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionId {
    /// Its module's place in [`Delta::modules`].
    pub(crate) module: u32,
    /// Original function index.
    pub(crate) index: u32,
}

/// What a function of one instance did.
#[derive(Clone, Debug)]
pub(crate) struct FunctionDelta {
    pub(crate) id: FunctionId,
    pub(crate) figures: Figures,
    pub(crate) live_max: u64,
    pub(crate) histogram: Option<HistogramDelta>,
}

/// A histogram whose counts stand in [`Delta::buckets`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HistogramDelta {
    pub(crate) sum: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) zero: u64,
    /// Bucket of the first count.
    pub(crate) first: u32,
    /// Where the counts begin and how many they are.
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// A node of the call tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeDelta {
    /// Place in [`Delta::nodes`]; itself for the root, which is first, and the overflow node, which is second.
    pub(crate) parent: u32,
    /// Means nothing for those two.
    pub(crate) function: FunctionId,
    pub(crate) figures: tree::Figures,
}

/// Objects of one type that one function made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectDelta {
    pub(crate) function: FunctionId,
    pub(crate) r#type: u32,
    pub(crate) made: Made,
}

/// A finished span.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent_id: [u8; 8],
    pub(crate) flags: u8,
    pub(crate) unwound: bool,
    pub(crate) exception: bool,
    pub(crate) function: FunctionId,
    pub(crate) start_unix: u64,
    pub(crate) end_unix: u64,
    pub(crate) allocated: u64,
    pub(crate) omitted: u64,
    pub(crate) trace_state: Option<Arc<str>>,
    pub(crate) failure: Option<Arc<Failure>>,
}

impl Span {
    pub(crate) fn new(
        trace: &Trace,
        span_id: [u8; 8],
        parent_id: [u8; 8],
        candidate: &Candidate,
        function: FunctionId,
        omitted: u64,
    ) -> Span {
        let start_unix = candidate.start.wrapping_add(trace.wall_offset);
        Span {
            trace_id: trace.id,
            span_id,
            parent_id,
            flags: trace.flags,
            unwound: candidate.unwound,
            exception: candidate.exception,
            function,
            start_unix,
            end_unix: start_unix.saturating_add(candidate.duration),
            allocated: candidate.allocated,
            omitted,
            trace_state: trace.state.clone(),
            failure: candidate.failure.clone(),
        }
    }
}

/// Errors of one code at one function.
#[derive(Clone, Debug)]
pub(crate) struct ErrorDelta {
    pub(crate) code: String,
    /// None: none was open.
    pub(crate) function: Option<FunctionId>,
    pub(crate) count: u64,
    pub(crate) message: String,
}
