//! The hooks as imports, and the few sequences that call them.

use std::cell::Cell;

use ::walrus::ir::BinaryOp;
use ::walrus::{ConstExpr, FunctionId, GlobalId, ImportId, InstrSeqBuilder, LocalId, Module, ValType};
use waspect_abi::hooks::HOOK_MODULE;
use waspect_abi::{BASE_REFUSED, Hook, ValueType};

use super::{Error, types};
use crate::info::ModuleInfo;

/// Every hook as an import; what nobody calls is taken out again at the end.
pub(super) struct Hooks {
    imports: Vec<Import>,
    /// The global that holds the base of ids (rule M3).
    pub base: GlobalId,
    /// Addresses are `i64`.
    pub wide: bool,
}

struct Import {
    hook: Hook,
    function: FunctionId,
    import: ImportId,
    called: Cell<bool>,
}

impl Hooks {
    pub fn import(module: &mut Module, info: &ModuleInfo) -> Result<Hooks, Error> {
        let mut imports = Vec::new();
        for hook in Hook::ALL {
            let of = |list: &[ValueType]| list.iter().map(|r#type| value_type(*r#type)).collect::<Vec<_>>();
            let r#type = types::plain(&mut module.types, &of(hook.params()), &of(hook.results()), "a hook's import")?;
            let (function, import) = module.add_import_func(HOOK_MODULE, hook.name(), r#type);
            imports.push(Import { hook, function, import, called: Cell::new(false) });
        }
        let refused = ConstExpr::Value(::walrus::ir::Value::I32(BASE_REFUSED as i32));
        let base = module.globals.add_local(ValType::I32, true, false, refused);
        Ok(Hooks { imports, base, wide: info.memories.first().is_some_and(|memory| memory.is_64) })
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

    /// `if token { exit(base + index, token) }`, or `unwind`, or `end`.
    pub fn close(&self, seq: &mut InstrSeqBuilder<'_>, hook: Hook, index: u32, token: LocalId) {
        let closing = |then: &mut InstrSeqBuilder<'_>| {
            self.id(then, index);
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
