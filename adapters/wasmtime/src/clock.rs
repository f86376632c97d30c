//! The one clock of a process: the CPU's time-stamp counter where it can be trusted, the system's monotonic clock elsewhere.
//!
//! It knows no recorder and no module. A hook reads it before it does anything else (rule H1).

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use waspect_recorder::Timestamp;

/// Calibrated once a process, which takes up to 200 ms: [`calibrate`] moves that to a moment that nobody measures.
static CLOCK: LazyLock<Calibrated> = LazyLock::new(|| {
    let clock = quanta::Clock::new();
    let origin = clock.raw();
    Calibrated { clock, origin }
});

pub(crate) struct Calibrated {
    clock: quanta::Clock,
    origin: u64,
}

/// Calibrates the clock, if that has not happened yet.
pub(crate) fn calibrate() {
    LazyLock::force(&CLOCK);
}

/// The clock, for those who read it so often that to ask each time whether it is calibrated would count.
pub(crate) fn get() -> &'static Calibrated {
    &CLOCK
}

/// Nanoseconds since the clock was calibrated.
#[inline]
pub(crate) fn now() -> Timestamp {
    CLOCK.now()
}

impl Calibrated {
    /// Nanoseconds since the clock was calibrated.
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.delta_as_nanos(self.origin, self.clock.raw()))
    }
}

/// Nanoseconds since 1970. Read at every root, so that a stepped or slept system clock is wrong for one root at most.
pub(crate) fn wall_unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
