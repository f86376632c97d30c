//! `.debug_aranges`: which unit an address belongs to; sets of an address and a length, patched where they stand.

use gimli::{Reader as _, SectionId};

use super::addresses::{Addresses, put, reader};
use super::dwarf::{DwarfError, in_section};

/// Moves every range.
pub(super) fn patch(section: &[u8], addresses: Addresses<'_>) -> Result<Vec<u8>, DwarfError> {
    let mut out = section.to_vec();
    let mut rest = reader(section, 0);
    while !rest.is_empty() {
        let start = section.len() - rest.len();
        let places = set(&mut rest, start).map_err(in_section(SectionId::DebugAranges))?;
        for (at, size, address, length) in places {
            let width = usize::from(size);
            put(&mut out, at, width, addresses.moved(address, size))?;
            put(&mut out, at + width, width, addresses.length(address, length, size))?;
        }
    }
    Ok(out)
}

/// The ranges of one set: where each stands, the width of its numbers, and the two numbers.
fn set(rest: &mut super::addresses::Reader<'_>, start: usize) -> gimli::Result<Vec<(usize, u8, u64, u64)>> {
    let (length, format) = rest.read_initial_length()?;
    let mut contents = rest.split(length)?;
    let end = start + usize::from(format.initial_length_size()) + length;
    contents.read_u16()?;
    contents.skip(format.word_size().into())?;
    let (size, _segment) = (contents.read_address_size()?, contents.read_u8()?);
    // The first range stands at a multiple of a range's size, counted from the set's beginning.
    let header = end - contents.len() - start;
    contents.skip(header.next_multiple_of(2 * usize::from(size)) - header)?;
    let mut places = Vec::new();
    while contents.len() >= 2 * usize::from(size) {
        let at = end - contents.len();
        places.push((at, size, contents.read_address(size)?, contents.read_address(size)?));
    }
    Ok(places)
}
