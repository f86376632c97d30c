//! The few instruction sequences that call hooks and count. Everything injected is made of these.

use wasm_encoder::{BlockType, Catch, InstructionSink, RefType, ValType};
use waspect_abi::Hook;
use waspect_abi::hooks::stack;

use super::layout::{Counter, Layout};
use crate::info::asyncify::{self, Cells};
use crate::info::{Switching, go};
use crate::mutants::{Mutant, Seed};

/// The locals that a frame needs. Its token is the only one that is kept across what the function calls.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Zero until the frame is open.
    pub token: u32,
    /// Where a frame is told by records, the number of the one that is being written.
    pub number: u32,
}

/// How a body begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// At its beginning, always.
    Enter,
    /// Anywhere. Only beginnings are calls.
    Resumable(Switching),
    /// The same, and hooks are told so.
    ResumableTold(Switching),
}

impl Frame {
    /// How many locals a frame needs that is told by hooks.
    pub const LOCALS: u32 = 1;
    /// How many it needs where it is told by records.
    pub const LOCALS_OF_RECORDS: u32 = 2;

    /// From the first free local on.
    pub fn at(local: u32) -> Frame {
        Frame { token: local, number: local + 1 }
    }
}

/// The two locals more of a function that may be left and gone on with.
#[derive(Clone, Copy)]
pub(super) struct Lap {
    /// What it returns.
    pub result: u32,
    /// 1 once it asked for more stack: it had not begun.
    pub again: u32,
}

impl Lap {
    /// How many locals that is.
    pub const LOCALS: u32 = 2;

    /// From the first free local on.
    pub fn at(local: u32) -> Lap {
        Lap { result: local, again: local + 1 }
    }
}

/// Writes hook calls into a body.
pub(super) struct Hooks<'a> {
    pub layout: &'a Layout,
    pub seed: Seed,
}

impl Hooks<'_> {
    /// `base + index` on the stack: the id of an original function (rule M3).
    pub fn id(&self, sink: &mut InstructionSink<'_>, index: u32) {
        sink.global_get(self.layout.base()).i32_const(index as i32).i32_add();
    }

    pub fn call(&self, sink: &mut InstructionSink<'_>, hook: Hook) {
        sink.call(self.layout.hook(hook).0);
    }

    /// `token = enter(base + index)`, or `begin`.
    pub fn open(&self, sink: &mut InstructionSink<'_>, hook: Hook, index: u32, frame: Frame) {
        self.id(sink, index);
        self.call(sink, hook);
        sink.local_set(frame.token);
    }

    /// `if token { exit(token) }`, or `unwind`, or `end`. What is on the stack stays there.
    pub fn close(&self, sink: &mut InstructionSink<'_>, hook: Hook, frame: Frame) {
        sink.local_get(frame.token).if_(BlockType::Empty);
        sink.local_get(frame.token);
        self.call(sink, hook);
        sink.end();
    }

    /// `token = enter_or_resume(base + index, where, stack, height)`. Of Go's, parameter 0 says where. Asyncify's stacks have a name
    /// only while they wait: `point` and `stack` are all ones where they go on, and where they do not.
    pub fn open_or_resume(&self, sink: &mut InstructionSink<'_>, index: u32, frame: Frame, switching: Switching) {
        self.id(sink, index);
        match switching {
            Switching::Go => {
                sink.local_get(0);
                sink.global_get(go::GOROUTINE).i32_wrap_i64().call(self.layout.stack_height().0);
            }
            Switching::Asyncify(cells) => {
                sink.i32_const(0).global_get(cells.state).i32_const(asyncify::REWINDING).i32_eq().i32_sub();
                self.stack_name(sink, cells);
                sink.i32_const(0).global_get(cells.state).i32_const(asyncify::REWINDING).i32_ne().i32_sub().i32_or();
                sink.i32_const(0);
            }
        }
        self.call(sink, Hook::EnterOrResume);
        sink.local_set(frame.token);
    }

    /// What a stack is called that Asyncify saves: it is neither of the ways that mean something else (rule L4).
    fn stack_name(&self, sink: &mut InstructionSink<'_>, cells: Cells) {
        sink.global_get(cells.data).i32_const(stack::NAME_BITS as i32).i32_or();
    }

    /// `if token { exit_or_suspend(token, way) }`: the way is the stack's name while functions are left, else 0.
    pub fn close_or_save(&self, sink: &mut InstructionSink<'_>, frame: Frame, cells: Cells) {
        sink.local_get(frame.token).if_(BlockType::Empty);
        sink.local_get(frame.token);
        self.stack_name(sink, cells);
        sink.i32_const(0).global_get(cells.state).i32_const(asyncify::UNWINDING).i32_eq().i32_sub().i32_and();
        self.call(sink, Hook::ExitOrSuspend);
        sink.end();
    }

    /// `if token { exit_or_suspend(token, way) }`: the way is 0 where the function returns 0, else 1, or 2 where it had not begun.
    pub fn close_or_suspend(&self, sink: &mut InstructionSink<'_>, frame: Frame, lap: Lap) {
        sink.local_tee(lap.result).local_get(frame.token).if_(BlockType::Empty);
        sink.local_get(frame.token);
        sink.local_get(lap.result).i32_const(0).i32_ne().local_get(lap.again).i32_shl();
        self.call(sink, Hook::ExitOrSuspend);
        sink.end();
    }

    /// One more call of a function, if it has a counter that counts; of one that may go on, where it begins.
    pub fn count_beginning(&self, sink: &mut InstructionSink<'_>, index: u32, switching: Switching) {
        if let Some(Counter::Full(global)) = self.layout.counter(index)
            && !self.seed.is(Mutant::CountMissed)
        {
            sink.global_get(global);
            match switching {
                Switching::Go => sink.local_get(0).i32_eqz(),
                Switching::Asyncify(cells) => sink.global_get(cells.state).i32_const(asyncify::REWINDING).i32_ne(),
            };
            sink.i64_extend_i32_u().i64_add().global_set(global);
        }
    }

    /// One more call of an import, which may have waited.
    pub fn count_import(&self, sink: &mut InstructionSink<'_>, index: u32, switching: Option<Switching>) {
        match switching {
            Some(switching) => self.count_beginning(sink, index, switching),
            None => self.count(sink, index),
        }
    }

    /// One call less: it had not begun.
    pub fn uncount(&self, sink: &mut InstructionSink<'_>, index: u32) {
        if let Some(Counter::Full(global)) = self.layout.counter(index) {
            sink.global_get(global).i64_const(-1).i64_add().global_set(global);
        }
    }

    /// One more call of a function, if it has a counter that counts.
    pub fn count(&self, sink: &mut InstructionSink<'_>, index: u32) {
        if let Some(Counter::Full(global)) = self.layout.counter(index)
            && !self.seed.is(Mutant::CountMissed)
        {
            sink.global_get(global).i64_const(1).i64_add().global_set(global);
        }
    }

    /// A hooked body's beginning: count, and `enter` if the gate is open. The gate is read once (rule C2). Gives the number of
    /// blocks that it opened, as do those below: they have labels.
    pub fn enter_gated(&self, sink: &mut InstructionSink<'_>, index: u32, frame: Frame, open: Opening) -> u32 {
        match open {
            Opening::Enter => self.count(sink, index),
            Opening::Resumable(switching) | Opening::ResumableTold(switching) => {
                self.count_beginning(sink, index, switching)
            }
        }
        match self.layout.counter(index).expect("a hooked function has a counter or a gate") {
            Counter::Full(global) => {
                // 0 where bit 63 is set, and a byte shorter than a comparison.
                sink.global_get(global).i64_clz().i32_wrap_i64();
                if self.seed.is(Mutant::GateInverted) {
                    sink.i32_eqz();
                }
            }
            Counter::Gate { global, bit } => {
                sink.global_get(global).i32_const(1 << bit).i32_and();
            }
        }
        sink.if_(BlockType::Empty);
        let blocks = match self.layout.ring() {
            Some(ring) => self.record_enter(sink, ring, index, frame),
            None => {
                match open {
                    Opening::ResumableTold(switching) => self.open_or_resume(sink, index, frame, switching),
                    Opening::Resumable(_) | Opening::Enter => self.open(sink, Hook::Enter, index, frame),
                }
                0
            }
        };
        sink.end();
        blocks + 1
    }

    /// Where a hooked body ends, for good or to jump away: `if token { exit }`.
    pub fn exit(&self, sink: &mut InstructionSink<'_>, frame: Frame) -> u32 {
        match self.layout.ring() {
            Some(ring) => self.record_exit(sink, ring, frame),
            None => {
                self.close(sink, Hook::Exit, frame);
                1
            }
        }
    }

    /// Where a handler of a hooked body begins: `if token { unwind }`.
    pub fn unwind(&self, sink: &mut InstructionSink<'_>, index: u32, frame: Frame) -> u32 {
        match self.layout.ring() {
            Some(_) => self.close_record(sink, Hook::UnwindRing, index, frame),
            None => self.close(sink, Hook::Unwind, frame),
        }
        1
    }

    /// Where an exception leaves a hooked body: `if token { unwound }`.
    pub fn unwound(&self, sink: &mut InstructionSink<'_>, index: u32, frame: Frame) {
        match self.layout.ring() {
            Some(_) => self.close_record(sink, Hook::UnwoundRing, index, frame),
            None => self.close(sink, Hook::Unwound, frame),
        }
    }

    /// `if token { unwind_ring(base + index, token) }`, or `unwound_ring`: where records tell, the frame's id is not kept.
    fn close_record(&self, sink: &mut InstructionSink<'_>, hook: Hook, index: u32, frame: Frame) {
        sink.local_get(frame.token).if_(BlockType::Empty);
        self.id(sink, index);
        sink.local_get(frame.token);
        self.call(sink, hook);
        sink.end();
    }

    /// Opens what catches every exception of the instructions that follow, whose results are `block`'s:
    ///
    /// ```wat
    /// (block $caught (result exnref)
    ///   (try_table (result ..) (catch_all_ref $caught) ..)
    ///   .. exit ..
    ///   (return))
    /// .. unwound ..
    /// (throw_ref)
    /// ```
    ///
    /// Gives the number of labels.
    pub fn catch_all(&self, sink: &mut InstructionSink<'_>, block: BlockType) -> u32 {
        sink.block(BlockType::Result(ValType::Ref(RefType::EXNREF)));
        sink.try_table(block, [Catch::AllRef { label: 0 }]);
        2
    }

    /// Behind the exit: what was caught is on the stack from here on.
    pub fn caught(&self, sink: &mut InstructionSink<'_>) {
        sink.return_().end();
    }
}
