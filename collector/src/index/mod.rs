//! The index: where in the log a trace is, and where a search need not look.
//!
//! ```text
//! log -> reader of its own -> digest of each request -> tables on disk     <- snapshots, one a query
//! ```
//!
//! The spans stay in the log. The index knows which records hold spans of a trace, which operations services have, and of
//! each request a filter of its terms, which may say `maybe` and never a wrong no: a search reads the records that are left, and
//! decides there. So no text is too long and no attribute too rare to be searched, and a flood of them costs a few bytes a request.
//!
//! It can be thrown away: its position is its own, and all that it says is read from the log again.
//!
//! - [`terms`], [`filter`], [`digest`]: what a request says, in numbers. Pure.
//! - [`tables`]: the database.
//! - [`follower`]: feeds it. [`snapshot`]: asks it.

mod digest;
mod filter;
mod follower;
mod snapshot;
mod tables;
mod terms;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase};
use thiserror::Error;
use tokio::sync::Notify;

pub use digest::Operation;
pub use follower::Follower;
pub use snapshot::{Found, FoundProfile, Snapshot, Wanted};
pub use terms::Term;

/// An index cannot be asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unavailable {
    /// It is being opened, or built again.
    #[error("the index is not open yet; ask again in a moment")]
    Closed,
    /// It is damaged, and will be built again.
    #[error("the index is damaged and is built again; ask again in a moment: {0}")]
    Damaged(String),
}

/// A handle, for who asks.
#[derive(Clone)]
pub struct Index {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    open: RwLock<Option<Open>>,
    damage: Notify,
}

/// An open index.
#[derive(Clone)]
struct Open {
    database: Arc<Database>,
    key: terms::Key,
}

impl Index {
    /// The index in that file; a [`Follower`] opens it.
    pub fn new(path: &Path) -> Index {
        let shared = Shared { path: path.to_owned(), open: RwLock::new(None), damage: Notify::new() };
        Index { shared: Arc::new(shared) }
    }

    /// What it says now. It stays so, whatever is indexed meanwhile.
    pub fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        let open =
            self.shared.open.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Unavailable::Closed)?;
        let transaction = open.database.begin_read().map_err(|error| self.damaged(&error.to_string()))?;
        Snapshot::new(transaction, open.key).map_err(|error| self.damaged(&error.to_string()))
    }

    /// Has it built again.
    pub fn damaged(&self, why: &str) -> Unavailable {
        self.shared.damage.notify_one();
        Unavailable::Damaged(why.to_owned())
    }

    fn path(&self) -> &Path {
        &self.shared.path
    }

    fn set(&self, open: Option<Open>) {
        *self.shared.open.write().unwrap_or_else(PoisonError::into_inner) = open;
    }

    async fn damage(&self) {
        self.shared.damage.notified().await;
    }
}
