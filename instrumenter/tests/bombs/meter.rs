//! Counts what the heap holds, exactly, and the processor time of a thread.

#![allow(unsafe_code, reason = "a global allocator cannot be written without; it hands everything to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

/// A block that grows is counted as if it grew where it is: large ones do, by moving pages.
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let live = LIVE.fetch_add(size, Ordering::Relaxed) + size - layout.size();
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a piece of work took.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Most bytes that the heap held above what it held before.
    pub peak: usize,
    /// Processor time of this thread.
    pub cpu: Duration,
}

/// Does some work on this thread and measures it.
pub fn measured<R>(work: impl FnOnce() -> R) -> (R, Usage) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let began = cpu();
    let result = work();
    (result, Usage { peak: PEAK.load(Ordering::Relaxed) - before, cpu: cpu() - began })
}

/// This thread's time on a processor, as Linux counts it.
fn cpu() -> Duration {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").expect("this test runs on Linux");
    let nanoseconds = schedstat.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("schedstat begins with nanoseconds"))
}
