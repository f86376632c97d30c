//! Databases beside the log: how one is opened, and what its errors mean. Each can be thrown away: what it says is in the log.

use std::io;
use std::path::Path;

use redb::{Builder, Database, DatabaseError, StorageError};

/// Why a database cannot go on as it is.
#[derive(Debug)]
pub enum Trouble {
    /// It has to be thrown away.
    Damaged(String),
    /// The disk fails: later.
    Disk(String),
}

/// Opens a database, checked as a whole: a page that is damaged would be believed later.
pub fn open(path: &Path, cache_bytes: usize) -> Result<Database, Trouble> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_check_integrity_on_open(true);
    builder.create(path).map_err(|error| match error {
        DatabaseError::Storage(StorageError::Io(error)) => io_trouble(&error),
        // Of this process alone, which has a query under way: the directory is locked.
        DatabaseError::DatabaseAlreadyOpen => Trouble::Disk(error.to_string()),
        other => Trouble::Damaged(other.to_string()),
    })
}

fn io_trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            Trouble::Damaged(error.to_string())
        }
        _ => Trouble::Disk(error.to_string()),
    }
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Trouble {
        match error {
            redb::Error::Io(error) => io_trouble(&error),
            redb::Error::PreviousIo => Trouble::Disk(error.to_string()),
            other => Trouble::Damaged(other.to_string()),
        }
    }
}
