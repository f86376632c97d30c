//! Words for the rewriter's facts that several commands use. Knows no command.

use serde_json::{Value, json};
use wasmparser::{ExternalKind, ValType};
use waspect_instrumenter::info::{FunctionType, Import, Memory, ObjectSize};
use waspect_instrumenter::plan::Reason;
use waspect_instrumenter::{ModuleInfo, Plan};

use crate::table::{HEADING, WARN, styled};
use crate::text::{bytes, escape};

/// Lines of `what  value`, the values aligned.
pub fn lines(lines: &[(&str, String)]) -> String {
    lines.iter().map(|(what, value)| format!("{}  {value}\n", styled(HEADING, format_args!("{what:<12}")))).collect()
}

/// A function's name to show, raw: `func[12]` when nothing names it.
pub fn function_name(info: &ModuleInfo, index: u32) -> String {
    match info.function_name(index) {
        name if name.is_empty() => format!("func[{index}]"),
        name => name,
    }
}

/// A reason without its figures, to count by.
pub fn reason_kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotIncluded => "not included",
        Reason::Excluded => "excluded",
        Reason::NotExported => "not exported",
        Reason::NotImported => "not imported",
        Reason::ImportsOff => "imports off",
        Reason::NeverCalled => "never called directly",
        Reason::Builtin => "builtin",
        Reason::Small { .. } => "small",
        Reason::Shared => "shared",
        Reason::Locals { .. } => "too many locals",
        Reason::Size { .. } => "too large",
    }
}

/// Why no allocator was found, and what helps.
pub fn no_allocators(info: &ModuleInfo) -> &'static str {
    match info.has_names {
        true => {
            "none found: no function has an allocator's name and signature; name them with --alloc malloc=INDEX,free=INDEX"
        }
        false => "none found: the module has no names; name them with --alloc malloc=INDEX,free=INDEX",
    }
}

/// The types whose objects are reported, as JSON.
pub fn objects(info: &ModuleInfo, plan: &Plan) -> Vec<Value> {
    let objects = plan.objects.iter().filter_map(|index| info.object(*index));
    let objects = objects.map(|object| {
        let (kind, bytes, element_bytes) = match object.size {
            ObjectSize::Struct(bytes) => ("struct", bytes, None),
            ObjectSize::Array { header, element } => ("array", header, Some(element)),
        };
        json!({
            "type": object.index,
            "name": (!object.name.is_empty()).then_some(&object.name),
            "kind": kind,
            "bytes": bytes,
            "element_bytes": element_bytes,
        })
    });
    objects.collect()
}

/// A plan's warnings, a line each.
pub fn warnings(plan: &Plan) -> String {
    let messages = plan.warnings.iter().map(|warning| warning.to_string());
    messages.map(|message| format!("{} {}\n", styled(WARN, "warning:"), escape(&message))).collect()
}

/// A kind of import or export.
pub fn kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

/// Type of an import.
pub fn import_type(info: &ModuleInfo, import: &Import) -> String {
    match import.kind {
        ExternalKind::Func | ExternalKind::FuncExact => export_type(info, import.kind, import.index),
        _ => escape(&import.r#type).into_owned(),
    }
}

/// Type of what stands at an index; empty for tables and tags.
pub fn export_type(info: &ModuleInfo, kind: ExternalKind, index: u32) -> String {
    let found = match kind {
        ExternalKind::Func | ExternalKind::FuncExact => info.function_type(index).map(signature),
        ExternalKind::Memory => info.memories.get(index as usize).map(memory),
        ExternalKind::Global => info.globals.get(index as usize).map(|global| match global.mutable {
            true => format!("mut {}", global.value),
            false => global.value.to_string(),
        }),
        _ => None,
    };
    found.unwrap_or_default()
}

/// A function type.
pub fn signature(ty: &FunctionType) -> String {
    let list = |types: &[ValType]| types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ");
    match ty.results.len() {
        0 => format!("({})", list(&ty.params)),
        1 => format!("({}) -> {}", list(&ty.params), ty.results[0]),
        _ => format!("({}) -> ({})", list(&ty.params), list(&ty.results)),
    }
}

/// A memory: sizes and what is special.
pub fn memory(memory: &Memory) -> String {
    let page = 1_u64 << memory.page_size_log2.min(63);
    let size = |pages: u64| bytes(pages.saturating_mul(page));
    let most = memory.pages_max.map_or("no maximum".to_owned(), |pages| format!("at most {}", size(pages)));
    let shared = if memory.shared { ", shared" } else { "" };
    let index = if memory.is_64 { ", 64-bit" } else { "" };
    let pages = if page == 1 << 16 { String::new() } else { format!(", pages of {}", bytes(page)) };
    format!("{}, {most}{shared}{index}{pages}", size(memory.pages_min))
}
