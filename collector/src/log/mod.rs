//! The log that is the store: what is appended is acknowledged once it is on disk, and read until it is too old.
//!
//! ```text
//! append -> queue -> committer: one write, one fsync for all that waits -> acknowledgements
//!                        segment | segment | segment        <- readers, each at its own position
//! ```
//!
//! A record is bytes, numbered in one unbroken sequence. The log knows nothing of what they mean, and no network.
//!
//! - [`record`]: a record's bytes, and how records are found among damaged ones. Pure.
//! - [`disk`]: all that is asked of a file system, so that tests can cut its power.
//! - [`store`]: segments, the commit, what it takes to open after anything. No threads, no clock.
//! - `whole`: small files beside the segments, each replaced as a whole.
//! - [`reader`], [`check`]: reading on from a position; counting what is damaged.
//! - [`committer`]: the thread, and the handle that everybody else has.

pub mod check;
mod committer;
pub mod disk;
mod positions;
pub mod reader;
pub mod record;
mod segment;
pub mod store;
pub(crate) mod whole;

#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

pub use check::{Report, check};
pub use committer::{AppendError, Log, SegmentInfo};
pub use disk::{Directory, Disk};
pub use reader::{Place, Reader, Record};
pub use store::{CommitError, OnFull, OpenError, Opened, Options, Store};
