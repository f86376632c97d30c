//! Looks at every record: what an operator asks for when a disk has been ill. It changes nothing.

use std::io;
use std::sync::Arc;

use super::disk::Disk;
use super::reader::Reader;
use super::segment::Shared;
use super::store;

/// What the files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files of records.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Records that can be read.
    pub records: u64,
    /// Bytes in these.
    pub payload_bytes: u64,
    /// Records that were acknowledged and cannot be read.
    pub damaged: u64,
    /// Number of the oldest record that may still be there, and of the next that will be appended.
    pub range: (u64, u64),
    /// True where the file of readers' positions is damaged: every reader begins anew.
    pub positions_damaged: bool,
    /// Where each reader is.
    pub positions: Vec<(String, u64)>,
}

/// Reads everything.
pub fn check(disk: &Arc<dyn Disk>) -> io::Result<Report> {
    let store::Survey { catalog, positions, .. } = store::survey(&**disk)?;
    let mut report = Report {
        segments: catalog.segments.len() as u64,
        bytes: catalog.bytes(),
        range: (catalog.oldest(), catalog.end),
        positions_damaged: positions.is_none(),
        positions: positions.unwrap_or_default().readers.into_iter().collect(),
        ..Report::default()
    };
    let oldest = catalog.oldest();
    let mut reader = Reader::new(disk.clone(), Shared::new(catalog.into()), oldest);
    while let Some(record) = reader.read()? {
        report.records += 1;
        report.payload_bytes += record.payload.len() as u64;
    }
    report.damaged = reader.damaged();
    Ok(report)
}
