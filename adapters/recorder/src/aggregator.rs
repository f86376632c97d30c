//! The aggregator: one a process. It merges deltas and hands out figures; it knows no recorder's inside, no clock, no socket.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::catalog::Catalog;
use crate::delta::Delta;
use crate::drops::Drops;
use crate::exemplar::Exemplar;
use crate::figures::Figure;
use crate::gather::gather;
use crate::governor::Governor;
use crate::histogram::Histogram;
use crate::objects::{self, Objects};
use crate::otlp::{self, traces};
use crate::series::Exported;
use crate::tree;
use crate::{Config, DropReason, Profile, Resource, Untimed};

/// Encoded spans that wait to be taken, in bytes; what comes on top is dropped and counted.
const SPAN_BYTES_MAX: usize = 32 << 20;

/// What a request is longer than its resource and its items, at most.
const ENVELOPE: usize = 256;

/// Most codes and functions of errors.
const ERRORS_MAX: usize = 1_000;

/// Most pairs of function and type of objects.
const OBJECTS_MAX: usize = 1 << 16;

/// Merges the deltas of any number of recorders into one stream.
#[derive(Debug)]
pub struct Aggregator {
    pub(crate) config: Config,
    /// The encoded resource.
    pub(crate) resource: Vec<u8>,
    pub(crate) start_unix_ns: u64,
    pub(crate) catalog: Catalog,
    pub(crate) tree: Vec<MergedNode>,
    children: crate::table::Table<u32>,
    spans: Vec<u8>,
    spans_waiting: u64,
    scratch: Vec<u8>,
    pub(crate) totals: Totals,
    pub(crate) shared_histogram: Histogram,
    pub(crate) errors: Vec<MergedError>,
    /// By place in the catalog, and type.
    pub(crate) objects: Objects,
    pub(crate) drops: Drops,
    pub(crate) governor: Governor,
    pub(crate) exported: Exported,
    pub(crate) leaving: bool,
}

/// An encoded OTLP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// `ExportTraceServiceRequest` or `ExportMetricsServiceRequest`, protocol buffers.
    pub bytes: Vec<u8>,
    /// Spans or data points in it.
    pub items: u64,
}

/// What belongs to the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) spans: u64,
    pub(crate) busy: u64,
    pub(crate) hooks: u64,
}

/// A node of the merged call tree. The first is above all stacks, the second holds what found no room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MergedNode {
    pub(crate) parent: u32,
    /// Place in the catalog.
    pub(crate) function: u32,
    pub(crate) figures: tree::Figures,
}

/// Errors of one code at one function.
#[derive(Clone, Debug, Default)]
pub(crate) struct MergedError {
    pub(crate) code: String,
    pub(crate) function: String,
    /// See `catalog::Function::build`.
    pub(crate) build: String,
    pub(crate) count: u64,
    pub(crate) told: u64,
    pub(crate) message: String,
}

impl Aggregator {
    /// An aggregator for a process that `resource` describes and that began now.
    pub fn new(config: &Config, resource: Resource, start_unix_ns: u64) -> Aggregator {
        Aggregator {
            config: config.clone(),
            resource: otlp::resource(&resource),
            start_unix_ns,
            catalog: Catalog::new(config.limits.histograms_max),
            tree: vec![MergedNode::default(); 2],
            children: crate::table::Table::new(start_unix_ns),
            spans: Vec::new(),
            spans_waiting: 0,
            scratch: Vec::new(),
            totals: Totals::default(),
            shared_histogram: Histogram::default(),
            errors: Vec::new(),
            objects: Objects::new(start_unix_ns, OBJECTS_MAX),
            drops: Drops::default(),
            governor: Governor::default(),
            exported: Exported::new(start_unix_ns),
            leaving: false,
        }
    }

    /// Adds what a recorder drained.
    pub fn merge(&mut self, delta: Delta) {
        let modules = gather(delta.modules.iter().map(|module| self.catalog.module(module)));
        let mut hooks = 0_u64;
        for function in &delta.functions {
            let module = modules[function.id.module as usize];
            let place = self.catalog.function(module, function, &delta.buckets, &mut self.shared_histogram);
            let pair_ns = self.catalog.pair_ns(place, &self.config);
            hooks = hooks.saturating_add(function.figures[Figure::Closed].saturating_mul(pair_ns));
        }
        if let Some(shared) = &delta.shared_histogram {
            self.shared_histogram.merge_delta(shared, &delta.buckets);
        }
        self.totals.busy = self.totals.busy.saturating_add(delta.busy);
        self.totals.hooks = self.totals.hooks.saturating_add(hooks);
        self.governor.observe(delta.busy, hooks);
        if tree::GROWS {
            self.merge_nodes(&delta, &modules);
        }
        self.merge_spans(&delta, &modules);
        self.merge_errors(&delta, &modules);
        for object in delta.objects.iter().filter(|_| objects::TOLD) {
            let function = self.catalog.place(modules[object.function.module as usize], object.function.index);
            if !self.objects.add(function, object.r#type, object.made) {
                self.drops.add(DropReason::Object, object.made.objects);
            }
        }
        self.drops.merge(&delta.drops);
        // What the coarsest clock says is all that the process can promise.
        self.config.clock_resolution_ns = self.config.clock_resolution_ns.max(delta.resolution_ns);
    }

    /// The spans since the last call, as one `ExportTraceServiceRequest`. None when there are none.
    pub fn take_traces(&mut self) -> Option<Batch> {
        self.take_traces_within(usize::MAX)
    }

    /// The oldest of them, in so many bytes, and at least one; the rest waits. For senders that may not say everything at once.
    pub fn take_traces_within(&mut self, bytes_max: usize) -> Option<Batch> {
        let (mut cut, mut items) = (0, 0);
        while let Some(len) = otlp::item_len(&self.spans[cut..]) {
            if items > 0 && self.resource.len() + ENVELOPE + cut + len > bytes_max {
                break;
            }
            (cut, items) = (cut + len, items + 1);
        }
        let bytes = (items > 0).then(|| otlp::request(&self.resource, &self.spans[..cut]))?;
        self.spans.drain(..cut);
        self.spans_waiting -= items;
        Some(Batch { bytes, items })
    }

    /// The merged call tree.
    pub fn profile(&self) -> Profile {
        Profile::new(&self.tree, &self.catalog)
    }

    /// Lets the governor decide on what was merged since the last tick. Call it about once a second.
    pub fn tick(&mut self) {
        self.governor.decide(&self.config, &mut self.catalog);
    }

    /// The governor's decisions so far, for new and running instances.
    pub fn untimed(&self) -> Untimed {
        self.governor.untimed.clone()
    }

    fn merge_nodes(&mut self, delta: &Delta, modules: &[u32]) {
        let nodes_max = self.config.limits.nodes_max.saturating_mul(4).max(2);
        let mut moved: Vec<u32> = Vec::with_capacity(delta.nodes.len());
        for (at, node) in delta.nodes.iter().enumerate() {
            let place = if at < 2 {
                at as u32
            } else {
                let parent = moved[node.parent as usize];
                let function = self.catalog.place(modules[node.function.module as usize], node.function.index);
                let key = u64::from(parent) << 32 | u64::from(function);
                match self.children.get(key) {
                    Some(child) => child,
                    None if parent == tree::OVERFLOW || self.tree.len() >= nodes_max => tree::OVERFLOW,
                    None => {
                        let child = self.tree.len() as u32;
                        self.children.insert(key, child);
                        self.tree.push(MergedNode { parent, function, figures: tree::Figures::default() });
                        child
                    }
                }
            };
            moved.push(place);
            self.tree[place as usize].figures.merge(&node.figures);
        }
    }

    fn merge_spans(&mut self, delta: &Delta, modules: &[u32]) {
        let Aggregator { catalog, spans, scratch, .. } = self;
        for span in &delta.spans {
            if spans.len() > SPAN_BYTES_MAX {
                self.drops.count(DropReason::Span);
                continue;
            }
            let flight = span.failure.as_ref().filter(|_| span.exception).map_or(&[][..], |failure| &failure.flight);
            let flight =
                flight.iter().map(|(function, _)| catalog.place(modules[function.module as usize], function.index));
            let flight = gather(flight);
            let function = catalog.place(modules[span.function.module as usize], span.function.index);
            traces::span(spans, scratch, span, catalog.named(function), |called| catalog.name(flight[called]));
            catalog.exemplify(function, Exemplar::of(span));
            self.spans_waiting += 1;
            self.totals.spans += 1;
        }
    }

    fn merge_errors(&mut self, delta: &Delta, modules: &[u32]) {
        for error in &delta.errors {
            let place = error.function.map(|id| self.catalog.place(modules[id.module as usize], id.index));
            let (function, build) =
                place.map_or(("", ""), |place| (self.catalog.name(place), self.catalog.build(place)));
            let same =
                |known: &MergedError| known.code == error.code && known.function == function && known.build == build;
            match self.errors.iter().position(same) {
                Some(at) => self.errors[at].count = self.errors[at].count.saturating_add(error.count),
                None if self.errors.len() >= ERRORS_MAX => self.drops.add(DropReason::Error, error.count),
                None => self.errors.push(MergedError {
                    code: error.code.clone(),
                    function: function.to_owned(),
                    build: build.to_owned(),
                    count: error.count,
                    told: 0,
                    message: error.message.clone(),
                }),
            }
        }
    }
}
