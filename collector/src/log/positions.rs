//! Where readers are, kept beside the segments. Losing the file costs duplicates, never records: readers begin anew.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::whole::{self, Whole};

const NAME: &str = "positions";

/// What is kept beside the segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions {
    /// A number that the log had reached: if its files end before, the rest was lost.
    pub end: u64,
    /// The next record of each reader, by its name.
    pub readers: BTreeMap<String, u64>,
}

impl Positions {
    /// Reads the file. `None`: there is one, and it is damaged.
    pub fn load(disk: &dyn Disk) -> io::Result<Option<Positions>> {
        Ok(match whole::load(disk, NAME)? {
            Whole::Missing => Some(Positions::default()),
            Whole::Payload(bytes) => serde_json::from_slice(&bytes).ok(),
            Whole::Damaged => None,
        })
    }

    /// Writes the file: whole, or the old one stays.
    pub fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        whole::save(disk, NAME, &serde_json::to_vec(self)?)
    }
}
