//! The ring of an instance as the tests' own host sees it: no thread, a clock that steps whenever it looks.

use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::SharedMemory;
use waspect_abi::ring::{CLOCK_OFFSET, COMPANY_OFFSET, CURSOR_OFFSET, RECORD_BYTES, RECORDS, RECORDS_OFFSET};

/// An instance's ring.
#[derive(Debug)]
pub struct Ring {
    /// The instance's base.
    pub base: u32,
    memory: SharedMemory,
    taken: u32,
    clock: u32,
}

/// A record, and its number.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Its number.
    pub number: u32,
    /// Its second half.
    pub word: u32,
    /// Whether it bears the time that the host had set.
    pub on_time: bool,
}

impl Ring {
    /// The ring of an instance that begins to live.
    pub fn new(base: u32, memory: SharedMemory) -> Ring {
        Ring { base, memory, taken: 0, clock: 0 }
    }

    /// Says that there are others.
    pub fn set_company(&self) {
        self.word(COMPANY_OFFSET).store(1, Ordering::Relaxed);
    }

    /// What was written since the last time; none when records were lost.
    pub fn take(&mut self) -> Option<Vec<Taken>> {
        let cursor = self.word(CURSOR_OFFSET).load(Ordering::Relaxed);
        let count = cursor.wrapping_sub(self.taken);
        let records = (0..count).map(|place| {
            let number = self.taken.wrapping_add(place);
            let offset = RECORDS_OFFSET + number % RECORDS * RECORD_BYTES;
            let [clock, word] = [offset, offset + 4].map(|offset| self.word(offset).load(Ordering::Relaxed));
            Taken { number, word, on_time: clock == self.clock }
        });
        let records = (count <= RECORDS).then(|| records.collect());
        self.taken = cursor;
        self.clock = self.clock.wrapping_add(1);
        self.word(CLOCK_OFFSET).store(self.clock, Ordering::Relaxed);
        records
    }

    #[allow(unsafe_code)]
    fn word(&self, offset: u32) -> &AtomicU32 {
        let cell = &self.memory.data()[offset as usize..][..4];
        // SAFETY: 4 aligned bytes of a memory that `self` keeps alive, in `UnsafeCell`s; Rust touches them through these atomics
        // alone.
        unsafe { AtomicU32::from_ptr(cell.as_ptr().cast::<u32>().cast_mut()) }
    }
}
