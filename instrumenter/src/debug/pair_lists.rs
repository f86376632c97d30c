//! The lists of DWARF 2 to 4, `.debug_ranges` and `.debug_loc`: pairs of addresses of a fixed width, patched where they stand.

use gimli::{Reader as _, SectionId};

use super::addresses::{Addresses, largest, put, reader};
use super::dwarf::{DwarfError, Trouble, in_section};
use super::entries::Unit;

/// A section of such lists.
pub(super) struct PairLists<'a> {
    id: SectionId,
    input: &'a [u8],
    out: Vec<u8>,
    /// Whether the entry at an offset is patched: lists that overlap are patched once, and cost no more than their bytes.
    done: Vec<bool>,
}

impl<'a> PairLists<'a> {
    pub fn new(id: SectionId, input: &'a [u8]) -> Self {
        PairLists { id, input, out: input.to_vec(), done: vec![false; input.len()] }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Patches the list at an offset, which a unit refers to.
    pub fn patch(&mut self, offset: usize, unit: &Unit, addresses: Addresses<'_>) -> Result<(), DwarfError> {
        self.list(offset, unit, addresses).map_err(in_section(self.id))
    }

    fn list(&mut self, offset: usize, unit: &Unit, addresses: Addresses<'_>) -> Result<(), Trouble> {
        let size = unit.encoding.address_size;
        let (width, locations) = (usize::from(size), self.id == SectionId::DebugLoc);
        let mut rest = reader(self.input, offset);
        let mut base = unit.low_pc;
        loop {
            let at = self.input.len() - rest.len();
            let (begin, end) = (rest.read_address(size)?, rest.read_address(size)?);
            if std::mem::replace(&mut self.done[at], true) || (begin == 0 && end == 0) {
                return Ok(());
            }
            if begin == largest(size) {
                base = end;
                put(&mut self.out, at + width, width, addresses.moved(end, size))?;
                continue;
            }
            if let Some((begin, end)) = addresses.pair(base, begin, end, size) {
                put(&mut self.out, at, width, begin)?;
                put(&mut self.out, at + width, width, end)?;
            }
            if locations {
                let length = rest.read_u16()?;
                rest.skip(length.into())?;
            }
        }
    }
}
