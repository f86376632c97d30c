//! Figures of functions: counts and sums that add up.

/// What a function did: since the last drain in a delta, ever in the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) closed: u64,
    pub(crate) total: u64,
    pub(crate) own: u64,
    pub(crate) errors: u64,
    pub(crate) unwound: u64,
    pub(crate) heap: HeapFigures,
}

impl Figures {
    pub(crate) fn merge(&mut self, other: &Figures) {
        let add = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
        add(&mut self.calls, other.calls);
        add(&mut self.closed, other.closed);
        add(&mut self.total, other.total);
        add(&mut self.own, other.own);
        add(&mut self.errors, other.errors);
        add(&mut self.unwound, other.unwound);
        add(&mut self.heap.allocations, other.heap.allocations);
        add(&mut self.heap.bytes, other.heap.bytes);
        add(&mut self.heap.leaked_allocations, other.heap.leaked_allocations);
        add(&mut self.heap.leaked_bytes, other.heap.leaked_bytes);
        self.heap.live_bytes = self.heap.live_bytes.wrapping_add(other.heap.live_bytes);
        self.heap.live_allocations = self.heap.live_allocations.wrapping_add(other.heap.live_allocations);
    }
}

/// Allocations charged to a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeapFigures {
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
    pub(crate) live_allocations: i64,
    pub(crate) live_bytes: i64,
    pub(crate) leaked_allocations: u64,
    pub(crate) leaked_bytes: u64,
}
