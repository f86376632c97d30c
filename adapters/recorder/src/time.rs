//! Time as the recorder sees it: integers from outside. Nothing here reads a clock.

/// A point in time, in nanoseconds of a monotonic clock of any origin.
///
/// One recorder is given the readings of one clock. A reading that is lower than the one before it is survived: time stands
/// still for that step, and the step is counted (rule W1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Timestamp {
        Timestamp(nanos)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}
