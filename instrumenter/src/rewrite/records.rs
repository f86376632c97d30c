//! The instruction sequences of mode `ring`: records of calls, written in place (rules R4 to R8).
//!
//! ```wat
//! (if (i32.eqz (i32.and (local.tee $number (i32.load $ring offset=64 (i32.const 0))) (i32.const 1023)))
//!   (then (call $flush (global.get $base))))
//! (i64.store $ring offset=128 (place of $number)
//!   (i64.or (i64.load32_u $ring (i32.const 0)) (the function, or the token, in the upper half)))
//! (i32.store $ring offset=64 (i32.const 0) (i32.add (local.get $number) (i32.const 1)))
//! ```
//!
//! Why is the cursor a cell of that memory and not a global? The host reads it between two calls, and a global that it must not miss
//! would have to be exported. Why is it never set back? The host then need not write it, so that nothing is lost when a call of
//! `flush` dies, and a record's number is unlike every other's: it is the token of the call that it opens.

use wasm_encoder::{BlockType, InstructionSink, MemArg, MemArgTarget};
use waspect_abi::{Hook, ring};

use super::hooks::{Frame, Hooks};
use crate::mutants::Mutant;

impl Hooks<'_> {
    /// The record of a call that begins; `token` is set last.
    pub(super) fn record_enter(&self, sink: &mut InstructionSink<'_>, memory: u32, index: u32, frame: Frame) -> u32 {
        let word = ring::Record::Enter(index).word();
        let blocks = self.record(sink, memory, frame.number, |sink| {
            sink.i64_const((u64::from(word) << 32) as i64);
        });
        sink.local_get(frame.number).i32_const(1).i32_shl().i32_const(1).i32_or().local_set(frame.token);
        blocks
    }

    /// `if token { record }` of a call that ends. What is on the stack stays there.
    pub(super) fn record_exit(&self, sink: &mut InstructionSink<'_>, memory: u32, frame: Frame) -> u32 {
        sink.local_get(frame.token).if_(BlockType::Empty);
        let blocks = self.record(sink, memory, frame.number, |sink| {
            sink.local_get(frame.token).i64_extend_i32_u().i64_const(32).i64_shl();
        });
        sink.end();
        blocks + 1
    }

    /// `if company { flush }` (rule R8).
    pub(super) fn flush_in_company(&self, sink: &mut InstructionSink<'_>, memory: u32) -> u32 {
        if self.seed.is(Mutant::CompanyIgnored) {
            return 0;
        }
        sink.i32_const(0).i32_load(cell(memory, ring::COMPANY_OFFSET)).if_(BlockType::Empty);
        self.flush(sink);
        sink.end();
        1
    }

    fn flush(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.layout.base());
        self.call(sink, Hook::Flush);
    }

    fn record(
        &self,
        sink: &mut InstructionSink<'_>,
        memory: u32,
        number: u32,
        word: impl FnOnce(&mut InstructionSink<'_>),
    ) -> u32 {
        let cursor = cell(memory, ring::CURSOR_OFFSET);
        sink.i32_const(0).i32_load(cursor).local_tee(number);
        sink.i32_const(ring::RECORDS as i32 - 1).i32_and().i32_eqz().if_(BlockType::Empty);
        if !self.seed.is(Mutant::FlushMissed) {
            self.flush(sink);
        }
        sink.end();
        sink.local_get(number).i32_const(ring::RECORDS as i32 - 1).i32_and();
        sink.i32_const(ring::RECORD_BYTES.ilog2() as i32).i32_shl();
        sink.i32_const(0).i64_load32_u(cell(memory, ring::CLOCK_OFFSET));
        word(sink);
        sink.i64_or().i64_store(MemArg { align: 3, ..cell(memory, ring::RECORDS_OFFSET) });
        if !self.seed.is(Mutant::CursorStands) {
            sink.i32_const(0).local_get(number).i32_const(1).i32_add().i32_store(cursor);
        }
        1
    }
}

/// A word of the ring's memory.
fn cell(memory: u32, offset: u32) -> MemArg {
    MemArg { offset: offset.into(), align: 2, target: MemArgTarget::Memory(memory), ordering: None }
}
