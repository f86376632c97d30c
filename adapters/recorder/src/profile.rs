//! The merged call tree, and its two public shapes: pprof and folded stacks.

/// A call tree with its figures. Stacks are from the boundary down.
#[derive(Clone, Debug, Default)]
pub struct Profile {}

/// What the length of a bar in a flame graph stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Time in nanoseconds: a stack's own, so that a bar is as wide as the time spent in and below it.
    Wall,
    /// Self time in nanoseconds, stacks turned upside down: who spends it, above that who called.
    SelfTime,
    /// Allocated bytes.
    Allocated,
    /// Live bytes.
    Live,
    /// Calls.
    Calls,
}

impl Profile {
    /// An uncompressed pprof `Profile` message: calls, wall time, allocated and live bytes. Readers take it plain or gzipped.
    pub fn pprof(&self) -> Vec<u8> {
        todo!()
    }

    /// Folded stacks, a line each: `a;b;c 42`. Names are as they are, with `;` and line breaks replaced by `_`.
    pub fn folded(&self, _weight: Weight) -> String {
        todo!()
    }
}
