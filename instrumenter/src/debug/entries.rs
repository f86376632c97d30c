//! `.debug_info` and `.debug_types`: every entry is read, and its addresses are patched where they stand.

use std::ops::Range;

use gimli::{
    Abbreviations, Attribute, AttributeSpecification, AttributeValue, DebugInfo, DebugTypes, Encoding, LittleEndian,
    Reader as _, SectionId, UnitHeader, UnitType, constants,
};

use super::abbreviations::Tables;
use super::addresses::{Addresses, Reader, largest, put, put_padded_leb, reader};
use super::dwarf::{Dwarf, DwarfError, Trouble, in_section};
use super::lines::{Programs, moved_program};
use super::lists::References;
use super::macros::Macros;
use super::pair_lists::PairLists;
use super::pool::Pool;

/// Attributes that are read for each byte of a section, at most. Real ones have less than one; those without bytes of their
/// own would let a small section say much.
const ATTRIBUTES_PER_BYTE_MAX: u64 = 16;

/// What is the same for all entries of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub encoding: Encoding,
    /// What ranges are relative to, in the input.
    pub low_pc: u64,
    /// Where its addresses begin in `.debug_addr`.
    pub address_base: Option<usize>,
    range_lists_base: Option<usize>,
    location_lists_base: Option<usize>,
}

/// What entries lead to: the other sections.
pub(super) struct Shared<'a> {
    addresses: Addresses<'a>,
    programs: Programs,
    pub pool: Pool<'a>,
    pub ranges: PairLists<'a>,
    pub locations: PairLists<'a>,
    pub range_lists: References<'a>,
    pub location_lists: References<'a>,
    range_lists_section: &'a [u8],
    location_lists_section: &'a [u8],
    pub macros: Macros<'a>,
    /// Entries whose range is lost: its length has no room.
    pub ranges_lost: usize,
}

impl<'a> Shared<'a> {
    pub fn new(dwarf: &Dwarf<'a>, addresses: Addresses<'a>, programs: Programs) -> Self {
        let range_lists_section = dwarf.section(SectionId::DebugRngLists);
        let location_lists_section = dwarf.section(SectionId::DebugLocLists);
        Shared {
            addresses,
            programs,
            pool: Pool::new(dwarf.section(SectionId::DebugAddr), addresses),
            ranges: PairLists::new(SectionId::DebugRanges, dwarf.section(SectionId::DebugRanges)),
            locations: PairLists::new(SectionId::DebugLoc, dwarf.section(SectionId::DebugLoc)),
            range_lists: References::new(range_lists_section),
            location_lists: References::new(location_lists_section),
            range_lists_section,
            location_lists_section,
            macros: Macros::new(dwarf.section(SectionId::DebugMacro)),
            ranges_lost: 0,
        }
    }
}

/// A section of entries, patched, and what is to be patched once lists have their places.
pub(super) struct Patched {
    pub bytes: Vec<u8>,
    pub fixups: Vec<Fixup>,
}

/// An offset of a list, or of a table's array of offsets.
pub(super) struct Fixup {
    pub at: usize,
    pub size: usize,
    pub of: SectionId,
    pub offset: usize,
}

/// Patches a section of entries.
pub(super) fn patch(dwarf: &Dwarf<'_>, id: SectionId, shared: &mut Shared<'_>) -> Result<Patched, DwarfError> {
    let section = dwarf.section(id);
    let budget = (section.len() as u64 + 1024) * ATTRIBUTES_PER_BYTE_MAX;
    let patched = Patched { bytes: section.to_vec(), fixups: Vec::new() };
    let mut patching = Patching { patched, shared, budget };
    let mut tables = Tables::new(dwarf.section(SectionId::DebugAbbrev));
    let mut unit = |header| {
        let abbreviations = tables.at(&header)?;
        patching.unit(&header, &abbreviations)
    };
    if id == SectionId::DebugInfo {
        DebugInfo::new(section, LittleEndian).units().try_for_each(|header| unit(header?))
    } else {
        DebugTypes::new(section, LittleEndian).units().try_for_each(|header| unit(header?))
    }
    .map_err(in_section(id))?;
    Ok(patching.patched)
}

struct Patching<'b, 'c> {
    patched: Patched,
    shared: &'b mut Shared<'c>,
    budget: u64,
}

/// What one entry has told so far.
#[derive(Default)]
struct Entry {
    /// Where its `low_pc` stands, if it stands there itself, and the input's address.
    low_pc: Option<(Option<usize>, u64)>,
    /// Lengths that count from `low_pc`: where they stand, in which form, and the input's number.
    lengths: Vec<(Range<usize>, gimli::DwForm, u64)>,
}

impl Patching<'_, '_> {
    fn unit(&mut self, header: &UnitHeader<Reader<'_>>, abbreviations: &Abbreviations) -> Result<(), Trouble> {
        if matches!(header.type_(), UnitType::Skeleton(_) | UnitType::SplitCompilation(_) | UnitType::SplitType { .. })
        {
            return Err(DwarfError::Unsupported("a unit whose other half is in a .dwo file").into());
        }
        let unit = self.root(header, abbreviations)?;
        let start = header.offset().0;
        let mut entries = header.entries_raw(abbreviations, None)?;
        let mut entry = Entry::default();
        while !entries.is_empty() {
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            self.spend(abbreviation.attributes())?;
            entry.low_pc = None;
            for spec in abbreviation.attributes() {
                let at = start + entries.next_offset().0;
                let attribute = entries.read_attribute(*spec)?;
                let end = start + entries.next_offset().0;
                self.attribute(&unit, &mut entry, at..end, spec, &attribute)?;
            }
            self.lengths(&unit, &mut entry)?;
        }
        Ok(())
    }

    fn spend(&mut self, attributes: &[AttributeSpecification]) -> Result<(), DwarfError> {
        self.budget = self.budget.checked_sub(attributes.len() as u64).ok_or(DwarfError::TooMuch)?;
        Ok(())
    }

    /// Reads what the unit's first entry says about all of them.
    fn root(&mut self, header: &UnitHeader<Reader<'_>>, abbreviations: &Abbreviations) -> Result<Unit, Trouble> {
        let mut unit = Unit {
            encoding: header.encoding(),
            low_pc: 0,
            address_base: None,
            range_lists_base: None,
            location_lists_base: None,
        };
        let mut entries = header.entries_raw(abbreviations, None)?;
        let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(unit) };
        self.spend(abbreviation.attributes())?;
        let mut low_pc = None;
        for spec in abbreviation.attributes() {
            let attribute = entries.read_attribute(*spec)?;
            match (attribute.name(), attribute.value()) {
                (constants::DW_AT_low_pc, value) => low_pc = Some(value),
                (_, AttributeValue::DebugAddrBase(base)) => unit.address_base = Some(base.0),
                (_, AttributeValue::DebugRngListsBase(base)) => unit.range_lists_base = Some(base.0),
                (_, AttributeValue::DebugLocListsBase(base)) => unit.location_lists_base = Some(base.0),
                _ => {}
            }
        }
        match low_pc {
            Some(AttributeValue::Addr(address)) => unit.low_pc = address,
            Some(AttributeValue::DebugAddrIndex(index)) => {
                unit.low_pc = self.shared.pool.code(&unit, index.0 as u64)?;
            }
            _ => {}
        }
        Ok(unit)
    }

    fn attribute(
        &mut self,
        unit: &Unit,
        entry: &mut Entry,
        at: Range<usize>,
        spec: &AttributeSpecification,
        attribute: &Attribute<Reader<'_>>,
    ) -> Result<(), Trouble> {
        if spec.form() == constants::DW_FORM_indirect {
            return Err(DwarfError::Unsupported("an attribute that brings its own form").into());
        }
        match attribute.name() {
            constants::DW_AT_low_pc => {
                if let Some(address) = self.address(unit, &at, attribute)? {
                    let here = matches!(attribute.raw_value(), AttributeValue::Addr(_)).then_some(at.start);
                    entry.low_pc = Some((here, address));
                }
            }
            constants::DW_AT_high_pc | constants::DW_AT_entry_pc => {
                if self.address(unit, &at, attribute)?.is_none()
                    && let Some(length) = attribute.udata_value()
                {
                    entry.lengths.push((at, spec.form(), length));
                }
            }
            constants::DW_AT_call_pc | constants::DW_AT_call_return_pc | constants::DW_AT_trampoline => {
                self.address(unit, &at, attribute)?;
            }
            constants::DW_AT_dwo_name | constants::DW_AT_GNU_dwo_name => {
                return Err(DwarfError::Unsupported("a unit whose other half is in a .dwo file").into());
            }
            _ => self.offset(unit, &at, attribute)?,
        }
        Ok(())
    }

    /// Patches an attribute that holds an address of code, and gives the input's; none if it holds something else.
    fn address(
        &mut self,
        unit: &Unit,
        at: &Range<usize>,
        attribute: &Attribute<Reader<'_>>,
    ) -> Result<Option<u64>, DwarfError> {
        match attribute.raw_value() {
            AttributeValue::Addr(address) => {
                let moved = self.shared.addresses.moved(address, unit.encoding.address_size);
                put(&mut self.patched.bytes, at.start, at.len(), moved)?;
                Ok(Some(address))
            }
            AttributeValue::DebugAddrIndex(index) => self.shared.pool.code(unit, index.0 as u64).map(Some),
            _ => Ok(None),
        }
    }

    /// Follows an attribute that leads to a section whose contents move.
    fn offset(&mut self, unit: &Unit, at: &Range<usize>, attribute: &Attribute<Reader<'_>>) -> Result<(), Trouble> {
        let shared = &mut *self.shared;
        let is_new = unit.encoding.version >= 5;
        let fixup = match attribute.value() {
            AttributeValue::DebugLineRef(offset) => {
                let moved = moved_program(&shared.programs, offset.0 as u64)?;
                put(&mut self.patched.bytes, at.start, at.len(), moved)?;
                return Ok(());
            }
            AttributeValue::DebugMacroRef(offset) => return Ok(shared.macros.patch(offset.0, &shared.programs)?),
            AttributeValue::RangeListsRef(offset) if !is_new => {
                return Ok(shared.ranges.patch(offset.0, unit, shared.addresses)?);
            }
            AttributeValue::LocationListsRef(offset) if !is_new => {
                return Ok(shared.locations.patch(offset.0, unit, shared.addresses)?);
            }
            AttributeValue::RangeListsRef(offset) => {
                shared.range_lists.add(offset.0, unit)?;
                (SectionId::DebugRngLists, offset.0)
            }
            AttributeValue::LocationListsRef(offset) => {
                shared.location_lists.add(offset.0, unit)?;
                (SectionId::DebugLocLists, offset.0)
            }
            AttributeValue::DebugRngListsIndex(index) => {
                let offset = indexed(shared.range_lists_section, unit, unit.range_lists_base, index.0)?;
                return Ok(shared.range_lists.add(offset, unit)?);
            }
            AttributeValue::DebugLocListsIndex(index) => {
                let offset = indexed(shared.location_lists_section, unit, unit.location_lists_base, index.0)?;
                return Ok(shared.location_lists.add(offset, unit)?);
            }
            AttributeValue::DebugRngListsBase(base) => (SectionId::DebugRngLists, base.0),
            AttributeValue::DebugLocListsBase(base) => (SectionId::DebugLocLists, base.0),
            _ => return Ok(()),
        };
        self.patched.fixups.push(Fixup { at: at.start, size: at.len(), of: fixup.0, offset: fixup.1 });
        Ok(())
    }

    /// Patches the lengths that count from the entry's `low_pc`. One that has no room would be wrong: then the whole range
    /// dies, as linkers kill what they throw away.
    fn lengths(&mut self, unit: &Unit, entry: &mut Entry) -> Result<(), DwarfError> {
        let size = unit.encoding.address_size;
        for (at, form, length) in entry.lengths.drain(..) {
            let (place, start) = entry.low_pc.unwrap_or((None, unit.low_pc));
            let moved = self.shared.addresses.length(start, length, size);
            let bytes = &mut self.patched.bytes;
            let fits = match form {
                constants::DW_FORM_udata => put_padded_leb(&mut bytes[at], moved),
                constants::DW_FORM_data1
                | constants::DW_FORM_data2
                | constants::DW_FORM_data4
                | constants::DW_FORM_data8 => put(bytes, at.start, at.len(), moved).is_ok(),
                _ => moved == length,
            };
            if !fits {
                let place = place.ok_or(DwarfError::NoRoom { value: moved })?;
                put(&mut self.patched.bytes, place, size.into(), largest(size))?;
                self.shared.ranges_lost += 1;
            }
        }
        Ok(())
    }
}

/// The offset of a list that is named by its place in its table's array.
fn indexed(section: &[u8], unit: &Unit, base: Option<usize>, index: usize) -> Result<usize, Trouble> {
    let missing = || DwarfError::Unsupported("an index of a list without its table");
    let base = base.ok_or_else(missing)?;
    let at = index.checked_mul(unit.encoding.format.word_size().into()).and_then(|at| at.checked_add(base));
    let offset = reader(section, at.ok_or_else(missing)?).read_word(unit.encoding.format)?;
    Ok(base.checked_add(offset).ok_or_else(missing)?)
}
