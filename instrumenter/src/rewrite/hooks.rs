//! The few instruction sequences that call hooks and count. Everything injected is made of these.
//!
//! Hooks that open and close frames are called through *helpers*, injected functions that add the base (rule M3) and keep a
//! frame's id beside its token in one `i64`: `id << 32 | token`. That is one local and 5 bytes less a body.

use wasm_encoder::{BlockType, Function, InstructionSink};
use waspect_abi::Hook;

use super::layout::{Counter, InjectedKind, Layout};
use crate::mutants::{Mutant, Seed};

/// The local that holds a frame: its id in the high half, its token in the low one. Zero until the frame is open.
#[derive(Clone, Copy)]
pub(super) struct Frame(pub u32);

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

    fn call_helper(&self, sink: &mut InstructionSink<'_>, hook: Hook) {
        sink.call(self.layout.injected(InjectedKind::Helper(hook)).0);
    }

    /// `frame = enter(index)`, or `begin`.
    pub fn open(&self, sink: &mut InstructionSink<'_>, hook: Hook, index: u32, frame: Frame) {
        sink.i32_const(index as i32);
        self.call_helper(sink, hook);
        sink.local_set(frame.0);
    }

    /// `exit(frame)`, or `end`, where the frame is surely open: the helper looks at the token. What is on the stack stays
    /// there.
    pub fn close(&self, sink: &mut InstructionSink<'_>, hook: Hook, frame: Frame) {
        sink.local_get(frame.0);
        self.call_helper(sink, hook);
    }

    /// `if token { exit(frame) }`, or `unwind`: a call is dear where the gate is closed.
    pub fn close_gated(&self, sink: &mut InstructionSink<'_>, hook: Hook, frame: Frame) {
        sink.local_get(frame.0).i32_wrap_i64().if_(BlockType::Empty);
        self.close(sink, hook, frame);
        sink.end();
    }

    /// One more call of a function, if it has a counter that counts.
    pub fn count(&self, sink: &mut InstructionSink<'_>, index: u32) {
        if let Some(Counter::Full(global)) = self.layout.counter(index)
            && !self.seed.is(Mutant::CountMissed)
        {
            sink.global_get(global).i64_const(1).i64_add().global_set(global);
        }
    }

    /// A hooked body's beginning: count, and `enter` if the gate is open. The gate is read once (rule C2).
    pub fn enter_gated(&self, sink: &mut InstructionSink<'_>, index: u32, frame: Frame) {
        self.count(sink, index);
        match self.layout.counter(index).expect("a hooked function has a counter or a gate") {
            Counter::Full(global) => {
                sink.global_get(global);
                if self.seed.is(Mutant::GateInverted) {
                    sink.i64_const(0).i64_lt_s();
                } else {
                    // Leading zeros: none where bit 63 is set. A byte less than a comparison with 0.
                    sink.i64_clz().i32_wrap_i64();
                }
            }
            Counter::Gate { global, bit } => {
                sink.global_get(global).i32_const(1 << bit).i32_and();
            }
        };
        sink.if_(BlockType::Empty);
        self.open(sink, Hook::Enter, index, frame);
        sink.end();
    }

    /// The helper of a hook that opens a frame: index in, frame out.
    pub fn opening_helper(&self, hook: Hook) -> Function {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        sink.local_get(0).global_get(self.layout.base()).i32_add().local_tee(0);
        self.call(&mut sink, hook);
        sink.i64_extend_i32_u().local_get(0).i64_extend_i32_u().i64_const(32).i64_shl().i64_or();
        sink.end();
        function
    }

    /// The helper of a hook that closes frames: skipped where the token is 0 (rule T1).
    pub fn closing_helper(&self, hook: Hook) -> Function {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        sink.local_get(0).i32_wrap_i64().if_(BlockType::Empty);
        sink.local_get(0).i64_const(32).i64_shr_u().i32_wrap_i64().local_get(0).i32_wrap_i64();
        self.call(&mut sink, hook);
        sink.end().end();
        function
    }
}
