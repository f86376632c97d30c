//! Rewrites a WebAssembly module so that it can be observed: bytes in, bytes out.
//!
//! Knows no files, no runtime, no recorder and no clock. Three stages, each public: [`ModuleInfo::parse`] reads facts,
//! [`Plan::new`] decides (print it: it says why a function is left out), [`rewrite()`] writes bytes; [`instrument`] is all three.
//!
//! In mode `calls` this function
//!
//! ```wat
//! (func $first (param i32) (result i32)
//!   (if (local.get 0) (then (return (i32.const 1))))
//!   (i32.const 2))
//! ```
//!
//! becomes (`$calls` is its counter, its sign the gate; `$base` is what the hook `module` gave this instance)
//!
//! ```wat
//! (func $first (param i32) (result i32)
//!   (local $token i32) (local $id i32)
//!   (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
//!   (if (i64.ge_s (global.get $calls) (i64.const 0))
//!     (then (local.set $token (call $enter (local.tee $id (i32.add (global.get $base) (i32.const 0)))))))
//!   (block (result i32)
//!     (if (local.get 0) (then (br 1 (i32.const 1))))
//!     (i32.const 2))
//!   (if (local.get $token) (then (call $exit (local.get $id) (local.get $token)))))
//! ```
//!
//! Why a block around the body, and not an `exit` before every branch that leaves? The block takes the place of the function's
//! label at the same depth, so `br`, `br_table`, `br_on_*` and `try_table` clauses stay as they are, whatever proposal brings
//! the next of them; only `return` becomes a `br`. Why copy bytes between edits, and not build a tree? An encoder's choices
//! and instructions that nobody looks at stay as they were, and memory stays in proportion to the module's bytes: a run of
//! 50,000 locals is two numbers, not a list.
//!
//! ```
//! use waspect_instrumenter::{Mode, Options, instrument};
//!
//! let module = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
//! let options = Options { mode: Mode::Counts, ..Options::default() };
//! let done = instrument(&module, &options)?;
//! assert_eq!(done.plan.hooked(), 1);
//! assert_eq!(done.manifest.function(0).unwrap().name, "run");
//!
//! let again = instrument(&done.bytes, &options).unwrap_err();
//! assert!(again.to_string().starts_with("the module is already instrumented"));
//! # Ok::<(), waspect_instrumenter::Error>(())
//! ```

mod code_map;
mod debug;
mod error;
pub mod info;
mod limits;
mod manifest;
#[cfg(feature = "mutants")]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
#[allow(dead_code)]
mod mutants;
mod options;
mod parallel;
pub mod plan;
mod rewrite;
mod sites;
#[cfg(feature = "walrus")]
pub mod walrus;

pub use code_map::CodeMap;
pub use debug::{DwarfError, SourceMapError};
pub use error::{Error, Place};
pub use info::{ModuleInfo, minimal_features};
pub use options::{Debug, Mode, Only, Options, Placement, Role, Symbols};
pub use plan::Plan;
pub use rewrite::{features_added, rewrite};
pub use waspect_abi::{BuildId, Manifest};

/// An instrumented module.
#[derive(Debug, Clone)]
pub struct Instrumented {
    /// The module's bytes, with the manifest's section where the options say so.
    pub bytes: Vec<u8>,
    /// What it tells about itself.
    pub manifest: Manifest,
    /// What was done to it: the plan, and warnings of what could not be kept.
    pub plan: Plan,
    /// The debug information as a module of its own, where the plan splits it off and there is any.
    pub debug_module: Option<Vec<u8>>,
    /// Where the code stands now; only where something describes it, or a source map is to be rewritten.
    pub code_map: Option<CodeMap>,
}

impl Instrumented {
    /// True when nothing was selected: the bytes are the input's.
    pub fn is_unchanged(&self) -> bool {
        self.plan.is_empty()
    }
}

/// Instruments a module: reads it, plans, rewrites.
pub fn instrument(module: &[u8], options: &Options) -> Result<Instrumented, Error> {
    let info = ModuleInfo::parse_with(module, options)?;
    let plan = Plan::new(&info, options)?;
    rewrite::write(module, info, plan)
}
