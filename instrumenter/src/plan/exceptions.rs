//! Whether exceptions can be caught where they leave a function, and why not.
//!
//! `catch_all_ref` and `throw_ref` hand on the very same exception, and any engine that takes a module with `try_table` has them.
//! In any other module they would add a proposal.

use std::fmt;

use crate::info::{BodyFacts, ModuleInfo};
use crate::options::Mode;

/// Why exceptions cannot be caught where they leave a function: its call then ends where the exception is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// The mode times nothing.
    Counts,
    /// The module catches by the legacy `catch`, whose engines need not have `throw_ref`.
    Legacy,
    /// The module catches nothing.
    CatchesNothing,
}

/// Whether the module uses what is needed.
pub(super) fn can_be_thrown_on(info: &ModuleInfo) -> bool {
    any_body(info, |facts| facts.try_tables)
}

/// Why it was not done.
pub(super) fn why_not(info: &ModuleInfo, mode: Mode) -> super::Warning {
    super::Warning::Inexact(match mode {
        Mode::Counts => Inexact::Counts,
        _ if any_body(info, |facts| facts.catches) => Inexact::Legacy,
        _ => Inexact::CatchesNothing,
    })
}

fn any_body(info: &ModuleInfo, has: impl Fn(&BodyFacts) -> bool) -> bool {
    info.functions.iter().filter_map(|function| function.body.as_ref()).any(|body| has(&body.facts))
}

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inexact::Counts => "mode counts times nothing; use --mode calls",
            Inexact::Legacy => {
                "the module uses legacy exceptions, and hooks add no proposal; calls end where the exception is caught. Compile it with \
                 the new ones (clang -mllvm -wasm-use-legacy-eh=false), or translate it (wasm-opt --emit-exnref)"
            }
            Inexact::CatchesNothing => "the module catches no exception by try_table, and hooks add no proposal",
        })
    }
}
