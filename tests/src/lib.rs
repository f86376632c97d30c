//! What the whole-system tests share: the inputs, the scripts, and what is held against what. The strict mock of the recorder and
//! outcomes that can be compared are `waspect-verify`'s, since `waspect verify` needs them too.
//!
//! The tests hold Waspect against the uninstrumented module, against the spec suite, and against facts that they read
//! themselves: nothing here asks the rewriter what the right answer is.

pub mod assets;
pub mod back_ends;
pub mod bench;
pub mod beside;
pub mod bodies;
pub mod debug_info;
pub mod features;
pub mod growth;
pub mod node;
pub mod oracle;
pub mod parallel;
pub mod programs;
pub mod smith;
pub mod spec;
pub mod subject;
pub mod table;
pub mod trap;
pub mod wasi;

pub use waspect_verify::{counters, engine, facts, hooks, host, mock, random, rings, stacks, tape};
