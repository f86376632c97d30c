//! Allocations, growth of memories, and the end of instances (rules A and G).

use waspect_abi::semconv::DropReason;

use crate::figures::{Figure, ModuleFigure};
use crate::frame::flag;
use crate::functions::NONE;
use crate::heap::{Allocation, Freed};
use crate::objects::{self, Made};
use crate::{Recorder, Timestamp, table, tree};

/// Size of a page where the manifest does not say otherwise, as a power of two.
const PAGE_SIZE_LOG2: u32 = 16;

/// An address that is not known (A6), and a growth that failed (G1).
const ALL_ONES: u64 = u64::MAX;

impl Recorder {
    /// Size of an instance's memories now, in bytes.
    pub fn memory(&mut self, base: u32, bytes: u64) {
        match self.instances.at_base(base) {
            Some(place) => self.instances.all[place as usize].memory = bytes,
            None => self.drops.count(DropReason::Function),
        }
    }

    /// An instance is gone: its live bytes are given back, its ids become free. `memory_bytes` is the last size of its memories.
    /// Its frames are closed by the scope around them, which ends before.
    pub fn instance_end(&mut self, now: Timestamp, base: u32, memory_bytes: u64) {
        let now = self.clock.read(now);
        let Some(place) = self.instances.at_base(base) else {
            self.drops.count(DropReason::Function);
            return;
        };
        self.end_stacks(now, Some(base), &Recorder::dropped());
        let instance = &mut self.instances.all[place as usize];
        instance.memory = memory_bytes;
        let leaks = now.saturating_sub(instance.began) >= self.config.leak_age_ns;
        for allocation in instance.heap.live() {
            let figures = &mut self.functions.met[allocation.function as usize].figures;
            figures[Figure::LiveAllocations] = figures[Figure::LiveAllocations].wrapping_sub(1);
            figures[Figure::Live] = figures[Figure::Live].wrapping_sub(allocation.size);
            if leaks {
                figures[Figure::LeakedAllocations] += 1;
                figures[Figure::Leaked] = figures[Figure::Leaked].saturating_add(allocation.size);
            }
            self.tree.count(allocation.node, |node| node.live = node.live.wrapping_sub_unsigned(allocation.size));
        }
        self.allocations = self.allocations.saturating_sub(instance.heap.len());
        instance.heap.release();
        let ids = instance.ids;
        self.functions.forget_ids(base, ids);
        self.instances.end(place);
    }

    /// Hook `alloc`: memory changes hands at the request of this function.
    pub(crate) fn allocate(&mut self, function: u32, old: u64, new: u64, size: u64) {
        let place = self.functions.met[function as usize].instance;
        if new == 0 && size > 0 {
            self.instances.all[place as usize].figures[ModuleFigure::AllocationFailures] += 1;
            return;
        }
        match new {
            ALL_ONES => self.count_object(function, old, size),
            _ if old != 0 && old != ALL_ONES => self.free(place, old),
            _ => {}
        }
        if new != 0 {
            self.take(place, function, new, size);
        }
    }

    /// An allocation whose address nobody sees; `kind` is 0, or the index of an object's type plus 1 (A7).
    fn count_object(&mut self, function: u32, kind: u64, size: u64) {
        if objects::TOLD
            && let Some(r#type) = kind.checked_sub(1).and_then(|index| u32::try_from(index).ok())
            && !self.objects.add(function, r#type, Made { objects: 1, bytes: size })
        {
            self.drops.count(DropReason::Object);
        }
    }

    /// Hook `grow`.
    pub(crate) fn grow_memory(&mut self, place: u32, memory: u32, delta: u64, result: u64) {
        let instance = &mut self.instances.all[place as usize];
        let manifest = self.instances.modules[instance.module as usize].manifest.as_ref();
        let page_size_log2 = match manifest {
            Some(manifest) => manifest.memories.get(memory as usize).map(|memory| memory.page_size_log2),
            None => Some(PAGE_SIZE_LOG2),
        };
        let Some(page_size_log2) = page_size_log2 else {
            self.drops.count(DropReason::Memory);
            return;
        };
        if result == ALL_ONES {
            instance.figures[ModuleFigure::GrowFailures] += 1;
            return;
        }
        let bytes = |pages: u64| pages.saturating_mul(1 << page_size_log2.min(PAGE_SIZE_LOG2));
        let grown = &mut instance.figures[ModuleFigure::Grown];
        *grown = grown.saturating_add(bytes(delta));
        instance.memory = instance.memory.max(bytes(result)).saturating_add(bytes(delta));
    }

    fn take(&mut self, place: u32, function: u32, address: u64, size: u64) {
        let node = self.node_of_caller(function, size);
        self.tree.count(node, |figures| figures.allocated = figures.allocated.saturating_add(size));
        let figures = &mut self.functions.met[function as usize].figures;
        figures[Figure::Allocations] += 1;
        figures[Figure::Allocated] = figures[Figure::Allocated].saturating_add(size);
        if address == table::EMPTY {
            return;
        }
        let heap = &mut self.instances.all[place as usize].heap;
        if self.allocations >= self.config.limits.allocations_max {
            heap.skip();
            self.drops.count(DropReason::Allocation);
            return;
        }
        let replaced = heap.insert(address, Allocation { size, function, node });
        self.allocations = (self.allocations + 1).saturating_sub(usize::from(replaced.is_some()));
        self.change_live(Allocation { size, function, node }, 1);
        if let Some(old) = replaced {
            self.change_live(old, -1);
        }
    }

    fn free(&mut self, place: u32, address: u64) {
        let instance = &mut self.instances.all[place as usize];
        match instance.heap.free(address) {
            Freed::Live(allocation) => {
                self.allocations = self.allocations.saturating_sub(1);
                self.change_live(allocation, -1);
            }
            Freed::Untracked => {}
            Freed::Twice => instance.figures[ModuleFigure::DoubleFrees] += 1,
            Freed::Unknown => instance.figures[ModuleFigure::UnknownFrees] += 1,
        }
    }

    /// Adds an allocation to what is alive, or takes it away.
    fn change_live(&mut self, allocation: Allocation, sign: i64) {
        let bytes = (allocation.size as i64).wrapping_mul(sign);
        let met = &mut self.functions.met[allocation.function as usize];
        let figures = &mut met.figures;
        figures[Figure::LiveAllocations] = figures[Figure::LiveAllocations].wrapping_add_signed(sign);
        figures[Figure::Live] = figures[Figure::Live].wrapping_add_signed(bytes);
        met.live = met.live.wrapping_add(bytes);
        met.live_max = met.live_max.max(met.live.max(0) as u64);
        self.tree.count(allocation.node, |node| node.live = node.live.wrapping_add(bytes));
    }

    /// The node of who allocates; the frame on top is charged with the bytes.
    fn node_of_caller(&mut self, function: u32, size: u64) -> u32 {
        match self.lane.frames.last_mut() {
            Some(frame) => {
                frame.allocated = frame.allocated.saturating_add(size);
                let node = frame.node;
                if frame.function == function && !frame.is(flag::SCOPE) {
                    node
                } else {
                    self.tree.child(node, function)
                }
            }
            None => self.tree.child(tree::ROOT, function),
        }
    }
}

const _: () = assert!(NONE == crate::frame::NO_FUNCTION);
