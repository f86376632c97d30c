//! Handing over what was recorded.

use alloc::vec;
use alloc::vec::Vec;

use waspect_abi::semconv::DropReason;

use crate::delta::{Delta, FunctionDelta, FunctionId, HistogramDelta, ModuleDelta, NodeDelta, ObjectDelta};
use crate::figures::{Figure, Figures as FunctionFigures, ModuleFigure};
use crate::frame::flag;
use crate::functions::SHARED_HISTOGRAM;
use crate::gather::gather;
use crate::histogram::Histogram;
use crate::lane::Lane;
use crate::objects;
use crate::stacks::STACKS;
use crate::tree::{self, Figures, GROWS, OVERFLOW};
use crate::{Recorder, Timestamp};

/// Functions of ended instances that are kept before their places are cleaned up.
const DEAD_FUNCTIONS_MAX: usize = 10_000;

impl Recorder {
    /// What was recorded since the last drain. Roots that are open for too long send what they have.
    pub fn drain(&mut self, now: Timestamp) -> Delta {
        let now = self.clock.read(now);
        self.flush_open_roots(now);
        self.drops.add(DropReason::Clock, self.clock.take_steps_back());
        let mut delta = Delta {
            spans: core::mem::take(&mut self.spans),
            errors: core::mem::take(&mut self.errors),
            busy: core::mem::take(&mut self.busy),
            resolution_ns: core::mem::take(&mut self.resolution_ns),
            ..Delta::default()
        };
        self.drain_modules(&mut delta);
        self.drain_functions(&mut delta);
        if GROWS {
            self.drain_nodes(&mut delta);
        }
        if objects::TOLD {
            self.drain_objects(&mut delta);
        }
        delta.drops = core::mem::take(&mut self.drops);
        self.clean_up();
        delta
    }

    fn flush_open_roots(&mut self, now: u64) {
        let limits = &self.config.limits;
        for lane in core::iter::once(&mut self.lane).chain(self.parked.iter_mut()) {
            if let Some(bottom) = lane.roots.first_mut() {
                self.busy = self.busy.saturating_add(now.saturating_sub(bottom.busy_from));
                bottom.busy_from = now;
            }
            // Without ids there are no spans; time was busy all the same.
            let Some(ids) = &self.ids else { continue };
            for place in 0..lane.roots.len() {
                let next_root = lane.roots.get(place + 1).map_or(u64::MAX, |root| root.sequence);
                let root = &mut lane.roots[place];
                if !root.sampled
                    || (root.kept.is_empty() && root.slowest.is_empty())
                    || now.saturating_sub(root.started) < self.config.spans.open_root_ns
                {
                    continue;
                }
                let wanted = root.sequence..next_root;
                let min = self.config.spans.min_duration_ns;
                let sure = lane.frames.iter().filter(|frame| {
                    wanted.contains(&frame.sequence)
                        && !frame.is(flag::SCOPE | flag::MERGED)
                        && (frame.is(flag::ROOT | flag::KEPT) || now.saturating_sub(frame.start) >= min)
                });
                let open = gather(sure.map(|frame| frame.sequence));
                let flushed = root.flush(ids, &self.functions.met, &open, &mut self.spans, limits.spans_max);
                self.candidates = self.candidates.saturating_sub(flushed.candidates);
                self.drops.add(DropReason::Span, flushed.dropped);
                keep_frames(lane, &flushed.parents);
            }
        }
        self.flush_waiting_roots(now);
    }

    /// Roots of stacks of the guest's on which nothing runs now. Their frames are not looked at: what is flushed hangs under the stack.
    fn flush_waiting_roots(&mut self, now: u64) {
        let Some(ids) = self.ids.as_ref().filter(|_| STACKS) else { return };
        let open_root_ns = self.config.spans.open_root_ns;
        for root in self.stacks.roots() {
            let is_empty = root.kept.is_empty() && root.slowest.is_empty();
            if root.sampled && !is_empty && now.saturating_sub(root.started) >= open_root_ns {
                let flushed = root.flush(ids, &self.functions.met, &[], &mut self.spans, self.config.limits.spans_max);
                self.candidates = self.candidates.saturating_sub(flushed.candidates);
                self.drops.add(DropReason::Span, flushed.dropped);
            }
        }
    }

    fn drain_modules(&mut self, delta: &mut Delta) {
        for module in &self.instances.modules {
            delta.modules.push(ModuleDelta {
                build: module.build,
                manifest: module.manifest.clone(),
                ..ModuleDelta::default()
            });
        }
        for instance in self.instances.all.iter_mut().filter(|instance| !(instance.ended && instance.ids == 0)) {
            let module = &mut delta.modules[instance.module as usize];
            let mut figures = core::mem::take(&mut instance.figures);
            figures[ModuleFigure::MemoryMax] = instance.memory;
            figures[ModuleFigure::LiveMax] = instance.heap.bytes_max;
            if instance.ended {
                figures[ModuleFigure::Active] = figures[ModuleFigure::Active].wrapping_sub(1);
                module.final_memory.push(instance.memory);
                instance.memory = 0;
                // Told; it waits to be cleaned up.
                instance.ids = 0;
            }
            let change = |now: u64, told: &mut u64| now.wrapping_sub(core::mem::replace(told, now));
            figures[ModuleFigure::Memory] = change(instance.memory, &mut instance.memory_told);
            figures[ModuleFigure::Live] = change(instance.heap.bytes, &mut instance.live_told);
            module.figures.merge(&figures);
        }
    }

    fn drain_functions(&mut self, delta: &mut Delta) {
        self.settle();
        self.functions.count_instant();
        for function in &mut self.functions.met {
            let calls = function.calls();
            let mut figures = core::mem::take(&mut function.figures);
            figures[Figure::Calls] = calls - core::mem::replace(&mut function.told, calls);
            if figures == FunctionFigures::default() {
                continue;
            }
            let histogram = match function.histogram {
                SHARED_HISTOGRAM => None,
                own => drain_histogram(&mut self.functions.histograms[own as usize], &mut delta.buckets),
            };
            let (id, live_max) = (function.id(), function.live_max);
            delta.functions.push(FunctionDelta { id, figures, live_max, histogram });
        }
        let shared = &mut self.functions.histograms[SHARED_HISTOGRAM as usize];
        self.drops.add(DropReason::Histogram, shared.count());
        delta.shared_histogram = drain_histogram(shared, &mut delta.buckets);
    }

    /// Nodes with figures, and the nodes above them.
    fn drain_nodes(&mut self, delta: &mut Delta) {
        self.drops.add(DropReason::Node, self.tree.nodes()[OVERFLOW as usize].figures.calls);
        let nodes = self.tree.nodes();
        let mut wanted = vec![false; nodes.len()];
        for (at, node) in nodes.iter().enumerate().rev() {
            if wanted[at] || node.figures != Figures::default() {
                wanted[at] = true;
                wanted[node.parent as usize] = true;
            }
        }
        if !wanted.contains(&true) {
            return;
        }
        let mut moved = vec![0; nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            if !wanted[at] && at > OVERFLOW as usize {
                continue;
            }
            moved[at] = delta.nodes.len() as u32;
            let special = at <= OVERFLOW as usize;
            let function = match special {
                true => FunctionId::default(),
                false => self.functions.met[node.function as usize].id(),
            };
            let parent = if special { at as u32 } else { moved[node.parent as usize] };
            delta.nodes.push(NodeDelta { parent, function, figures: node.figures });
        }
        self.tree.clear_figures();
    }

    fn drain_objects(&mut self, delta: &mut Delta) {
        let functions = &self.functions.met;
        let id = |place: u32| functions[place as usize].id();
        let made = self.objects.entries();
        delta.objects.extend(made.map(|(place, r#type, made)| ObjectDelta { function: id(place), r#type, made }));
        self.objects.clear();
    }

    /// Forgets instances that ended, once no frame is open that could name them.
    fn clean_up(&mut self) {
        let ended = self.instances.ended();
        if ended == 0 || !self.lane.frames.is_empty() || !self.parked.is_empty() || !self.stacks.is_empty() {
            return;
        }
        if self.instances.live().is_empty() {
            self.forget_everything();
            return;
        }
        let instances = &self.instances.all;
        let many = ended >= self.config.limits.instances_max / 2;
        let more = if many { 0 } else { DEAD_FUNCTIONS_MAX };
        if !self.functions.free_dead(more, |function| instances[function.instance as usize].base + function.index) {
            return;
        }
        self.tree.clear();
        self.flight.clear();
        if GROWS {
            for allocation in self.instances.all.iter_mut().flat_map(|instance| instance.heap.live_mut()) {
                allocation.node = tree::OVERFLOW;
            }
        }
        self.instances.free_ended();
    }

    /// Forgets functions, instances, tree and flight recorder; keeps manifests and buffers. No id leads to a function any more.
    pub(crate) fn forget_everything(&mut self) {
        self.functions.clear();
        self.tree.clear();
        self.flight.clear();
        self.instances.clear();
        self.objects.clear();
        self.allocations = 0;
    }
}

fn keep_frames(lane: &mut Lane, sequences: &[u64]) {
    for frame in &mut lane.frames {
        if sequences.contains(&frame.sequence) && !frame.is(flag::ROOT) {
            frame.flags |= flag::KEPT;
        }
    }
}

fn drain_histogram(histogram: &mut Histogram, buckets: &mut Vec<u64>) -> Option<HistogramDelta> {
    if histogram.is_empty() {
        return None;
    }
    let range = histogram.range();
    let delta = HistogramDelta {
        sum: histogram.sum,
        min: histogram.min,
        max: histogram.max,
        zero: histogram.zero,
        first: range.start as u32,
        at: buckets.len() as u32,
        len: range.len() as u32,
    };
    buckets.extend_from_slice(&histogram.buckets[range]);
    histogram.clear();
    Some(delta)
}
