//! The clock behind records (rule R3): a thread that writes the time into the rings of running stores, ten thousand times a second.
//!
//! It holds rings only while it writes them, so that it keeps no store's memory alive; and a ring that a store has dropped meanwhile
//! is still there for it. It sleeps while nothing runs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_queue::SegQueue;
use waspect_recorder::Timestamp;

use crate::cells::Cells;
use crate::clock;

/// Time between two ticks; the system adds some 50 µs.
const PERIOD: Duration = Duration::from_micros(50);

/// Ticking takes at most one part in this many of the thread's time: with thousands of rings, ticks are rarer.
const SHARE: u32 = 20;

/// How long it goes on after the last store stopped running: waking the thread costs more than some ticks.
const LINGER_TICKS: u32 = 500;

static TICKER: Ticker = Ticker {
    joining: SegQueue::new(),
    running: AtomicUsize::new(0),
    parked: AtomicBool::new(false),
    step_max_ns: AtomicU64::new(0),
    thread: OnceLock::new(),
};

struct Ticker {
    joining: SegQueue<Weak<Ticked>>,
    /// Rings whose stores run.
    running: AtomicUsize,
    parked: AtomicBool,
    step_max_ns: AtomicU64,
    thread: OnceLock<Thread>,
}

/// A ring whose clock cell is kept current while its store runs.
pub(crate) struct Ticked {
    pub cells: Cells,
    running: AtomicBool,
}

/// Starts the thread, once a process.
pub(crate) fn start() -> std::io::Result<()> {
    if TICKER.thread.get().is_none() {
        let thread = thread::Builder::new().name("waspect-clock".into()).spawn(|| TICKER.run())?;
        if TICKER.thread.set(thread.thread().clone()).is_err() {
            // Two started at once: two threads tick, which is harmless.
        }
    }
    Ok(())
}

/// The largest step that a clock cell took while its store ran, in nanoseconds: what times of records are worth.
pub(crate) fn step_max_ns() -> u64 {
    TICKER.step_max_ns.load(Ordering::Relaxed)
}

impl Ticked {
    /// Joins those that are ticked.
    pub fn new(cells: Cells) -> Arc<Ticked> {
        let ticked = Arc::new(Ticked { cells, running: AtomicBool::new(false) });
        TICKER.joining.push(Arc::downgrade(&ticked));
        ticked
    }

    /// Its store begins to run, or ends.
    pub fn set_running(&self, running: bool) {
        if self.running.swap(running, Ordering::Relaxed) == running {
            return;
        }
        if !running {
            TICKER.running.fetch_sub(1, Ordering::SeqCst);
        } else if TICKER.running.fetch_add(1, Ordering::SeqCst) == 0 && TICKER.parked.load(Ordering::SeqCst) {
            TICKER.thread.get().inspect(|thread| thread.unpark());
        }
    }
}

impl Drop for Ticked {
    fn drop(&mut self) {
        self.set_running(false);
    }
}

impl Ticker {
    fn run(&self) {
        let (mut rings, mut idle, mut last): (Vec<Weak<Ticked>>, u32, Option<Timestamp>) = Default::default();
        loop {
            while let Some(ring) = self.joining.pop() {
                rings.push(ring);
            }
            let began = clock::now();
            rings.retain(|ring| match ring.upgrade() {
                Some(ring) => {
                    if ring.running.load(Ordering::Relaxed) {
                        ring.cells.set_clock(began);
                    }
                    true
                }
                None => false,
            });
            let runs = self.running.load(Ordering::SeqCst) > 0;
            if let Some(last) = last.filter(|_| runs) {
                self.step_max_ns.fetch_max(began.0.saturating_sub(last.0), Ordering::Relaxed);
            }
            last = runs.then_some(began);
            idle = if runs { 0 } else { idle + 1 };
            if idle < LINGER_TICKS {
                let cost = Duration::from_nanos(clock::now().0.saturating_sub(began.0));
                thread::sleep(PERIOD.max(SHARE * cost));
                continue;
            }
            self.parked.store(true, Ordering::SeqCst);
            if self.running.load(Ordering::SeqCst) == 0 {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}
