//! Handing over what was recorded.

use alloc::vec;
use alloc::vec::Vec;

use waspect_abi::semconv::DropReason;

use crate::delta::{Delta, FunctionDelta, HistogramDelta, ModuleDelta, NodeDelta, ObjectDelta};
use crate::figures::{Figures as FunctionFigures, HeapFigures};
use crate::frame::flag;
use crate::functions::{NONE, SHARED_HISTOGRAM};
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
        let mut places = self.drain_functions(&mut delta);
        if GROWS {
            self.drain_nodes(&mut delta, &mut places);
        }
        if objects::TOLD {
            self.drain_objects(&mut delta, &mut places);
        }
        self.name_functions(&mut delta, &mut places);
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
                let open: Vec<u64> = sure.map(|frame| frame.sequence).collect();
                let flushed = root.flush(ids, &open, &mut self.spans, limits.spans_max);
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
                let flushed = root.flush(ids, &[], &mut self.spans, self.config.limits.spans_max);
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
            module.started += u64::from(!core::mem::replace(&mut instance.told, true));
            module.memory_max = module.memory_max.max(instance.memory);
            module.live_max = module.live_max.max(instance.heap.bytes_max);
            let figures = core::mem::take(&mut instance.figures);
            module.figures.grown = module.figures.grown.saturating_add(figures.grown);
            module.figures.grow_failures += figures.grow_failures;
            module.figures.allocation_failures += figures.allocation_failures;
            module.figures.double_frees += figures.double_frees;
            module.figures.unknown_frees += figures.unknown_frees;
            if instance.ended {
                module.ended += 1;
                module.final_memory.push(instance.memory);
                instance.memory = 0;
                // Told; it waits to be cleaned up.
                instance.ids = 0;
            }
            let change = |now: u64, told: &mut u64| (now as i64).wrapping_sub(core::mem::replace(told, now) as i64);
            module.memory = module.memory.wrapping_add(change(instance.memory, &mut instance.memory_told));
            module.live = module.live.wrapping_add(change(instance.heap.bytes, &mut instance.live_told));
        }
    }

    /// Gives, for each function's place, its place in the delta.
    fn drain_functions(&mut self, delta: &mut Delta) -> Vec<u32> {
        self.settle();
        self.functions.count_instant();
        let mut places = vec![NONE; self.functions.met.len()];
        for (place, function) in self.functions.met.iter_mut().enumerate() {
            let calls = function.calls();
            let heap = core::mem::take(&mut function.heap);
            if calls == function.told && function.closed == 0 && function.own == 0 && heap == HeapFigures::default() {
                continue;
            }
            let histogram = match function.histogram {
                SHARED_HISTOGRAM => None,
                own => drain_histogram(&mut self.functions.histograms[own as usize], &mut delta.buckets),
            };
            places[place] = delta.functions.len() as u32;
            delta.functions.push(FunctionDelta {
                module: self.instances.all[function.instance as usize].module,
                index: function.index,
                figures: FunctionFigures {
                    calls: calls - core::mem::replace(&mut function.told, calls),
                    closed: core::mem::take(&mut function.closed),
                    total: core::mem::take(&mut function.total),
                    own: core::mem::take(&mut function.own),
                    errors: core::mem::take(&mut function.errors),
                    unwound: core::mem::take(&mut function.unwound),
                    heap,
                },
                live_max: function.live_max,
                histogram,
            });
        }
        let shared = &mut self.functions.histograms[SHARED_HISTOGRAM as usize];
        self.drops.add(DropReason::Histogram, shared.count());
        delta.shared_histogram = drain_histogram(shared, &mut delta.buckets);
        places
    }

    /// Nodes with figures, and the nodes above them.
    fn drain_nodes(&mut self, delta: &mut Delta, places: &mut [u32]) {
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
            let function = if special { NONE } else { node.function };
            let parent = if special { at as u32 } else { moved[node.parent as usize] };
            delta.nodes.push(NodeDelta { parent, function, figures: node.figures });
        }
        self.tree.clear_figures();
        for at in 0..delta.nodes.len() {
            let function = delta.nodes[at].function;
            if function != NONE {
                delta.nodes[at].function = self.name_function(function, &mut delta.functions, places);
            }
        }
    }

    fn drain_objects(&mut self, delta: &mut Delta, places: &mut [u32]) {
        let Delta { functions, objects, .. } = delta;
        objects.extend(self.objects.entries().map(|(function, r#type, made)| ObjectDelta {
            function: self.name_function(function, functions, places),
            r#type,
            made,
        }));
        self.objects.clear();
    }

    /// Turns the places of functions in spans and errors into places in the delta.
    fn name_functions(&self, delta: &mut Delta, places: &mut [u32]) {
        let Delta { functions, spans, errors, .. } = delta;
        for span in spans {
            span.function = self.name_function(span.function, functions, places);
            // Frames of one trap share their failure, but the trapping frame alone shows its flight recorder.
            if let (true, Some(failure)) = (span.exception, &mut span.failure) {
                let failure = alloc::sync::Arc::make_mut(failure);
                for (function, _) in &mut failure.flight {
                    *function = self.name_function(*function, functions, places);
                }
            }
        }
        for error in errors.iter_mut().filter(|error| error.function != NONE) {
            error.function = self.name_function(error.function, functions, places);
        }
    }

    fn name_function(&self, place: u32, functions: &mut Vec<FunctionDelta>, places: &mut [u32]) -> u32 {
        let named = &mut places[place as usize];
        if *named == NONE {
            *named = functions.len() as u32;
            let function = &self.functions.met[place as usize];
            let module = self.instances.all[function.instance as usize].module;
            functions.push(FunctionDelta { module, index: function.index, ..FunctionDelta::default() });
        }
        *named
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
        let dead = self.functions.met.iter().filter(|function| instances[function.instance as usize].ended).count();
        if dead < DEAD_FUNCTIONS_MAX && ended < self.config.limits.instances_max / 2 {
            return;
        }
        let moves = self.functions.retain(|function| !instances[function.instance as usize].ended);
        self.tree.clear();
        self.flight.clear();
        for instance in &mut self.instances.all {
            for allocation in instance.heap.live_mut() {
                *allocation = crate::heap::Allocation {
                    function: moves[allocation.function as usize],
                    node: tree::OVERFLOW,
                    ..*allocation
                };
            }
        }
        self.instances.free_ended();
    }

    /// Forgets functions, instances, tree and flight recorder; keeps manifests and buffers.
    pub(crate) fn forget_everything(&mut self) {
        let instances = &self.instances.all;
        let ids = self.functions.met.iter().map(|function| instances[function.instance as usize].base + function.index);
        let ids: Vec<u32> = ids.collect();
        self.functions.clear(ids.into_iter());
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
