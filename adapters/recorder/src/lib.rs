//! The one recorder of Waspect: hook calls and time in, OTLP batches, figures and profiles out.
//!
//! ```text
//! hook call (func, token, time) -> Recorder -> Delta -> Aggregator -> OTLP bytes, Snapshot, Profile
//! ```
//!
//! A [`Recorder`] serves one thread of execution and one trust domain; it is cheap to make and to reset. One [`Aggregator`] a
//! process merges what the recorders drain. The crate knows no runtime, no clock, no file, no thread and no socket, and
//! compiles to Wasm. The rules that the code cites (T1, X3, ...) stand in `spec/abi.md`.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod aggregator;
mod attaching;
mod calls;
mod catalog;
mod clock;
mod config;
mod context;
mod delta;
mod drain;
mod drops;
mod exemplar;
mod failure;
mod figures;
mod flight;
mod frame;
mod functions;
mod gather;
#[cfg(feature = "allow-list")]
mod glob;
mod governor;
mod heap;
mod histogram;
mod ids;
mod instances;
mod lane;
mod memory;
mod metrics;
mod objects;
mod order;
mod otlp;
mod outcome;
mod pprof;
mod profile;
mod recorder;
mod resource;
mod resuming;
mod rewinding;
mod ring;
mod scope;
mod series;
mod snapshot;
mod snapshots;
mod spans;
mod stacks;
mod table;
mod time;
mod token;
mod tree;
mod untimed;

pub use aggregator::{Aggregator, Batch};
pub use config::{Config, Limits, Sampling, SpanPolicy, Temporality};
pub use context::{Parent, SpanContext};
pub use delta::Delta;
pub use outcome::{Interrupt, Outcome};
pub use profile::{Profile, Weight};
pub use recorder::Recorder;
pub use resource::{Resource, Value};
pub use snapshot::{DropReason, ErrorSnapshot, FunctionSnapshot, ModuleSnapshot, ObjectSnapshot, Snapshot};
pub use time::Timestamp;
pub use untimed::{GateChange, Untimed};
