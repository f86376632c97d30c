//! Boxes, vectors that grow and strings, over an allocator that keeps the books: what an observer counts must come out the same.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static GIVEN: AtomicU64 = AtomicU64::new(0);
static GIVEN_BYTES: AtomicU64 = AtomicU64::new(0);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicU64 = AtomicU64::new(0);

struct Books;

impl Books {
    fn give(block: *mut u8, bytes: usize) -> *mut u8 {
        assert!(!block.is_null());
        GIVEN.fetch_add(1, Relaxed);
        GIVEN_BYTES.fetch_add(bytes as u64, Relaxed);
        LIVE_BYTES.fetch_add(bytes as u64, Relaxed);
        block
    }
}

unsafe impl GlobalAlloc for Books {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Books::give(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Books::give(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE_BYTES.fetch_sub(layout.size() as u64, Relaxed);
        Books::give(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        TAKEN.fetch_add(1, Relaxed);
        LIVE_BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static BOOKS: Books = Books;

#[repr(align(64))]
struct Wide {
    _bytes: [u8; 64],
}

/// What is kept from round to round, so that something is alive at the end.
static KEPT: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

#[unsafe(no_mangle)]
pub extern "C" fn work(rounds: i32) {
    for round in 0..rounds as usize {
        let mut numbers = Vec::new();
        for number in 0..round % 50 {
            numbers.push(number);
        }
        let zeros = std::hint::black_box(vec![0_u8; 1 + round % 300]);
        let wide = std::hint::black_box(Box::new(Wide { _bytes: [1; 64] }));
        let text = format!("{round}: {} {} {}", numbers.len(), zeros.len(), wide._bytes[0]);
        let mut kept = KEPT.lock().unwrap();
        if kept.len() > 40 {
            kept.swap_remove(round % 40);
        }
        kept.push(text);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn given() -> u64 {
    GIVEN.load(Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn given_bytes() -> u64 {
    GIVEN_BYTES.load(Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn taken() -> u64 {
    TAKEN.load(Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn live_bytes() -> u64 {
    LIVE_BYTES.load(Relaxed)
}
