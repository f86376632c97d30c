//! Time and chance that are the same in every run: what a guest does then depends on its code alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// What a clock goes on by at each reading, in nanoseconds.
const TICK_NS: u64 = 1_000_000;
/// What the calendar shows at first: the beginning of 2026.
const CALENDAR_NS: u64 = 1_767_225_600_000_000_000;

/// Gives a guest clocks that go on by 1 ms at each reading, and random bytes that count from 0 to 255 and again.
pub fn give(builder: &mut WasiCtxBuilder) {
    builder.monotonic_clock(Ticks::from(0)).wall_clock(Ticks::from(CALENDAR_NS));
    builder.secure_random(Deterministic::new((0..=255).collect()));
    builder.insecure_random(Deterministic::new((0..=255).rev().collect())).insecure_random_seed(1);
}

/// A clock that goes on by one step at each reading.
struct Ticks(AtomicU64);

impl Ticks {
    fn from(ns: u64) -> Ticks {
        Ticks(AtomicU64::new(ns))
    }

    fn read(&self) -> u64 {
        self.0.fetch_add(TICK_NS, Ordering::Relaxed)
    }
}

impl HostMonotonicClock for Ticks {
    fn resolution(&self) -> u64 {
        TICK_NS
    }

    fn now(&self) -> u64 {
        self.read()
    }
}

impl HostWallClock for Ticks {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(TICK_NS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read())
    }
}
