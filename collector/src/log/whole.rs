//! Files that are one record, each replaced as a whole: after a power cut it is the old one or the new one, and damage shows.

use std::io;

use super::disk::Disk;
use super::record::{self, HEADER_BYTES, Step};

/// The record belongs to no segment.
const SALT: u32 = 0;

/// What ends the name of a file that is being written.
const NEW: &str = ".new";

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Whole {
    /// There is none.
    Missing,
    /// What was written.
    Payload(Vec<u8>),
    /// Something else.
    Damaged,
}

/// Reads a file.
pub fn load(disk: &dyn Disk, name: &str) -> io::Result<Whole> {
    let source = match disk.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Whole::Missing),
        source => source?,
    };
    let size = usize::try_from(source.size()?).unwrap_or(usize::MAX).min(HEADER_BYTES + record::PAYLOAD_BYTES_MAX);
    let mut bytes = vec![0; size];
    let read = source.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(match record::step(SALT, &bytes, true) {
        Step::Record { bytes: end, .. } => {
            bytes.truncate(end);
            Whole::Payload(bytes.split_off(HEADER_BYTES))
        }
        _ => Whole::Damaged,
    })
}

/// Writes a file: whole and durable when it returns, or the old one stays.
pub fn save(disk: &dyn Disk, name: &str, payload: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::new();
    record::encode(SALT, 0, payload, &mut bytes);
    let new = format!("{name}{NEW}");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = disk.create(&new)?;
    file.append(&bytes)?;
    file.sync()?;
    disk.rename(&new, name)?;
    disk.sync_names()
}
