//! `.debug_macro`: macros know no addresses, but their header may know a line program.

use gimli::{Reader as _, SectionId};

use super::addresses::{put, reader};
use super::dwarf::{DwarfError, in_section};
use super::lines::{Programs, moved_program};

/// The header's flag: offsets have 8 bytes.
const OFFSETS_OF_8_BYTES: u8 = 1;

/// The header's flag: the offset of a line program follows.
const KNOWS_LINES: u8 = 2;

/// The section.
pub(super) struct Macros<'a> {
    input: &'a [u8],
    out: Vec<u8>,
}

impl<'a> Macros<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Macros { input, out: input.to_vec() }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Patches the header at an offset, which a unit refers to. Units that share it say the same.
    pub fn patch(&mut self, offset: usize, programs: &Programs) -> Result<(), DwarfError> {
        let mut header = reader(self.input, offset);
        header.skip(2).map_err(in_section(SectionId::DebugMacro))?;
        let flags = header.read_u8().map_err(in_section(SectionId::DebugMacro))?;
        if flags & KNOWS_LINES == 0 {
            return Ok(());
        }
        let size = if flags & OFFSETS_OF_8_BYTES == 0 { 4 } else { 8 };
        let line = header.read_uint(size).map_err(in_section(SectionId::DebugMacro))?;
        put(&mut self.out, offset + 3, size, moved_program(programs, line)?)
    }
}
