//! Where code of another instance can enter a function without a thunk (rule R8).
//!
//! An instance writes its records into a ring of its own. Their order among instances of one store is known as long as control
//! passes from one to the other through a hook: an import's wrapper, a thunk. A reference to a function leads past both.

use wasmparser::{AbstractHeapType, ExternalKind, HeapType, ValType};

use super::{Plan, Reason};
use crate::info::ModuleInfo;

/// One bit a function, by index.
pub(super) fn find(info: &ModuleInfo, plan: &Plan) -> Vec<bool> {
    let open = carries_references(info);
    let crosses = |(index, function): (usize, &crate::info::Function)| {
        // These two take nothing that is injected.
        let closed = matches!(plan.functions[index].hook, Err(Reason::Shared | Reason::Size { .. }));
        function.body.is_some() && function.address_taken && (function.exported || open) && !closed
    };
    info.functions.iter().enumerate().map(crosses).collect()
}

/// Whether anything that the module imports or exports can carry a reference to a function: tables, and functions, globals and
/// tags of such types.
fn carries_references(info: &ModuleInfo) -> bool {
    let imports = info.imports.iter().map(|import| (import.kind, import.index));
    let exports = info.exports.iter().map(|export| (export.kind, export.index));
    imports.chain(exports).any(|(kind, index)| {
        let index = index as usize;
        let r#type = match kind {
            ExternalKind::Table => return true,
            ExternalKind::Memory => return false,
            ExternalKind::Global => return info.globals.get(index).is_some_and(|global| carries(&global.value)),
            ExternalKind::Func | ExternalKind::FuncExact => {
                info.functions.get(index).map(|function| function.type_index)
            }
            ExternalKind::Tag => info.tags.get(index).copied(),
        };
        let r#type = r#type.and_then(|r#type| info.types.get(r#type as usize)?.as_ref());
        r#type.is_some_and(|r#type| r#type.params.iter().chain(&r#type.results).any(carries))
    })
}

/// Every reference may, but the host's own.
fn carries(r#type: &ValType) -> bool {
    let ValType::Ref(reference) = r#type else { return false };
    let HeapType::Abstract { ty, .. } = reference.heap_type() else { return true };
    !matches!(ty, AbstractHeapType::Extern | AbstractHeapType::NoExtern | AbstractHeapType::I31)
}
