//! Every way to refuse a module that is walrus' own.

use super::LOCALS_MAX;
use crate::error::Place;

/// Why a module was not instrumented by way of walrus. The remedy is nearly always the same: its bytes can be instrumented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// walrus cannot read it.
    #[error("walrus refuses the module: {reason}; instrument its bytes with `waspect_instrumenter::instrument`")]
    Refused {
        /// In walrus' words.
        reason: String,
    },
    /// walrus would need far more memory than the module has bytes.
    #[error(
        "the module has {locals} locals, and walrus keeps each: at most {LOCALS_MAX} are given to it; \
         instrument its bytes with `waspect_instrumenter::instrument`"
    )]
    Locals {
        /// Locals of all functions together.
        locals: u64,
    },
    /// Mode `ring`.
    #[error("mode ring is the rewriter's alone; plan with mode calls, or use `waspect_instrumenter::instrument`")]
    Ring,
    /// Objects of a garbage collector.
    #[error(
        "objects of a garbage collector are reported by the rewriter alone; plan with `alloc: false`, or use \
         `waspect_instrumenter::instrument`"
    )]
    Objects,
    /// A function of the plan is gone.
    #[error("{place}it is no longer in the module; instrument before passes that delete functions")]
    Deleted {
        /// The function.
        place: Place,
    },
    /// walrus makes functions of plain types only.
    #[error(
        "{place}{what} would have another type: walrus makes new functions of plain types only, and this one stands in a \
         recursion group or has subtypes; instrument the bytes with `waspect_instrumenter::instrument`"
    )]
    Type {
        /// The function, if it is about one.
        place: Place,
        /// What would have to be made.
        what: &'static str,
    },
    /// The manifest exceeds its limit.
    #[error(transparent)]
    Manifest(#[from] crate::Error),
}
