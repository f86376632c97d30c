//! Profiles: what a pprof has to be to be stored, how the log holds it, and how many become one. Pure.
//!
//! ```text
//! POST -> check -> stored -> log -> index (service, interval -> record)
//!                            log -> merge <- GET
//! ```
//!
//! - [`check`]: a stranger's bytes in, a whole profile out, or why not.
//! - [`stored`]: the log's record.
//! - [`merge`]: profiles added up, stack by stack, within a budget.

pub mod check;
pub mod merge;
pub mod stored;

pub use check::{PROFILE_BYTES_MAX, check};
pub use merge::Merged;
pub use stored::Stored;
