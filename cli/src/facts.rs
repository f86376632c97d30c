//! Words for the rewriter's facts that several commands use. Knows no command.

use waspect_instrumenter::plan::{Reason, Warning};
use waspect_instrumenter::{ModuleInfo, Plan};

use crate::table::{HEADING, WARN, styled};
use crate::text::{bytes, counted, escape};

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

/// A plan's warnings, a line each; sections that are dropped share one.
pub fn warnings(plan: &Plan) -> String {
    let mut dropped = (0, 0);
    let mut messages = Vec::new();
    for warning in &plan.warnings {
        match warning {
            Warning::StaleSection { bytes, .. } => dropped = (dropped.0 + 1, dropped.1 + *bytes as u64),
            other => messages.push(other.to_string()),
        }
    }
    if dropped.0 > 0 {
        let sections = counted(dropped.0, "section");
        messages.push(format!("{sections} dropped ({}): debug information of code that moves", bytes(dropped.1)));
    }
    messages.iter().map(|message| format!("{} {}\n", styled(WARN, "warning:"), escape(message))).collect()
}
