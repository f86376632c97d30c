//! The flight recorder: the calls that closed last, for the moment when the guest traps, and for the histograms.

const LEN: usize = 64;

/// A ring of the last 64 closed calls.
///
/// It is also where durations wait for their histograms: finding a bucket is a chain of some 45 cycles in which each step needs
/// the one before. At the end of a hook that chain has to run out before the next hook reads the clock, which waits for it; over
/// 64 durations in a row the processor runs many such chains side by side.
#[derive(Debug)]
pub(crate) struct Flight {
    calls: [Closed; LEN],
    next: usize,
    /// Calls before this one are accounted for.
    settled: usize,
}

/// A call that closed.
///
/// In this order function and node are copied one by one, as the frame got them: where they are neighbours, they are read as
/// one, and such a read waits until both stores have left the processor.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Closed {
    pub(crate) duration: u64,
    /// Without its callees'.
    pub(crate) own: u64,
    /// Its function's place.
    pub(crate) function: u32,
    /// It counts towards its function's total.
    pub(crate) outermost: bool,
    pub(crate) node: u32,
}

impl Default for Flight {
    fn default() -> Flight {
        Flight { calls: [Closed::default(); LEN], next: 0, settled: 0 }
    }
}

impl Flight {
    /// A call of this function closed after so many nanoseconds. True when the ring has to be settled before the next one.
    #[inline]
    pub(crate) fn closed(&mut self, call: Closed) -> bool {
        self.calls[self.next % LEN] = call;
        self.next = self.next.wrapping_add(1);
        self.next.is_multiple_of(LEN)
    }

    /// A call of this function closed that took no time, and is accounted for. True as above.
    #[inline]
    pub(crate) fn closed_at_once(&mut self, function: u32, node: u32) -> bool {
        // Where nothing waits before it, it need not be passed over.
        self.settled = self.settled.wrapping_add(usize::from(self.settled == self.next));
        self.closed(Closed { duration: 0, own: 0, function, outermost: false, node }) && self.settled != self.next
    }

    /// The next call that waits; those that took no time are accounted for.
    #[inline]
    pub(crate) fn settle(&mut self) -> Option<Closed> {
        let call = self.calls[self.settled % LEN];
        if self.settled == self.next {
            return None;
        }
        self.settled = self.settled.wrapping_add(1);
        Some(call)
    }

    /// What is recorded, the latest last: functions' places in the recorder's table, and durations.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u64)> {
        (self.next.saturating_sub(LEN)..self.next)
            .map(|at| self.calls[at % LEN])
            .map(|call| (call.function, call.duration))
    }

    pub(crate) fn clear(&mut self) {
        (self.next, self.settled) = (0, 0);
    }
}
