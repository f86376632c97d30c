//! Runs a module before and after instrumentation, side by side in wasmtime, and compares all that a host can see: results,
//! kinds of traps, calls of imports, memories, tables and globals. Hooks lead to a strict [`mock::Mock`] that forgives nothing.
//!
//! It never asks the rewriter what the right answer is: bytes before and bytes after are all that it takes. The command
//! `waspect verify` and the tests of generated modules use the same code.
//!
//! What makes two runs comparable: the host answers both alike ([`trial::World`], [`trial::Stubs`]), fuel ends what does not
//! end, and a call in which the original met a limit is not compared, since where a limit is met is no promise.
//!
//! ```
//! use waspect_verify::{Side, engine, trial, verify};
//!
//! let module = wat::parse_str(r#"(module (func (export "half") (param i32) (result i32) (i32.div_s (i32.const 8) (local.get 0))))"#).unwrap();
//! let engine = engine::fidelity(1 << 20);
//! let original = Side::compile(&engine, &module, &module)?;
//! let same = Side::compile(&engine, &module, &module)?;
//! let verdict = verify(&engine, &original, &[same], &trial::Trial::exports(4)).unwrap();
//! assert_eq!(verdict.before.calls.len(), 1 + 4);
//! assert!(verdict.differences[0].is_empty());
//! # Ok::<(), wasmtime::Error>(())
//! ```

pub mod counters;
pub mod engine;
pub mod facts;
pub mod hooks;
pub mod host;
mod imports;
pub mod log;
pub mod mock;
pub mod observation;
mod observe;
mod open;
pub mod random;
pub mod reproducible;
pub mod rings;
mod side;
pub mod stacks;
pub mod tape;
pub mod trial;
mod wasi;

use std::fmt;
use std::path::PathBuf;

use wasmtime::Engine;

pub use observation::{Call, Difference, Observation};
pub use side::Side;
use trial::Trial;

/// Fuel of an instrumented module, as a multiple of the original's. Each function entry, exit and import call adds a few
/// dozen instructions, so that this can never be what ends a run that the original finished.
const FUEL_FACTOR: u64 = 100;

/// What came of all runs.
#[derive(Debug)]
pub struct Verdict {
    /// The run of the original.
    pub before: Observation,
    /// The runs of the others, in order.
    pub after: Vec<Observation>,
    /// For each of them, what a host sees differently.
    pub differences: Vec<Vec<Difference>>,
}

/// What a run needs and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unprovidable {
    /// An import that no host can make up: for example a global that holds a reference that is not null.
    Import {
        /// Module name.
        module: String,
        /// Field name.
        field: String,
        /// Its type.
        ty: String,
    },
    /// A directory that cannot be opened.
    Directory {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Unprovidable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unprovidable::Import { module, field, ty } => {
                write!(f, "import `{module}.{field}` cannot be made up: {ty}")
            }
            Unprovidable::Directory { path, reason } => {
                write!(f, "cannot open directory `{}`: {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for Unprovidable {}

/// Runs the original, then each of the others the same way, and compares.
pub fn verify(engine: &Engine, original: &Side, others: &[Side], trial: &Trial) -> Result<Verdict, Unprovidable> {
    let before = observe::observe(engine, original, trial, &[])?;
    let skip = before.limited();
    let mut verdict = Verdict { before, after: vec![], differences: vec![] };
    for side in others {
        let after = observe::observe(engine, side, trial, &skip)?;
        let mut differences = observation::differences(&verdict.before, &after);
        // Runs that a host cannot tell apart made the same calls, in whatever mode they were counted.
        let same = verdict.after.iter().zip(&verdict.differences).filter(|(_, differences)| differences.is_empty());
        let mut counted = same.map(|(run, _)| &run.counters).filter(|counters| !counters.is_empty());
        if differences.is_empty()
            && !after.counters.is_empty()
            && let Some(counters) = counted.next()
            && *counters != after.counters
        {
            differences.push(Difference {
                place: "counted calls".to_owned(),
                before: "as in another mode".to_owned(),
                after: "other counts".to_owned(),
                stack: false,
            });
        }
        verdict.after.push(after);
        verdict.differences.push(differences);
    }
    Ok(verdict)
}
