//! Where readers are, kept beside the segments. Losing the file costs duplicates, never records: readers begin anew.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::record::{self, HEADER_BYTES, Step};

const NAME: &str = "positions";
const NEW: &str = "positions.new";

/// The file is a record that belongs to no segment.
const SALT: u32 = 0;

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
        let source = match disk.open(NAME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Positions::default())),
            source => source?,
        };
        let size = usize::try_from(source.size()?).unwrap_or(usize::MAX).min(record::PAYLOAD_BYTES_MAX);
        let mut bytes = vec![0; size];
        let read = source.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(match record::step(SALT, &bytes, true) {
            Step::Record { bytes: end, .. } => serde_json::from_slice(&bytes[HEADER_BYTES..end]).ok(),
            _ => None,
        })
    }

    /// Writes the file: whole, or the old one stays.
    pub fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut bytes = Vec::new();
        record::encode(SALT, 0, &serde_json::to_vec(self)?, &mut bytes);
        match disk.remove(NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = disk.create(NEW)?;
        file.append(&bytes)?;
        file.sync()?;
        disk.rename(NEW, NAME)?;
        disk.sync_names()
    }
}
