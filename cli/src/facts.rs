//! Words for the rewriter's facts that several commands use. Knows no command.

use waspect_instrumenter::plan::Reason;
use waspect_instrumenter::{ModuleInfo, Plan};

use crate::table::{HEADING, WARN, styled};
use crate::text::escape;

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

/// A plan's warnings, a line each.
pub fn warnings(plan: &Plan) -> String {
    let messages = plan.warnings.iter().map(|warning| warning.to_string());
    messages.map(|message| format!("{} {}\n", styled(WARN, "warning:"), escape(&message))).collect()
}
