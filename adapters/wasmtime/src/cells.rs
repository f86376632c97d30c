//! The memory of a ring, seen from the host (rules R1 to R4). The only file of this crate that holds `unsafe`.
//!
//! Guest and clock thread touch it at any time, so that every access is atomic. A shared memory lives as long as anyone holds
//! it: no store that is dropped takes it away from the clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use wasmtime::SharedMemory;
use waspect_abi::ring::{self, CLOCK_OFFSET, COMPANY_OFFSET, CURSOR_OFFSET, RECORD_BYTES, RECORDS, RECORDS_OFFSET};
use waspect_recorder::Timestamp;

/// Bytes that a ring has at least.
const BYTES: usize = (RECORDS_OFFSET + RECORDS * RECORD_BYTES) as usize;

/// A ring's memory, which is large enough.
#[derive(Clone)]
pub(crate) struct Cells(SharedMemory);

impl Cells {
    /// None: the memory is too small for a ring.
    pub fn of(memory: SharedMemory) -> Option<Cells> {
        (memory.data_size() >= BYTES).then_some(Cells(memory))
    }

    /// Whether both are the same memory.
    pub fn is(&self, other: &Cells) -> bool {
        std::ptr::eq(self.0.data(), other.0.data())
    }

    /// Sets the clock cell.
    pub fn set_clock(&self, now: Timestamp) {
        self.word(CLOCK_OFFSET).store(ring::clock(now.0).to_le(), Ordering::Relaxed);
    }

    /// Says that another instance of the store has a ring.
    pub fn set_company(&self) {
        self.word(COMPANY_OFFSET).store(1u32.to_le(), Ordering::Relaxed);
    }

    /// The number of the next record. Only the guest's own thread writes it, and asks.
    #[inline]
    pub fn cursor(&self) -> u32 {
        u32::from_le(self.word(CURSOR_OFFSET).load(Ordering::Relaxed))
    }

    /// The records of these numbers, as far as the ring still has them, at most [`RECORDS`]: as they stand, and from the ring's
    /// beginning.
    pub fn records(&self, first: u32, count: u32) -> [&[AtomicU64]; 2] {
        let records = self.all();
        let (first, count) = ((first % RECORDS) as usize, count.min(RECORDS) as usize);
        let last = records.len().min(first + count);
        [&records[first..last], &records[..first + count - last]]
    }

    /// Every place of the ring.
    #[allow(unsafe_code)]
    fn all(&self) -> &[AtomicU64; RECORDS as usize] {
        let places = &self.0.data()[RECORDS_OFFSET as usize..BYTES];
        debug_assert!(size_of_val(places) == size_of::<[AtomicU64; RECORDS as usize]>());
        let places = places.as_ptr().cast::<[AtomicU64; RECORDS as usize]>();
        debug_assert!(places.is_aligned());
        // SAFETY: as below, for as many places of 8 bytes as the slice holds; their offset is a multiple of 8. An `AtomicU64` is an
        // `UnsafeCell` in memory. Rust touches this part of the memory only through these.
        unsafe { &*places }
    }

    #[inline]
    #[allow(unsafe_code)]
    fn word(&self, offset: u32) -> &AtomicU32 {
        let cell = &self.0.data()[offset as usize..][..size_of::<AtomicU32>()];
        let word = cell.as_ptr().cast::<u32>().cast_mut();
        debug_assert!(word.is_aligned());
        // SAFETY: `cell` is 4 bytes of the memory, which lives as long as `self` and never moves. They are aligned: a memory begins at a
        // page, and every offset here is a multiple of 4. They are `UnsafeCell`s, so that a shared reference may write them. Nothing
        // in Rust reads or writes them but through atomics of this size: here, and, by the contract of `SharedMemory::data`,
        // wherever else. What the guest does to them is no access of Rust's.
        unsafe { AtomicU32::from_ptr(word) }
    }
}
