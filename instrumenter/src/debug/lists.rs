//! The lists of DWARF 5, `.debug_rnglists` and `.debug_loclists`: written anew, for their numbers vary in width.
//!
//! Tables, and the lists in them, keep their order. What a list is relative to only the unit knows that refers to it, so
//! references are gathered first.

use std::collections::BTreeMap;

use gimli::{Reader as _, SectionId};

use super::addresses::{Addresses, Reader, put, reader};
use super::dwarf::{DwarfError, Trouble, in_section};
use super::entries::Unit;
use super::lines::leb;
use super::pool::Pool;

/// A section of such lists, and who refers to them.
pub(super) struct References<'a> {
    input: &'a [u8],
    /// By the offset of a list: a unit that refers to it, as its place in [`units`](References::units).
    lists: BTreeMap<usize, u32>,
    /// The units that refer to a list.
    units: Vec<Unit>,
}

impl<'a> References<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        References { input, lists: BTreeMap::new(), units: Vec::new() }
    }

    /// A unit refers to the list at an offset.
    pub fn add(&mut self, offset: usize, unit: &Unit) -> Result<(), DwarfError> {
        if self.units.last() != Some(unit) {
            self.units.push(*unit);
        }
        let newest = self.units.len() as u32 - 1;
        let first = self.units[*self.lists.entry(offset).or_insert(newest) as usize];
        match (first.low_pc, first.address_base) == (unit.low_pc, unit.address_base) {
            true => Ok(()),
            false => Err(DwarfError::Unsupported("a list of units with different addresses")),
        }
    }

    fn unit(&self, offset: usize) -> Option<Unit> {
        self.lists.get(&offset).map(|at| self.units[*at as usize])
    }
}

/// The section of the output.
pub(super) struct Moved {
    pub bytes: Vec<u8>,
    /// Offsets of lists, and of the tables' arrays of offsets, in the input and in the output. Ascending.
    offsets: Vec<(usize, usize)>,
}

impl Moved {
    /// Where the list or the array at an offset of the input stands now.
    pub fn offset(&self, old: usize) -> Option<usize> {
        let at = self.offsets.binary_search_by_key(&old, |(old, _)| *old).ok()?;
        Some(self.offsets[at].1)
    }

    fn stands(&mut self, old: usize) {
        if self.offsets.last().is_none_or(|(last, _)| *last != old) {
            self.offsets.push((old, self.bytes.len()));
        }
    }
}

/// Writes the section anew.
pub(super) fn rewrite(
    id: SectionId,
    references: &References<'_>,
    addresses: Addresses<'_>,
    pool: &mut Pool<'_>,
) -> Result<Moved, DwarfError> {
    let mut moved = Moved { bytes: Vec::with_capacity(references.input.len()), offsets: Vec::new() };
    let mut rest = reader(references.input, 0);
    while !rest.is_empty() {
        table(id, references, &mut rest, addresses, pool, &mut moved).map_err(in_section(id))?;
    }
    Ok(moved)
}

/// One table: its header, the offsets of its lists, the lists.
fn table(
    id: SectionId,
    references: &References<'_>,
    rest: &mut Reader<'_>,
    addresses: Addresses<'_>,
    pool: &mut Pool<'_>,
    moved: &mut Moved,
) -> Result<(), Trouble> {
    let input = references.input;
    let start = input.len() - rest.len();
    let (length, format) = rest.read_initial_length()?;
    let word = usize::from(format.word_size());
    let length_at = moved.bytes.len() + usize::from(format.initial_length_size()) - word;
    let mut contents = rest.split(length)?;
    let end = input.len() - rest.len();
    let (version, address_size, _segment) = (contents.read_u16()?, contents.read_address_size()?, contents.read_u8()?);
    if version != 5 {
        return Err(DwarfError::Unsupported("lists of an unknown version").into());
    }
    let count = contents.read_u32()? as usize;
    let array = end - contents.len();
    let mut offsets = contents.split(count.saturating_mul(word))?;

    moved.bytes.extend_from_slice(&input[start..array]);
    moved.stands(array);
    let new_array = moved.bytes.len();
    moved.bytes.extend_from_slice(offsets.slice());
    while !contents.is_empty() {
        let at = end - contents.len();
        moved.stands(at);
        let unit = references.unit(at);
        List { id, out: &mut moved.bytes, addresses, pool, unit, address_size }.copy(&mut contents)?;
    }
    for at in 0..count {
        let old = array.checked_add(offsets.read_word(format)?);
        let new = old.and_then(|old| moved.offset(old)).ok_or_else(|| DwarfError::malformed(id, "no list there"))?;
        put(&mut moved.bytes, new_array + at * word, word, (new - new_array) as u64)?;
    }
    let length = (moved.bytes.len() - length_at - word) as u64;
    put(&mut moved.bytes, length_at, word, length)?;
    Ok(())
}

/// What an entry of a list says; the numbers of both sections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    End,
    BaseIndex,
    StartIndexEndIndex,
    StartIndexLength,
    OffsetPair,
    DefaultLocation,
    Base,
    StartEnd,
    StartLength,
}

impl Entry {
    const RANGES: [Entry; 8] = [
        Entry::End,
        Entry::BaseIndex,
        Entry::StartIndexEndIndex,
        Entry::StartIndexLength,
        Entry::OffsetPair,
        Entry::Base,
        Entry::StartEnd,
        Entry::StartLength,
    ];
    const LOCATIONS: [Entry; 9] = [
        Entry::End,
        Entry::BaseIndex,
        Entry::StartIndexEndIndex,
        Entry::StartIndexLength,
        Entry::OffsetPair,
        Entry::DefaultLocation,
        Entry::Base,
        Entry::StartEnd,
        Entry::StartLength,
    ];
}

/// One list while it is copied.
struct List<'a, 'b> {
    id: SectionId,
    out: &'a mut Vec<u8>,
    addresses: Addresses<'a>,
    pool: &'a mut Pool<'b>,
    /// Who refers to it: without, what is relative stays as it is, for nobody reads it.
    unit: Option<Unit>,
    address_size: u8,
}

impl List<'_, '_> {
    /// Copies a list with its addresses moved.
    fn copy(&mut self, rest: &mut Reader<'_>) -> Result<(), Trouble> {
        let locations = self.id == SectionId::DebugLocLists;
        let kinds = if locations { &Entry::LOCATIONS[..] } else { &Entry::RANGES[..] };
        let mut base = self.unit.map(|unit| unit.low_pc);
        loop {
            let code = rest.read_u8()?;
            let Some(kind) = kinds.get(usize::from(code)).copied() else {
                return Err(DwarfError::Unsupported("lists with entries of an unknown kind").into());
            };
            self.out.push(code);
            self.entry(kind, rest, &mut base)?;
            match kind {
                Entry::End => return Ok(()),
                Entry::Base | Entry::BaseIndex => {}
                _ if locations => self.expression(rest)?,
                _ => {}
            }
        }
    }

    fn entry(&mut self, kind: Entry, rest: &mut Reader<'_>, base: &mut Option<u64>) -> Result<(), Trouble> {
        let size = self.address_size;
        match kind {
            Entry::End | Entry::DefaultLocation => {}
            Entry::BaseIndex => *base = self.index(rest)?,
            Entry::StartIndexEndIndex => {
                self.index(rest)?;
                self.index(rest)?;
            }
            Entry::StartIndexLength => {
                let (start, length) = (self.index(rest)?, rest.read_uleb128()?);
                leb(self.out, start.map_or(length, |start| self.addresses.length(start, length, size)));
            }
            Entry::OffsetPair => {
                let (begin, end) = (rest.read_uleb128()?, rest.read_uleb128()?);
                let moved = base.and_then(|base| self.addresses.pair(base, begin, end, size));
                let (begin, end) = moved.unwrap_or((begin, end));
                leb(self.out, begin);
                leb(self.out, end);
            }
            Entry::Base => {
                let address = rest.read_address(size)?;
                *base = Some(address);
                self.address(self.addresses.moved(address, size));
            }
            Entry::StartEnd => {
                let (start, end) = (rest.read_address(size)?, rest.read_address(size)?);
                let (start, end) = self.addresses.pair(0, start, end, size).unwrap_or((start, end));
                self.address(start);
                self.address(end);
            }
            Entry::StartLength => {
                let (start, length) = (rest.read_address(size)?, rest.read_uleb128()?);
                self.address(self.addresses.moved(start, size));
                leb(self.out, self.addresses.length(start, length, size));
            }
        }
        Ok(())
    }

    /// An index into the pool, copied; the input's address, if it is known who refers to it.
    fn index(&mut self, rest: &mut Reader<'_>) -> Result<Option<u64>, Trouble> {
        let index = rest.read_uleb128()?;
        leb(self.out, index);
        Ok(self.unit.map(|unit| self.pool.code(&unit, index)).transpose()?)
    }

    fn address(&mut self, address: u64) {
        self.out.extend_from_slice(&address.to_le_bytes()[..self.address_size.into()]);
    }

    fn expression(&mut self, rest: &mut Reader<'_>) -> Result<(), Trouble> {
        let length = rest.read_uleb128()?;
        let expression = rest.split(usize::try_from(length).unwrap_or(usize::MAX))?;
        leb(self.out, length);
        self.out.extend_from_slice(expression.slice());
        Ok(())
    }
}
