//! The recorder's own time: what comes from outside, made monotonic (rule W1).

use crate::Timestamp;

/// Turns readings into a time that never goes back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: u64,
    /// Added to every reading, so that time goes on where it stood when the clock was set back.
    offset: u64,
    steps_back: u64,
}

impl Clock {
    /// The time of a reading, in nanoseconds.
    #[inline]
    pub(crate) fn read(&mut self, now: Timestamp) -> u64 {
        let time = now.0.wrapping_add(self.offset);
        if time < self.last {
            return self.step_back(now);
        }
        self.last = time;
        time
    }

    /// The time of the last reading.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Readings that went back, since the last call.
    pub(crate) fn take_steps_back(&mut self) -> u64 {
        core::mem::take(&mut self.steps_back)
    }

    #[cold]
    fn step_back(&mut self, now: Timestamp) -> u64 {
        self.steps_back += 1;
        self.offset = self.last.wrapping_sub(now.0);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_for_one_step_then_goes_on() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(Timestamp(10_000)), 10_000);
        assert_eq!(clock.read(Timestamp(4_000)), 10_000);
        assert_eq!(clock.read(Timestamp(4_007)), 10_007);
        assert_eq!(clock.take_steps_back(), 1);
    }

    #[test]
    fn the_last_moment_of_time_is_survived() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(Timestamp(u64::MAX)), u64::MAX);
        assert_eq!(clock.read(Timestamp(0)), u64::MAX);
        assert_eq!(clock.read(Timestamp(5)), u64::MAX);
        assert_eq!(clock.take_steps_back(), 2);
    }
}
