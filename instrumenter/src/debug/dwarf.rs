//! DWARF after its code moved.
//!
//! Sections are patched where they stand. An address keeps its width, so that no entry moves, and whatever refers to an entry,
//! a string or an abbreviation stays right without being understood. Only line programs and the lists of DWARF 5 hold
//! distances of varying width; they are written anew, and the offsets that lead to them are patched. Location expressions
//! stay as they are: locals and globals keep their indices, and the addresses in them are of memory.
//!
//! Why not convert all of it to a tree and write that? A tree costs 100 times its input where entries are small, and a module
//! may be hostile; and what a converter does not know it drops.

use std::collections::BTreeMap;

use gimli::SectionId;

use super::addresses::{Addresses, put};
use super::entries::{self, Shared};
use super::{aranges, lines, lists};
use crate::CodeMap;

/// The sections whose contents are known: rewritten where they hold addresses, else kept.
pub(super) const SECTIONS: [&str; 21] = [
    ".debug_abbrev",
    ".debug_addr",
    ".debug_aranges",
    ".debug_gdb_scripts",
    ".debug_gnu_pubnames",
    ".debug_gnu_pubtypes",
    ".debug_info",
    ".debug_line",
    ".debug_line_str",
    ".debug_loc",
    ".debug_loclists",
    ".debug_macinfo",
    ".debug_macro",
    ".debug_names",
    ".debug_pubnames",
    ".debug_pubtypes",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_str",
    ".debug_str_offsets",
    ".debug_types",
];

/// Why DWARF cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DwarfError {
    /// Not what the standard says.
    #[error("`{section}` cannot be read: {message}")]
    Malformed {
        /// Name of the section.
        section: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Something that the standard allows, but nobody has seen in a module.
    #[error("it holds {0}, which cannot be rewritten")]
    Unsupported(&'static str),
    /// A number of the output that is wider than the place where it belongs.
    #[error("the number {value} has no room where it belongs")]
    NoRoom {
        /// The number.
        value: u64,
    },
    /// Its parts overlap, so that reading it would take far more than its size.
    #[error("its parts overlap: reading it would take too long")]
    TooMuch,
}

impl DwarfError {
    pub(super) fn malformed(section: SectionId, message: impl ToString) -> DwarfError {
        DwarfError::Malformed { section: section.name(), message: message.to_string() }
    }
}

/// What is wrong in a section, before it is said in which.
#[derive(Debug)]
pub(super) enum Trouble {
    Reading(gimli::Error),
    Rewriting(DwarfError),
}

impl From<gimli::Error> for Trouble {
    fn from(error: gimli::Error) -> Trouble {
        Trouble::Reading(error)
    }
}

impl From<DwarfError> for Trouble {
    fn from(error: DwarfError) -> Trouble {
        Trouble::Rewriting(error)
    }
}

/// For `map_err`: says which section it was.
pub(super) fn in_section<E: Into<Trouble>>(section: SectionId) -> impl Fn(E) -> DwarfError {
    move |trouble| match trouble.into() {
        Trouble::Reading(error) => DwarfError::malformed(section, error),
        Trouble::Rewriting(error) => error,
    }
}

/// The DWARF sections of a module: names and contents.
#[derive(Debug, Default)]
pub(crate) struct Dwarf<'a> {
    sections: BTreeMap<&'a str, &'a [u8]>,
    twice: bool,
}

impl<'a> Dwarf<'a> {
    /// Adds a section.
    pub fn add(&mut self, name: &'a str, contents: &'a [u8]) {
        self.twice |= self.sections.insert(name, contents).is_some();
    }

    /// A section's contents, empty if there is none.
    pub fn section(&self, id: SectionId) -> &'a [u8] {
        self.sections.get(id.name()).copied().unwrap_or_default()
    }
}

/// DWARF of the output.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// The sections that changed, by name.
    pub sections: BTreeMap<&'static str, Vec<u8>>,
    /// Entries whose range is lost: its length has no room.
    pub ranges_lost: usize,
}

/// Moves every address.
pub(crate) fn rewrite(dwarf: &Dwarf<'_>, map: &CodeMap) -> Result<Rewritten, DwarfError> {
    if dwarf.twice {
        return Err(DwarfError::Unsupported("two sections of one name"));
    }
    let addresses = Addresses { map };
    let (line, programs) = lines::rewrite(dwarf.section(SectionId::DebugLine), addresses)?;
    let mut shared = Shared::new(dwarf, addresses, programs);
    let info = entries::patch(dwarf, SectionId::DebugInfo, &mut shared)?;
    let types = entries::patch(dwarf, SectionId::DebugTypes, &mut shared)?;

    let ranges = lists::rewrite(SectionId::DebugRngLists, &shared.range_lists, addresses, &mut shared.pool)?;
    let locations = lists::rewrite(SectionId::DebugLocLists, &shared.location_lists, addresses, &mut shared.pool)?;
    let mut sections = BTreeMap::new();
    for (id, mut patched) in [(SectionId::DebugInfo, info), (SectionId::DebugTypes, types)] {
        for fixup in &patched.fixups {
            let moved = if fixup.of == SectionId::DebugRngLists { &ranges } else { &locations };
            let new = moved.offset(fixup.offset).ok_or_else(|| DwarfError::malformed(fixup.of, "no list there"))?;
            put(&mut patched.bytes, fixup.at, fixup.size, new as u64)?;
        }
        sections.insert(id.name(), patched.bytes);
    }
    let aranges = aranges::patch(dwarf.section(SectionId::DebugAranges), addresses)?;
    let ranges_lost = shared.ranges_lost;
    for (id, contents) in [
        (SectionId::DebugAddr, shared.pool.finish()),
        (SectionId::DebugAranges, aranges),
        (SectionId::DebugLine, line),
        (SectionId::DebugLoc, shared.locations.finish()),
        (SectionId::DebugLocLists, locations.bytes),
        (SectionId::DebugMacro, shared.macros.finish()),
        (SectionId::DebugRanges, shared.ranges.finish()),
        (SectionId::DebugRngLists, ranges.bytes),
    ] {
        sections.insert(id.name(), contents);
    }
    sections.retain(|name, _| dwarf.sections.contains_key(name));
    Ok(Rewritten { sections, ranges_lost })
}
