//! The hooks as imports, and the few sequences that call them.

use std::cell::Cell;

use ::walrus::ir::{BinaryOp, LoadKind, MemArg, UnaryOp};
use ::walrus::{ConstExpr, FunctionBuilder, FunctionId, GlobalId, ImportId, InstrSeqBuilder, LocalId, Module, ValType};
use waspect_abi::hooks::{HOOK_MODULE, point, stack, way};
use waspect_abi::{BASE_REFUSED, Hook, ValueType};

use super::{Error, Originals, types};
use crate::info::{ModuleInfo, asyncify, go};
use crate::plan::Plan;

/// Every hook as an import; what nobody calls is taken out again at the end.
pub(super) struct Hooks {
    imports: Vec<Import>,
    /// The global that holds the base of ids (rule M3).
    pub base: GlobalId,
    /// Addresses are `i64`.
    pub wide: bool,
    /// Where the guest has stacks of its own.
    go: Option<Go>,
    /// Where Asyncify saves stacks.
    pub asyncify: Option<Saved>,
}

/// The globals by which Asyncify steers.
#[derive(Clone, Copy)]
pub(super) struct Saved {
    pub state: GlobalId,
    pub data: GlobalId,
}

/// What tells which of Go's stacks is the current one, and how much of it is in use.
struct Go {
    goroutine: GlobalId,
    height: FunctionId,
}

impl Go {
    fn add(module: &mut Module, originals: &Originals, info: &ModuleInfo) -> Go {
        let [goroutine, stack_pointer] =
            [go::GOROUTINE, go::STACK_POINTER].map(|index| originals.globals[index as usize]);
        let memory = originals.memories[0];
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        if info.has_names {
            builder.name("waspect.stack_height".to_string());
        }
        let mut seq = builder.func_body();
        // The goroutine notes where its stack is in its first 16 bytes. It may be none: nothing may trap.
        seq.global_get(goroutine)
            .memory_size(memory)
            .unop(UnaryOp::I64ExtendUI32)
            .i64_const(16)
            .binop(BinaryOp::I64Shl);
        seq.i64_const(16).binop(BinaryOp::I64Sub).binop(BinaryOp::I64LtU);
        let end = MemArg { align: 4, offset: go::STACK_END };
        let height = |then: &mut InstrSeqBuilder<'_>| {
            then.global_get(goroutine).unop(UnaryOp::I32WrapI64).load(memory, LoadKind::I32 { atomic: false }, end);
            then.global_get(stack_pointer).binop(BinaryOp::I32Sub);
        };
        let none = |r#else: &mut InstrSeqBuilder<'_>| {
            r#else.i32_const(0);
        };
        seq.if_else(ValType::I32, height, none);
        Go { goroutine, height: builder.finish(Vec::new(), &mut module.funcs) }
    }
}

struct Import {
    hook: Hook,
    function: FunctionId,
    import: ImportId,
    called: Cell<bool>,
}

impl Hooks {
    pub fn import(module: &mut Module, originals: &Originals, info: &ModuleInfo, plan: &Plan) -> Result<Hooks, Error> {
        let mut imports = Vec::new();
        for hook in Hook::ALL {
            let of = |list: &[ValueType]| list.iter().map(|r#type| value_type(*r#type)).collect::<Vec<_>>();
            let r#type = types::plain(&mut module.types, &of(hook.params()), &of(hook.results()), "a hook's import")?;
            let (function, import) = module.add_import_func(HOOK_MODULE, hook.name(), r#type);
            imports.push(Import { hook, function, import, called: Cell::new(false) });
        }
        let refused = ConstExpr::Value(::walrus::ir::Value::I32(BASE_REFUSED as i32));
        let base = module.globals.add_local(ValType::I32, true, false, refused);
        let told = (0..info.functions.len() as u32).any(|index| plan.tells_stacks(info, index));
        let go = (told && info.go.is_some()).then(|| Go::add(module, originals, info));
        let global = |index: u32| originals.globals[index as usize];
        let asyncify =
            info.asyncify.as_ref().map(|it| Saved { state: global(it.cells.state), data: global(it.cells.data) });
        Ok(Hooks { imports, base, go, asyncify, wide: info.memories.first().is_some_and(|memory| memory.is_64) })
    }

    /// The function that is a hook; it stays imported from now on.
    pub fn function(&self, hook: Hook) -> FunctionId {
        let import = self.imports.iter().find(|import| import.hook == hook).expect("every hook is imported");
        import.called.set(true);
        import.function
    }

    pub fn remove_unused(&self, module: &mut Module) {
        for import in self.imports.iter().filter(|import| !import.called.get()) {
            module.imports.delete(import.import);
            module.funcs.delete(import.function);
        }
    }

    /// `base + index` on the stack.
    pub fn id(&self, seq: &mut InstrSeqBuilder<'_>, index: u32) {
        seq.global_get(self.base).i32_const(index as i32).binop(BinaryOp::I32Add);
    }

    /// `token = enter(base + index)`, or `begin`.
    pub fn open(&self, seq: &mut InstrSeqBuilder<'_>, hook: Hook, index: u32, token: LocalId) {
        self.id(seq, index);
        seq.call(self.function(hook)).local_set(token);
    }

    /// `token = enter_or_resume(base + index, point, stack, height)`: of Go's.
    pub fn open_or_resume(&self, seq: &mut InstrSeqBuilder<'_>, index: u32, token: LocalId, point: LocalId) {
        let Some(go) = &self.go else { return };
        self.id(seq, index);
        seq.local_get(point).global_get(go.goroutine).unop(UnaryOp::I32WrapI64).call(go.height);
        seq.call(self.function(Hook::EnterOrResume)).local_set(token);
    }

    /// The same of Asyncify's.
    pub fn open_or_rewind(&self, seq: &mut InstrSeqBuilder<'_>, index: u32, token: LocalId, saved: Saved) {
        let rewinding = |seq: &mut InstrSeqBuilder<'_>| {
            seq.global_get(saved.state).i32_const(asyncify::REWINDING).binop(BinaryOp::I32Eq);
        };
        self.id(seq, index);
        seq.i32_const(point::REWINDING as i32).i32_const(point::BEGINNING as i32);
        rewinding(seq);
        seq.select(None);
        seq.global_get(saved.data).i32_const(stack::NAME_BITS as i32).binop(BinaryOp::I32Or);
        seq.i32_const(stack::UNNAMED as i32);
        rewinding(seq);
        seq.select(None).i32_const(0);
        seq.call(self.function(Hook::EnterOrResume)).local_set(token);
    }

    /// `if token { exit_or_suspend(token, way) }` of Asyncify's.
    pub fn close_or_save(&self, seq: &mut InstrSeqBuilder<'_>, token: LocalId, saved: Saved) {
        let closing = |then: &mut InstrSeqBuilder<'_>| {
            then.local_get(token);
            then.global_get(saved.data).i32_const(stack::NAME_BITS as i32).binop(BinaryOp::I32Or);
            then.i32_const(way::ENDED as i32);
            then.global_get(saved.state).i32_const(asyncify::UNWINDING).binop(BinaryOp::I32Eq).select(None);
            then.call(self.function(Hook::ExitOrSuspend));
        };
        seq.local_get(token).if_else(None, closing, |_| {});
    }

    /// `if token { exit_or_suspend(token, way) }`, of what is on the stack.
    pub fn close_or_suspend(&self, seq: &mut InstrSeqBuilder<'_>, token: LocalId, (result, again): (LocalId, LocalId)) {
        let closing = |then: &mut InstrSeqBuilder<'_>| {
            then.local_get(token);
            // Normal, suspended, not begun: 0, 1, 2.
            then.local_get(again).i32_const(1).binop(BinaryOp::I32Add).i32_const(0).local_get(result).select(None);
            then.call(self.function(Hook::ExitOrSuspend));
        };
        seq.local_tee(result).local_get(token).if_else(None, closing, |_| {});
    }

    /// `if token { exit(token) }`, or `unwind`, or `end`.
    pub fn close(&self, seq: &mut InstrSeqBuilder<'_>, hook: Hook, token: LocalId) {
        let closing = |then: &mut InstrSeqBuilder<'_>| {
            then.local_get(token).call(self.function(hook));
        };
        seq.local_get(token).if_else(None, closing, |_| {});
    }
}

fn value_type(r#type: ValueType) -> ValType {
    match r#type {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
    }
}
