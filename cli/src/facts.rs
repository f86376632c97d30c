//! Words for the rewriter's facts that several commands use. Knows no command.

use waspect_instrumenter::ModuleInfo;
use waspect_instrumenter::plan::Reason;

use crate::table::{HEADING, styled};

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
        true => "none found: no function has an allocator's name and signature; name them with --alloc malloc=INDEX,free=INDEX",
        false => "none found: the module has no names; name them with --alloc malloc=INDEX,free=INDEX",
    }
}
