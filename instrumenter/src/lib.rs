//! Rewrites a WebAssembly module so that it can be observed: bytes in, bytes out.
//!
//! Knows no files, no runtime, no recorder and no clock.

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

pub use error::{Error, Place};
pub use info::{ModuleInfo, minimal_features};
pub use options::{Mode, Only, Options, Placement, Role};
pub use plan::Plan;
pub use rewrite::rewrite;
pub use waspect_abi::{BuildId, Manifest};

/// An instrumented module.
#[derive(Debug, Clone)]
pub struct Instrumented {
    /// The module's bytes, with the manifest's section where the options say so.
    pub bytes: Vec<u8>,
    /// What it tells about itself.
    pub manifest: Manifest,
    /// What was done to it.
    pub plan: Plan,
}

impl Instrumented {
    /// True when nothing was selected: the bytes are the input's.
    pub fn is_unchanged(&self) -> bool {
        self.plan.is_empty()
    }
}

/// Instruments a module: reads it, plans, rewrites.
pub fn instrument(module: &[u8], options: &Options) -> Result<Instrumented, Error> {
    let info = ModuleInfo::parse_with(module, options.threads)?;
    let plan = Plan::new(&info, options)?;
    rewrite(module, &info, &plan)
}
