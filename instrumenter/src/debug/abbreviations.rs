//! `.debug_abbrev`: tables of abbreviations, which units share.

use std::rc::Rc;

use gimli::{
    Abbreviations, DebugAbbrev, DebugAbbrevOffset, LittleEndian, Reader as _, SectionId, UnitHeader, constants,
};

use super::addresses::{Reader, reader};
use super::dwarf::{DwarfError, in_section};

/// Bytes of tables that are read for each byte of the section, at most: many units share one, and tables may overlap.
const READ_PER_BYTE_MAX: u64 = 16;

/// The tables of abbreviations, the last one kept: linkers give each unit its own, or all the same.
pub(crate) struct Tables<'a> {
    section: &'a [u8],
    last: Option<(DebugAbbrevOffset, Rc<Abbreviations>)>,
    budget: u64,
}

impl<'a> Tables<'a> {
    pub fn new(section: &'a [u8]) -> Self {
        let budget = (section.len() as u64 + 1024) * READ_PER_BYTE_MAX;
        Tables { section, last: None, budget }
    }

    /// The table of a unit.
    pub fn at(&mut self, header: &UnitHeader<Reader<'_>>) -> Result<Rc<Abbreviations>, DwarfError> {
        let offset = header.debug_abbrev_offset();
        if let Some((_, table)) = self.last.as_ref().filter(|(last, _)| *last == offset) {
            return Ok(table.clone());
        }
        let length = table_length(reader(self.section, offset.0)).map_err(in_section(SectionId::DebugAbbrev))?;
        self.budget = self.budget.checked_sub(length as u64).ok_or(DwarfError::TooMuch)?;
        let table = DebugAbbrev::new(self.section, LittleEndian).abbreviations(offset);
        let table = Rc::new(table.map_err(in_section(SectionId::DebugAbbrev))?);
        self.last = Some((offset, table.clone()));
        Ok(table)
    }
}

/// The length of a table of abbreviations in bytes.
fn table_length(table: Reader<'_>) -> gimli::Result<usize> {
    let mut rest = table;
    while rest.read_uleb128()? != 0 {
        rest.skip_leb128()?;
        rest.skip(1)?;
        loop {
            let (name, form) = (rest.read_uleb128()?, rest.read_uleb128()?);
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                rest.skip_leb128()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Ok(rest.offset_from(table))
}
