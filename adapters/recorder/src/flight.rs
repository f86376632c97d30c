//! The flight recorder: the calls that closed last, for the moment when the guest traps.

const LEN: usize = 64;

/// A ring of the last 64 closed calls.
#[derive(Debug)]
pub(crate) struct Flight {
    calls: [(u32, u64); LEN],
    next: usize,
}

impl Default for Flight {
    fn default() -> Flight {
        Flight { calls: [(0, 0); LEN], next: 0 }
    }
}

impl Flight {
    /// A call of this function closed after so many nanoseconds.
    #[inline]
    pub(crate) fn closed(&mut self, function: u32, duration_ns: u64) {
        self.calls[self.next % LEN] = (function, duration_ns);
        self.next = self.next.wrapping_add(1);
    }

    /// What is recorded, the latest last: functions' places in the recorder's table, and durations.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u64)> {
        (self.next.saturating_sub(LEN)..self.next).map(|at| self.calls[at % LEN])
    }

    pub(crate) fn clear(&mut self) {
        self.next = 0;
    }
}
