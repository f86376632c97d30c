//! What one instance has allocated and not freed (rules A1 to A6). Addresses are the guest's word: they key a bounded table and
//! are never followed.

use alloc::vec;
use alloc::vec::Vec;

use crate::table::{self, Table};

/// Addresses freed last that are remembered, so that a second free of one is told from a free of nonsense.
const FREED: usize = 256;

/// An allocation that is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) size: u64,
    /// Who asked for it: place in the recorder's table.
    pub(crate) function: u32,
    /// From where: node of the call tree.
    pub(crate) node: u32,
}

/// Live allocations by address.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    live: Table<Allocation>,
    freed: Vec<u64>,
    /// Allocations that found no room, and whose free is therefore unknown but not wrong.
    untracked: u64,
    /// Bytes alive.
    pub(crate) bytes: u64,
    /// Most bytes alive at once.
    pub(crate) bytes_max: u64,
}

/// What a free turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freed {
    /// Of a live allocation.
    Live(Allocation),
    /// Of an allocation that had found no room.
    Untracked,
    /// Of an address whose last event was a free.
    Twice,
    /// Of an address that was never seen.
    Unknown,
}

impl Heap {
    pub(crate) fn new(hash_key: u64) -> Heap {
        Heap { live: Table::new(hash_key), ..Heap::default() }
    }

    /// Room for so many allocations, so that none of them makes it grow.
    pub(crate) fn reserve(&mut self, allocations: usize) {
        self.live.reserve(allocations);
        self.freed.resize(FREED, table::EMPTY);
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// An allocation; gives back one that was at this address and whose free was never said.
    pub(crate) fn insert(&mut self, address: u64, allocation: Allocation) -> Option<Allocation> {
        let replaced = self.live.insert(address, allocation);
        self.bytes = self.bytes.saturating_sub(replaced.map_or(0, |old| old.size)).saturating_add(allocation.size);
        self.bytes_max = self.bytes_max.max(self.bytes);
        if let Some(place) = self.freed.get_mut(address as usize % FREED)
            && *place == address
        {
            *place = table::EMPTY;
        }
        replaced
    }

    /// An allocation that finds no room.
    pub(crate) fn skip(&mut self) {
        self.untracked = self.untracked.saturating_add(1);
    }

    pub(crate) fn free(&mut self, address: u64) -> Freed {
        if let Some(allocation) = self.live.remove(address) {
            self.bytes = self.bytes.saturating_sub(allocation.size);
            self.remember(address);
            return Freed::Live(allocation);
        }
        if self.freed.get(address as usize % FREED) == Some(&address) {
            return Freed::Twice;
        }
        if self.untracked > 0 {
            self.untracked -= 1;
            return Freed::Untracked;
        }
        Freed::Unknown
    }

    /// Forgets what is alive, and its room; keeps the most there was.
    pub(crate) fn release(&mut self) {
        *self = Heap { bytes_max: self.bytes_max, ..Heap::default() };
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = Allocation> {
        self.live.values()
    }

    pub(crate) fn live_mut(&mut self) -> impl Iterator<Item = &mut Allocation> {
        self.live.values_mut()
    }

    fn remember(&mut self, address: u64) {
        if self.freed.is_empty() {
            self.freed = vec![table::EMPTY; FREED];
        }
        self.freed[address as usize % FREED] = address;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_is_known_double_unknown_or_untracked() {
        let block = |size| Allocation { size, function: 1, node: 2 };
        let mut heap = Heap::new(3);
        assert_eq!(heap.insert(16, block(100)), None);
        assert_eq!(heap.insert(32, block(50)), None);
        assert_eq!((heap.bytes, heap.bytes_max), (150, 150));
        assert_eq!(heap.free(16), Freed::Live(block(100)));
        assert_eq!(heap.free(16), Freed::Twice);
        assert_eq!(heap.free(48), Freed::Unknown);
        assert_eq!(heap.insert(16, block(10)), None);
        assert_eq!(heap.insert(16, block(20)), Some(block(10)));
        heap.skip();
        assert_eq!(heap.free(64), Freed::Untracked);
        assert_eq!(heap.free(64), Freed::Unknown);
        assert_eq!((heap.bytes, heap.bytes_max, heap.len()), (70, 150, 2));
    }
}
