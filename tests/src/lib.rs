//! What the whole-system tests share: a strict mock of the recorder, engines, outcomes that can be compared, and the inputs.
//!
//! The tests hold Waspect against the uninstrumented module, against the spec suite, and against facts that they read
//! themselves: nothing here asks the rewriter what the right answer is.

pub mod assets;
pub mod back_ends;
pub mod bench;
pub mod bodies;
pub mod counters;
pub mod differential;
pub mod engine;
pub mod facts;
pub mod features;
pub mod growth;
pub mod hooks;
pub mod host;
pub mod mock;
pub mod parallel;
pub mod random;
pub mod rings;
pub mod smith;
pub mod spec;
pub mod subject;
pub mod table;
pub mod wasi;
