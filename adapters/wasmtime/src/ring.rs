//! The rings of a store's instances (rules R1 to R9): whose records are taken, in order, before anything else is told.

use std::sync::Arc;

use wasmtime::{Engine, Extern, MemoryType, Module, SharedMemory};
use waspect_abi::ring::RECORDS;
use waspect_recorder::Timestamp;

use crate::cells::Cells;
use crate::desk::Desk;
use crate::error::Error;
use crate::log::Event;
use crate::replayer;
use crate::ticker::{self, Ticked};

/// A module with two memories, one of them shared.
const TWO_MEMORIES: [u8; 16] = *b"\0asm\x01\0\0\0\x05\x06\x02\0\0\x03\x01\x01";

/// Whether an engine runs modules of mode `ring`.
///
/// They need several memories and threads, which Wasmtime has by default, and shared memories, which it has not:
/// `config.shared_memory(true)`. The pooling allocator has none at all.
pub fn check_ring(engine: &Engine) -> Result<(), Error> {
    Module::validate(engine, &TWO_MEMORIES).map_err(Error::RingModule)?;
    SharedMemory::new(engine, MemoryType::shared(0, 1)).map_err(Error::RingMemory)?;
    Ok(())
}

/// All rings of a store.
#[derive(Default)]
pub(crate) struct Rings {
    list: Vec<Ring>,
}

/// The ring of an instance.
struct Ring {
    base: u32,
    ticked: Arc<Ticked>,
    /// Number of the next record to be taken.
    taken: u32,
}

impl Rings {
    /// Adds an instance's ring; false where it has none. `running`: its store is within a scope.
    pub fn add(&mut self, base: u32, export: Option<Extern>, now: Timestamp, running: bool) -> bool {
        let Some(cells) = export.and_then(Extern::into_shared_memory).and_then(Cells::of) else { return false };
        // A hostile instance may say `module` more than once: its records are those of its first base.
        if self.list.iter().any(|ring| ring.ticked.cells.is(&cells)) {
            return false;
        }
        // Without these threads the clock still moves at every hook, and the store replays for itself.
        let _ = ticker::start().and_then(|()| replayer::start());
        cells.set_clock(now);
        let ticked = Ticked::new(cells);
        ticked.set_running(running);
        let taken = ticked.cells.cursor();
        self.list.push(Ring { base, ticked, taken });
        if self.list.len() > 1 {
            self.list.iter().for_each(|ring| ring.ticked.cells.set_company());
        }
        true
    }

    /// Writes down what the rings hold since the last time. At most one holds anything, as long as the guest is honest.
    #[inline]
    pub fn take(&mut self, desk: &mut Desk, now: Timestamp) {
        for ring in &mut self.list {
            let cursor = ring.ticked.cells.cursor();
            if cursor != ring.taken {
                ring.take(desk, now, cursor);
            }
            ring.ticked.cells.set_clock(now);
        }
    }

    /// The store begins to run guest code, or ends.
    pub fn set_running(&mut self, now: Timestamp, running: bool) {
        for ring in &self.list {
            ring.ticked.cells.set_clock(now);
            ring.ticked.set_running(running);
        }
    }

    /// Lets go of them.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

impl Ring {
    fn take(&mut self, desk: &mut Desk, now: Timestamp, cursor: u32) {
        let mut count = cursor.wrapping_sub(self.taken);
        if count > RECORDS {
            desk.tell(Event::Lost { records: u64::from(count - RECORDS) });
            count = RECORDS;
        }
        let first = cursor.wrapping_sub(count);
        desk.records(now, self.base, first, self.ticked.cells.records(first, count));
        self.taken = cursor;
    }
}
