//! The bodies of the functions that the output adds.

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemArgTarget, ValType};
use waspect_abi::{ABI_VERSION, Hook};

use super::accessors;
use super::hooks::{Frame, Hooks};
use super::layout::{Injected, InjectedKind, Layout, alloc_hook};
use crate::info::{FunctionType, ModuleInfo, ObjectSize, Switching, go};
use crate::mutants::Mutant;
use crate::plan::{Allocator, Plan, Shape};

/// Where Go keeps a call's first argument, from its stack pointer at entry: behind the return address.
const GO_FIRST_ARGUMENT: u64 = 8;

/// The body of an injected function.
pub(super) fn body(info: &ModuleInfo, plan: &Plan, layout: &Layout, injected: &Injected) -> Function {
    let writer = Injecting { info, plan, layout, hooks: Hooks { layout, seed: plan.seed } };
    match injected.kind {
        InjectedKind::Start => writer.start(),
        InjectedKind::HostCall(index) => writer.around(index, Hook::Enter, Hook::Exit),
        InjectedKind::Thunk(index) => writer.around(index, Hook::Begin, Hook::End),
        InjectedKind::Reference(index) => writer.reference(index),
        InjectedKind::Allocator(index) => {
            writer.allocator(plan.allocator(index).expect("the layout was made from this plan"))
        }
        InjectedKind::Object(index) => writer.object(index),
        InjectedKind::StackHeight => stack_height(),
        InjectedKind::Counter(part) => accessors::part(layout, part),
    }
}

struct Injecting<'a> {
    info: &'a ModuleInfo,
    plan: &'a Plan,
    layout: &'a Layout,
    hooks: Hooks<'a>,
}

impl Injecting<'_> {
    fn r#type(&self, index: u32) -> &FunctionType {
        self.info.function_type(index).expect("only functions of known types are wrapped")
    }

    fn params(&self, index: u32) -> u32 {
        self.r#type(index).params.len() as u32
    }

    /// `module`, then the original start function, as a call from the host.
    fn start(&self) -> Function {
        let start = self.info.start.filter(|_| !self.plan.seed.is(Mutant::StartMissed));
        let mut function = Function::new(start.map(|_| (Frame::LOCALS, ValType::I32)));
        let mut sink = function.instructions();
        let (high, low) = self.plan.build.halves();
        sink.i32_const(ABI_VERSION as i32).i32_const(high as i32).i32_const(low as i32);
        sink.i32_const(self.info.functions.len() as i32);
        self.hooks.call(&mut sink, Hook::Module);
        sink.global_set(self.layout.base());
        if let Some(start) = start {
            let frame = Frame::at(0);
            self.hooks.open(&mut sink, Hook::Begin, start, frame);
            sink.call(self.layout.function(start).0);
            self.hooks.close(&mut sink, Hook::End, frame);
        }
        sink.end();
        function
    }

    /// A function of the same type that calls the original one between two hooks. Never gated: it is the bookkeeping that
    /// everything else leans on.
    fn around(&self, index: u32, open: Hook, close: Hook) -> Function {
        let params = self.params(index);
        let frame = Frame::at(params);
        let mut function = Function::new([(Frame::LOCALS, ValType::I32)]);
        let mut sink = function.instructions();
        let switching = self.info.switching(index).filter(|_| open == Hook::Enter);
        let told = switching.filter(|_| self.plan.tells_stacks(self.info, index));
        if open == Hook::Enter {
            self.hooks.count_import(&mut sink, index, switching);
        }
        match told {
            Some(switching) => self.hooks.open_or_resume(&mut sink, index, frame, switching),
            None => self.hooks.open(&mut sink, open, index, frame),
        }
        let throws_on = open == Hook::Enter && self.plan.throws_on(self.info, index);
        if throws_on {
            self.hooks.catch_all(&mut sink, self.layout.results(self.info, index));
        }
        self.forward(&mut sink, index, params);
        if throws_on {
            sink.end();
        }
        if !(close == Hook::End && self.plan.seed.is(Mutant::EndMissed)) {
            match told {
                Some(Switching::Asyncify(cells)) => self.hooks.close_or_save(&mut sink, frame, cells),
                Some(Switching::Go) | None => self.hooks.close(&mut sink, close, frame),
            }
        }
        if throws_on {
            self.hooks.caught(&mut sink);
            self.hooks.close(&mut sink, Hook::Unwound, frame);
            sink.throw_ref();
        }
        sink.end();
        function
    }

    /// Calls the original function with our own parameters. An allocator that is called so has no known caller (rule A1).
    fn forward(&self, sink: &mut InstructionSink<'_>, index: u32, params: u32) {
        for param in 0..params {
            sink.local_get(param);
        }
        match self.layout.allocator(index) {
            Some(wrapper) => sink.i32_const(index as i32).call(wrapper.0),
            None => sink.call(self.layout.function(index).0),
        };
    }

    fn reference(&self, index: u32) -> Function {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        self.forward(&mut sink, index, self.params(index));
        sink.end();
        function
    }

    /// Reports an object of a type (rule A7): nobody sees its address, so `old` tells the type.
    fn object(&self, index: u32) -> Function {
        let size = self.info.object(index).expect("only types of objects are reported").size;
        let wide = alloc_hook(self.info) == Hook::Alloc64;
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        let constant = |sink: &mut InstructionSink<'_>, value: i64| {
            if wide {
                sink.i64_const(value)
            } else {
                sink.i32_const(value as i32)
            };
        };
        let caller = u32::from(matches!(size, ObjectSize::Array { .. }));
        sink.global_get(self.layout.base()).local_get(caller).i32_add();
        constant(&mut sink, i64::from(index) + 1);
        constant(&mut sink, -1);
        match size {
            ObjectSize::Struct(bytes) => constant(&mut sink, bytes.into()),
            ObjectSize::Array { header, element } => {
                sink.local_get(0);
                if wide {
                    sink.i64_extend_i32_u();
                }
                constant(&mut sink, element.into());
                if wide {
                    sink.i64_mul()
                } else {
                    sink.i32_mul()
                };
                constant(&mut sink, header.into());
                if wide {
                    sink.i64_add()
                } else {
                    sink.i32_add()
                };
            }
        }
        self.hooks.call(&mut sink, alloc_hook(self.info));
        sink.end();
        function
    }

    fn allocator(&self, allocator: &Allocator) -> Function {
        let params = self.params(allocator.index);
        let address = if alloc_hook(self.info) == Hook::Alloc64 { ValType::I64 } else { ValType::I32 };
        let report = Report { of: self, allocator, caller: params, result: params + 1, address };
        let mut function = Function::new(report.result_type().map(|r#type| (1, r#type)));
        let mut sink = function.instructions();
        match allocator.shape {
            Shape::Free { old } => report.free(&mut sink, old, params),
            Shape::GoGive => report.go(&mut sink, params),
            Shape::Give { .. } | Shape::Resize { .. } | Shape::GiveInto { .. } => report.give(&mut sink, params),
        }
        sink.end();
        function
    }
}

/// How much of the goroutine's stack is in use, in bytes; 0 where the goroutine is none: a load that the original does not make must
/// not trap. The height stays when the stack moves.
///
/// ```wat
/// (if (result i32) (i64.lt_u (global.get $g) (i64.sub (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)) (i64.const 16)))
///   (then (i32.sub (i32.load offset=8 (i32.wrap_i64 (global.get $g))) (global.get $sp)))
///   (else (i32.const 0)))
/// ```
fn stack_height() -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    sink.global_get(go::GOROUTINE).memory_size(0).i64_extend_i32_u().i64_const(PAGE_SIZE_LOG2).i64_shl();
    sink.i64_const(STACK_NOTES_BYTES).i64_sub().i64_lt_u().if_(BlockType::Result(ValType::I32));
    sink.global_get(go::GOROUTINE).i32_wrap_i64().i32_load(memory_argument(go::STACK_END, 2));
    sink.global_get(go::STACK_POINTER).i32_sub().else_().i32_const(0).end().end();
    function
}

/// Size of a page as a power of two.
const PAGE_SIZE_LOG2: i64 = 16;

/// A goroutine begins with where its stack is.
const STACK_NOTES_BYTES: i64 = 16;

/// An allocator's wrapper: parameters of the allocator, then the caller; one scratch local for the result.
struct Report<'a> {
    of: &'a Injecting<'a>,
    allocator: &'a Allocator,
    caller: u32,
    result: u32,
    address: ValType,
}

impl Report<'_> {
    /// The scratch local's type, where one is needed.
    fn result_type(&self) -> Option<ValType> {
        match self.allocator.shape {
            Shape::Free { .. } => None,
            Shape::GiveInto { .. } | Shape::GoGive => Some(ValType::I32),
            Shape::Give { .. } | Shape::Resize { .. } => Some(self.address),
        }
    }

    fn call_original(&self, sink: &mut InstructionSink<'_>, params: u32) {
        for param in 0..params {
            sink.local_get(param);
        }
        sink.call(self.of.layout.function(self.allocator.index).0);
    }

    /// `base + caller` on the stack.
    fn caller(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.of.layout.base()).local_get(self.caller).i32_add();
    }

    fn constant(&self, sink: &mut InstructionSink<'_>, value: i64) {
        match self.address {
            ValType::I64 => sink.i64_const(value),
            _ => sink.i32_const(value as i32),
        };
    }

    fn hook(&self, sink: &mut InstructionSink<'_>) {
        self.of.hooks.call(sink, alloc_hook(self.of.info));
    }

    /// Said before it happens (rule A3); of nothing, not at all.
    fn free(&self, sink: &mut InstructionSink<'_>, old: u32, params: u32) {
        sink.local_get(old);
        self.constant(sink, 0);
        match self.address {
            ValType::I64 => sink.i64_ne(),
            _ => sink.i32_ne(),
        };
        sink.if_(BlockType::Empty);
        self.caller(sink);
        sink.local_get(old);
        self.constant(sink, 0);
        self.constant(sink, 0);
        self.hook(sink);
        sink.end();
        self.call_original(sink, params);
    }

    fn give(&self, sink: &mut InstructionSink<'_>, params: u32) {
        self.call_original(sink, params);
        sink.local_set(self.result);
        self.caller(sink);
        match self.allocator.shape {
            Shape::Resize { old, .. } if !self.allocator.collected => {
                sink.local_get(old);
            }
            _ => self.constant(sink, 0),
        }
        self.new_address(sink);
        self.size(sink);
        self.hook(sink);
        sink.local_get(self.result);
    }

    fn new_address(&self, sink: &mut InstructionSink<'_>) {
        let memory = |align| memory_argument(0, align);
        match self.allocator.shape {
            _ if self.allocator.collected => self.constant(sink, -1),
            Shape::GiveInto { at, .. } => {
                // 0 is success, and then the address is in memory.
                sink.local_get(self.result).if_(BlockType::Result(self.address));
                self.constant(sink, 0);
                sink.else_().local_get(at);
                match self.address {
                    ValType::I64 => sink.i64_load(memory(3)),
                    _ => sink.i32_load(memory(2)),
                };
                sink.end();
            }
            _ => {
                sink.local_get(self.result);
            }
        }
    }

    fn size(&self, sink: &mut InstructionSink<'_>) {
        match self.allocator.shape {
            Shape::Give { count: Some(count), size } => {
                sink.local_get(count).local_get(size);
                match self.address {
                    ValType::I64 => sink.i64_mul(),
                    _ => sink.i32_mul(),
                };
            }
            Shape::Give { size, .. } | Shape::GiveInto { size, .. } | Shape::Resize { size, .. } => {
                sink.local_get(size);
            }
            Shape::Free { .. } | Shape::GoGive => unreachable!("these report in their own way"),
        }
    }

    /// Go resumes functions: parameter 0 is then not 0. A call that returns 1 unwinds (to grow the stack, or to switch
    /// goroutines) and will run again. The stack pointer is global 0; by the return it has moved, so the size is read first.
    fn go(&self, sink: &mut InstructionSink<'_>, params: u32) {
        let size = self.result;
        sink.local_get(0).if_(BlockType::Empty);
        self.call_original(sink, params);
        sink.return_().end();
        sink.global_get(0).i32_load(memory_argument(GO_FIRST_ARGUMENT, 2)).local_set(size);
        self.call_original(sink, params);
        sink.if_(BlockType::Result(ValType::I32)).i32_const(1).else_();
        self.caller(sink);
        sink.i32_const(0).i32_const(-1).local_get(size);
        self.hook(sink);
        sink.i32_const(0).end();
    }
}

/// An offset in the first memory.
fn memory_argument(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
}
