//! Addresses of DWARF: offsets in the contents of the code section, and values that mean 'no code'.

use gimli::{EndianSlice, LittleEndian};

use super::dwarf::DwarfError;
use crate::CodeMap;

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// A reader of a section from an offset on; behind the end, there is nothing to read.
pub(super) fn reader(section: &[u8], offset: usize) -> Reader<'_> {
    EndianSlice::new(section.get(offset..).unwrap_or_default(), LittleEndian)
}

/// Turns addresses of the input into those of the output.
#[derive(Clone, Copy)]
pub(super) struct Addresses<'a> {
    pub map: &'a CodeMap,
}

impl Addresses<'_> {
    /// Linkers give what they threw away one of these addresses: 0, where no function can be, or the last or last but one.
    pub fn is_dead(address: u64, size: u8) -> bool {
        address == 0 || address >= largest(size) - 1
    }

    /// The address in the output. What is dead stays as it is; what is in no function dies.
    pub fn moved(self, address: u64, size: u8) -> u64 {
        match Addresses::is_dead(address, size) {
            true => address,
            false => self.map.address(address).unwrap_or(largest(size) - 1),
        }
    }

    /// The length in the output of what begins at an address. What is dead keeps its length; what ends in no function has
    /// none.
    pub fn length(self, start: u64, length: u64, size: u8) -> u64 {
        if Addresses::is_dead(start, size) {
            return length;
        }
        let end = start.checked_add(length).and_then(|end| self.map.address(end));
        self.map.address(start).zip(end).map_or(0, |(start, end)| end.saturating_sub(start))
    }

    /// A range relative to a base, relative to the base's new place; none where it stays as it is, since it is of no code.
    pub fn pair(self, base: u64, begin: u64, end: u64, size: u8) -> Option<(u64, u64)> {
        let start = base.wrapping_add(begin) & largest(size);
        let is_dead = |address| Addresses::is_dead(address, size);
        if is_dead(start) || (base != 0 && is_dead(base)) || (begin != 0 && is_dead(begin)) {
            return None;
        }
        let from = self.map.address(start).and_then(|from| from.checked_sub(self.moved(base, size)));
        let length = self.length(start, end.saturating_sub(begin), size);
        match from {
            Some(from) if (from, length) != (0, 0) => Some((from, from + length)),
            // Empty; two zeros would end the lists of DWARF 4.
            _ => Some((1, 1)),
        }
    }
}

/// The largest address of a size in bytes.
pub(super) fn largest(size: u8) -> u64 {
    u64::MAX >> (64 - 8 * u32::from(size.clamp(1, 8)))
}

/// Writes a number of some bytes over what stands there.
pub(super) fn put(out: &mut [u8], at: usize, size: usize, value: u64) -> Result<(), DwarfError> {
    let fits = size >= 8 || value >> (8 * size) == 0;
    let place = out.get_mut(at..at + size).filter(|_| fits && size <= 8).ok_or(DwarfError::NoRoom { value })?;
    place.copy_from_slice(&value.to_le_bytes()[..size]);
    Ok(())
}

/// Writes a LEB128 of exactly as many bytes as stand there, padded if need be; false if it has no room.
pub(super) fn put_padded_leb(place: &mut [u8], value: u64) -> bool {
    let bits = 7 * place.len();
    if bits < 64 && value >> bits != 0 {
        return false;
    }
    let Some(last) = place.len().checked_sub(1) else { return false };
    for (at, byte) in place.iter_mut().enumerate() {
        let group = value.checked_shr(7 * at as u32).unwrap_or(0) as u8 & 0x7f;
        *byte = group | if at < last { 0x80 } else { 0 };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_width() {
        let mut bytes = [0xff; 4];
        put(&mut bytes, 1, 2, 0x1234).unwrap();
        assert_eq!(bytes, [0xff, 0x34, 0x12, 0xff]);
        assert!(put(&mut bytes, 1, 2, 0x1_0000).is_err() && put(&mut bytes, 3, 2, 0).is_err());
        assert!(put_padded_leb(&mut bytes[..3], 5));
        assert_eq!(bytes, [0x85, 0x80, 0x00, 0xff]);
        assert!(put_padded_leb(&mut bytes[..2], 0x3fff) && !put_padded_leb(&mut bytes[..2], 0x4000));
    }
}
