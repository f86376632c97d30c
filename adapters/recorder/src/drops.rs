//! Counts of what was dropped or refused, by reason (rule D1).

use waspect_abi::semconv::DropReason;

/// A count a reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    pub(crate) fn count(&mut self, reason: DropReason) {
        self.add(reason, 1);
    }

    #[inline(never)]
    pub(crate) fn add(&mut self, reason: DropReason, items: u64) {
        let count = self.of(reason);
        *count = count.saturating_add(items);
    }

    pub(crate) fn of(&mut self, reason: DropReason) -> &mut u64 {
        &mut self.0[reason as usize]
    }

    pub(crate) fn merge(&mut self, other: &Drops) {
        for (reason, items) in other.iter() {
            self.add(reason, items);
        }
    }

    /// Reasons whose count is not zero.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.0).filter(|(_, items)| *items > 0)
    }
}
