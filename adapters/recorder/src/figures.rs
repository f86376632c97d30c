//! Figures of functions and of modules: counts and sums that add up, one for each metric. Rows of numbers, so that all of them are
//! added, compared and told by the same few lines.

use core::ops::{Index, IndexMut};

/// What is known of a function: first what every call changes, last what may go down; those that metrics tell stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Calls closed that took time.
    Closed,
    /// In nanoseconds: outermost activations only.
    Total,
    /// Without its callees'.
    Own,
    Calls,
    Errors,
    Unwound,
    Allocations,
    Allocated,
    Leaked,
    /// 1 when its gate was closed.
    Untimed,
    /// Bytes, or their change: may be negative, as the next.
    Live,
    LiveAllocations,
    LeakedAllocations,
}

/// What a function did: since the last drain in a recorder, ever in the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures(pub(crate) [u64; Figure::LeakedAllocations as usize + 1]);

impl Figures {
    pub(crate) fn merge(&mut self, other: &Figures) {
        add(&mut self.0, &other.0, Figure::Live as usize, usize::MAX);
    }

    /// Those that metrics tell.
    pub(crate) fn in_metrics(&mut self) -> &mut [u64] {
        &mut self.0[Figure::Total as usize..=Figure::Live as usize]
    }
}

impl Index<Figure> for Figures {
    type Output = u64;

    #[inline(always)]
    fn index(&self, figure: Figure) -> &u64 {
        &self.0[figure as usize]
    }
}

impl IndexMut<Figure> for Figures {
    #[inline(always)]
    fn index_mut(&mut self, figure: Figure) -> &mut u64 {
        &mut self.0[figure as usize]
    }
}

/// What is known of a module, in the order in which metrics tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleFigure {
    Started,
    /// Bytes.
    Grown,
    GrowFailures,
    AllocationFailures,
    DoubleFrees,
    UnknownFrees,
    /// Instances that are alive: a change, and so are the next two.
    Active,
    /// Bytes of the memories of live instances.
    Memory,
    /// Bytes that are alive in live instances.
    Live,
    /// The largest of one instance, and so is the next.
    MemoryMax,
    LiveMax,
    /// 1: it is there.
    Known,
}

/// What happened to the instances of a module: since the last drain in a recorder, ever in the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModuleFigures(pub(crate) [u64; ModuleFigure::Known as usize + 1]);

impl ModuleFigures {
    pub(crate) fn merge(&mut self, other: &ModuleFigures) {
        add(&mut self.0, &other.0, ModuleFigure::Active as usize, ModuleFigure::MemoryMax as usize);
    }

    /// True when nothing happened: how large something is tells nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0[..ModuleFigure::MemoryMax as usize].iter().all(|figure| *figure == 0)
    }
}

impl Index<ModuleFigure> for ModuleFigures {
    type Output = u64;

    fn index(&self, figure: ModuleFigure) -> &u64 {
        &self.0[figure as usize]
    }
}

impl IndexMut<ModuleFigure> for ModuleFigures {
    fn index_mut(&mut self, figure: ModuleFigure) -> &mut u64 {
        &mut self.0[figure as usize]
    }
}

/// Adds a row to another: sums, which saturate; `changes` and what follows, which wrap; from `maxima` on, the larger one stays.
fn add(mine: &mut [u64], theirs: &[u64], changes: usize, maxima: usize) {
    for (at, (mine, theirs)) in mine.iter_mut().zip(theirs).enumerate() {
        *mine = if at >= maxima {
            *theirs.max(mine)
        } else if at >= changes {
            mine.wrapping_add(*theirs)
        } else {
            mine.saturating_add(*theirs)
        };
    }
}
