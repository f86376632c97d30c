//! The wrapper of an allocator: calls it, and says what it gave or took (rules A1 to A6).

use ::walrus::ir::{BinaryOp, LoadKind, MemArg};
use ::walrus::{FunctionId, GlobalId, InstrSeqBuilder, LocalId, MemoryId, ValType};
use waspect_abi::Hook;

use super::functions::{Making, get_all};
use crate::plan::{Allocator, Shape};

/// Where Go has the first argument of a call: behind the return address, from its stack pointer on.
const GO_FIRST_ARGUMENT: u64 = 8;

/// Writes one wrapper.
pub(super) struct Report<'a> {
    allocator: &'a Allocator,
    original: FunctionId,
    args: &'a [LocalId],
    caller: LocalId,
    /// What the allocator returned, or Go's size.
    kept: LocalId,
    base: GlobalId,
    hook: FunctionId,
    wide: bool,
    memory: Option<MemoryId>,
    /// Go's stack pointer.
    stack_pointer: Option<GlobalId>,
}

impl<'a> Report<'a> {
    pub fn new(
        making: &mut Making<'_>,
        allocator: &'a Allocator,
        original: FunctionId,
        args: &'a [LocalId],
        caller: LocalId,
    ) -> Self {
        let wide = making.hooks.wide;
        let kept = match allocator.shape {
            Shape::Give { .. } | Shape::Resize { .. } if wide => ValType::I64,
            _ => ValType::I32,
        };
        Report {
            allocator,
            original,
            args,
            caller,
            kept: making.module.locals.add(kept),
            base: making.hooks.base,
            hook: making.hooks.function(if wide { Hook::Alloc64 } else { Hook::Alloc }),
            wide,
            memory: making.originals.memories.first().copied(),
            stack_pointer: making.originals.globals.first().copied(),
        }
    }

    pub fn write(&self, seq: &mut InstrSeqBuilder<'_>) {
        match self.allocator.shape {
            Shape::Free { old } => self.free(seq, self.arg(old)),
            Shape::GoGive => self.go(seq),
            Shape::Give { count: None, size } => self.give(seq, None, |seq| self.get(seq, size)),
            Shape::Give { count: Some(count), size } => self.give(seq, None, |seq| {
                self.get(seq, count);
                self.get(seq, size);
                seq.binop(if self.wide { BinaryOp::I64Mul } else { BinaryOp::I32Mul });
            }),
            Shape::Resize { old, size } => self.give(seq, Some(self.arg(old)), |seq| self.get(seq, size)),
            Shape::GiveInto { at, size } => self.give_into(seq, self.arg(at), self.arg(size)),
        }
    }

    fn arg(&self, param: u32) -> LocalId {
        self.args[param as usize]
    }

    fn get(&self, seq: &mut InstrSeqBuilder<'_>, param: u32) {
        seq.local_get(self.arg(param));
    }

    fn call(&self, seq: &mut InstrSeqBuilder<'_>) {
        get_all(seq, self.args);
        seq.call(self.original);
    }

    /// The first argument of the hook: who asked.
    fn who(&self, seq: &mut InstrSeqBuilder<'_>) {
        seq.global_get(self.base).local_get(self.caller).binop(BinaryOp::I32Add);
    }

    fn address<'b, 'c>(&self, seq: &'b mut InstrSeqBuilder<'c>, value: i32) -> &'b mut InstrSeqBuilder<'c> {
        if self.wide { seq.i64_const(value.into()) } else { seq.i32_const(value) }
    }

    /// Said before it happens; nothing is said of nothing.
    fn free(&self, seq: &mut InstrSeqBuilder<'_>, old: LocalId) {
        let said = |then: &mut InstrSeqBuilder<'_>| {
            self.who(then);
            then.local_get(old);
            self.address(then, 0);
            self.address(then, 0);
            then.call(self.hook);
        };
        seq.local_get(old);
        self.address(seq, 0);
        seq.binop(if self.wide { BinaryOp::I64Ne } else { BinaryOp::I32Ne });
        seq.if_else(None, said, |_| {});
        self.call(seq);
    }

    fn give(&self, seq: &mut InstrSeqBuilder<'_>, old: Option<LocalId>, size: impl FnOnce(&mut InstrSeqBuilder<'_>)) {
        self.call(seq);
        seq.local_set(self.kept);
        self.who(seq);
        match old {
            Some(old) => seq.local_get(old),
            None => self.address(seq, 0),
        };
        match self.allocator.collected {
            true => self.address(seq, -1),
            false => seq.local_get(self.kept),
        };
        size(seq);
        seq.call(self.hook).local_get(self.kept);
    }

    /// The address is where the first argument points, if 0 came back.
    fn give_into(&self, seq: &mut InstrSeqBuilder<'_>, at: LocalId, size: LocalId) {
        let memory = self.memory.expect("the plan has such an allocator only where there is a memory");
        let (r#type, kind, align) = match self.wide {
            true => (ValType::I64, LoadKind::I64 { atomic: false }, 8),
            false => (ValType::I32, LoadKind::I32 { atomic: false }, 4),
        };
        self.call(seq);
        seq.local_set(self.kept);
        self.who(seq);
        self.address(seq, 0);
        let given = |seq: &mut InstrSeqBuilder<'_>| {
            seq.local_get(at).load(memory, kind, MemArg { align, offset: 0 });
        };
        let failed = |seq: &mut InstrSeqBuilder<'_>| {
            self.address(seq, 0);
        };
        seq.local_get(self.kept).if_else(r#type, failed, given);
        seq.local_get(size).call(self.hook).local_get(self.kept);
    }

    /// A resumed call (parameter 0 is not 0) was seen before; one that gives 1 unwinds and will come again.
    fn go(&self, seq: &mut InstrSeqBuilder<'_>) {
        let memory = self.memory.expect("the plan has such an allocator only where there is a memory");
        let stack_pointer = self.stack_pointer.expect("the plan has such an allocator only where there is a global");
        let first = |seq: &mut InstrSeqBuilder<'_>| {
            let argument = MemArg { align: 4, offset: GO_FIRST_ARGUMENT };
            seq.global_get(stack_pointer).load(memory, LoadKind::I32 { atomic: false }, argument).local_set(self.kept);
            self.call(seq);
            let said = |seq: &mut InstrSeqBuilder<'_>| {
                self.who(seq);
                seq.i32_const(0).i32_const(-1).local_get(self.kept).call(self.hook).i32_const(0);
            };
            let unwound = |seq: &mut InstrSeqBuilder<'_>| {
                seq.i32_const(1);
            };
            seq.if_else(ValType::I32, unwound, said);
        };
        seq.local_get(self.arg(0)).if_else(ValType::I32, |then| self.call(then), first);
    }
}
