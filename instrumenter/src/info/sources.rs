//! Where functions begin in their sources: what the line programs of DWARF say of each body's first address.
//!
//! Debug information is a claim, not a fact: what cannot be read tells nothing, and is no error here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gimli::{
    AttributeValue, DebugInfo, DebugLine, DebugLineOffset, DebugLineStr, DebugStr, DebugStrOffsets,
    DebugStrOffsetsBase, EndianSlice, IncompleteLineProgram, LineProgramHeader, LineRow, LittleEndian, Reader as _,
    SectionId, UnitHeader, constants,
};
use waspect_abi::manifest::STRING_BYTES_MAX;

use super::ModuleInfo;
use super::sections::CODE;
use crate::debug::Tables;

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Longest header of a line program that is read, in bytes: a list of files takes 100 times its bytes while it is read.
const HEADER_BYTES_MAX: usize = 256 << 10;

/// Most bytes of paths that are kept; functions of further files have no source.
const PATHS_BYTES_MAX: usize = 4 << 20;

/// Where a function begins in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Index into [`ModuleInfo::files`].
    pub file: u32,
    /// Line, from 1.
    pub line: u32,
}

/// Fills in the sources of functions.
pub(super) fn read(info: &mut ModuleInfo, module: &[u8]) {
    let Some(code) = info.sections.iter().find(|section| section.id == CODE) else { return };
    let mut sections = BTreeMap::new();
    for section in info.sections.iter().filter(|section| section.name.starts_with(".debug_")) {
        sections.insert(section.name.clone(), section.contents(module));
    }
    if !sections.contains_key(SectionId::DebugInfo.name()) || !sections.contains_key(SectionId::DebugLine.name()) {
        return;
    }
    let mut reading = Reading { code: code.range.start, sections, seen: BTreeSet::new(), found: Found::new(info) };
    reading.units();
    let (files, sources) = (reading.found.files.list, reading.found.sources);
    info.files = files;
    for (function, source) in info.functions.iter_mut().skip(info.imported_functions as usize).zip(sources) {
        function.source = source.map(|(_, source)| source);
    }
}

struct Reading<'a> {
    /// Where the contents of the code section begin.
    code: usize,
    sections: BTreeMap<String, &'a [u8]>,
    /// The line programs that were read.
    seen: BTreeSet<usize>,
    found: Found,
}

impl<'a> Reading<'a> {
    fn section(&self, id: SectionId) -> &'a [u8] {
        self.sections.get(id.name()).copied().unwrap_or_default()
    }

    fn units(&mut self) {
        let mut tables = Tables::new(self.section(SectionId::DebugAbbrev));
        // Programs may overlap: together they take no more than twice their section.
        let mut budget = 2 * self.section(SectionId::DebugLine).len();
        for header in DebugInfo::new(self.section(SectionId::DebugInfo), LittleEndian).units() {
            let Ok(header) = header else { return };
            let Ok(abbreviations) = tables.at(&header) else { return };
            let Ok((Some(offset), directory)) = self.root(&header, &abbreviations) else { continue };
            if !self.seen.insert(offset.0) {
                continue;
            }
            let Some(program) = self.program(offset, &header, directory, &mut budget) else { continue };
            self.rows(program, directory);
        }
    }

    /// Where a unit's line program is, and the directory that its files are relative to.
    fn root(
        &self,
        header: &UnitHeader<Reader<'a>>,
        abbreviations: &gimli::Abbreviations,
    ) -> gimli::Result<(Option<DebugLineOffset>, Option<Reader<'a>>)> {
        let mut entries = header.entries_raw(abbreviations, None)?;
        let (mut program, mut directory) = (None, None);
        let mut strings = DebugStrOffsetsBase(8);
        let Some(abbreviation) = entries.read_abbreviation()? else { return Ok((None, None)) };
        for spec in abbreviation.attributes() {
            let attribute = entries.read_attribute(*spec)?;
            match (attribute.name(), attribute.value()) {
                (_, AttributeValue::DebugLineRef(offset)) => program = Some(offset),
                (_, AttributeValue::DebugStrOffsetsBase(base)) => strings = base,
                (constants::DW_AT_comp_dir, value) => directory = Some(value),
                _ => {}
            }
        }
        let directory = directory.and_then(|value| match value {
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offsets =
                    DebugStrOffsets::from(EndianSlice::new(self.section(SectionId::DebugStrOffsets), LittleEndian));
                let offset = offsets.get_str_offset(header.format(), strings, index).ok()?;
                self.text(AttributeValue::DebugStrRef(offset))
            }
            value => self.text(value),
        });
        Ok((program, directory))
    }

    fn text(&self, value: AttributeValue<Reader<'a>>) -> Option<Reader<'a>> {
        match value {
            AttributeValue::String(text) => Some(text),
            AttributeValue::DebugStrRef(offset) => {
                DebugStr::new(self.section(SectionId::DebugStr), LittleEndian).get_str(offset).ok()
            }
            AttributeValue::DebugLineStrRef(offset) => {
                DebugLineStr::new(self.section(SectionId::DebugLineStr), LittleEndian).get_str(offset).ok()
            }
            _ => None,
        }
    }

    fn program(
        &self,
        offset: DebugLineOffset,
        header: &UnitHeader<Reader<'a>>,
        directory: Option<Reader<'a>>,
        budget: &mut usize,
    ) -> Option<IncompleteLineProgram<Reader<'a>>> {
        let section = self.section(SectionId::DebugLine);
        let mut rest = EndianSlice::new(section.get(offset.0..)?, LittleEndian);
        let (length, format) = rest.read_initial_length().ok()?;
        *budget = budget.checked_sub(length)?;
        let version = rest.read_u16().ok()?;
        rest.skip(if version >= 5 { 2 } else { 0 }).ok()?;
        if rest.read_word(format).ok()? > HEADER_BYTES_MAX {
            return None;
        }
        DebugLine::new(section, LittleEndian).program(offset, header.address_size(), directory, None).ok()
    }

    fn rows(&mut self, program: IncompleteLineProgram<Reader<'a>>, directory: Option<Reader<'a>>) {
        let (mut rows, mut is_dead, mut is_first) = (program.rows(), false, true);
        let mut files = HashMap::new();
        while let Ok(Some((header, row))) = rows.next_row() {
            if is_first {
                // Linkers leave the lines of what they threw away at address 0.
                is_dead = row.address() == 0;
            }
            is_first = row.end_sequence();
            let (Some(line), false) = (row.line(), is_dead || row.end_sequence()) else { continue };
            let offset = usize::try_from(row.address()).ok().and_then(|address| self.code.checked_add(address));
            let Some(at) = offset.and_then(|offset| self.found.improves(offset)) else { continue };
            let file = *files.entry(row.file_index()).or_insert_with(|| {
                let path = self.path(header, row, directory)?;
                self.found.files.intern(path)
            });
            if let Some(file) = file {
                let line = u32::try_from(line.get()).unwrap_or(u32::MAX);
                self.found.sources[at] = Some((offset.unwrap_or_default(), Source { file, line }));
            }
        }
    }

    /// The whole path of a row's file, as debuggers show it.
    fn path(
        &self,
        header: &LineProgramHeader<Reader<'a>>,
        row: &LineRow,
        directory: Option<Reader<'a>>,
    ) -> Option<String> {
        let file = row.file(header)?;
        let mut path = String::new();
        let mut push = |part: &str| {
            if part.is_empty() {
                return;
            }
            if part.starts_with('/') || part.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/") {
                path.clear();
            } else if !path.is_empty() && !path.ends_with(['/', '\\']) {
                path.push('/');
            }
            path.push_str(part);
        };
        // The first directory is the unit's own.
        let inner = file.directory(header).filter(|_| file.directory_index() != 0);
        let inner = inner.and_then(|directory| self.text(directory));
        for part in [directory, inner, self.text(file.path_name())].into_iter().flatten() {
            push(&part.to_string_lossy());
        }
        (!path.is_empty() && path.len() <= STRING_BYTES_MAX).then_some(path)
    }
}

/// The sources that were found.
struct Found {
    /// Where each body ends, imports not counted.
    ends: Vec<usize>,
    /// For each body the lowest offset that has a line, and that line.
    sources: Vec<Option<(usize, Source)>>,
    files: Files,
    /// The body of the last row: the next one is mostly of the same.
    last: usize,
}

impl Found {
    fn new(info: &ModuleInfo) -> Found {
        let bodies = info.functions.iter().filter_map(|function| function.body.as_ref());
        let ends: Vec<usize> = bodies.map(|body| body.range.end).collect();
        Found { sources: vec![None; ends.len()], ends, files: Files::default(), last: 0 }
    }

    /// The body that an offset is in, if nothing is known of an offset before it.
    fn improves(&mut self, offset: usize) -> Option<usize> {
        let is_in = |at: usize| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.ends.get(at).is_some_and(|end| (start..*end).contains(&offset))
        };
        if !is_in(self.last) {
            self.last = self.ends.partition_point(|end| *end <= offset);
        }
        let known = self.sources.get(self.last)?;
        known.is_none_or(|(first, _)| offset < first).then_some(self.last)
    }
}

/// Paths, each once.
#[derive(Default)]
struct Files {
    list: Vec<String>,
    known: HashMap<String, u32>,
    bytes: usize,
}

impl Files {
    /// The index of a path; none when there is no room for it.
    fn intern(&mut self, path: String) -> Option<u32> {
        if let Some(known) = self.known.get(&path) {
            return Some(*known);
        }
        let bytes = self.bytes.checked_add(path.len()).filter(|bytes| *bytes <= PATHS_BYTES_MAX)?;
        self.bytes = bytes;
        self.list.push(path.clone());
        self.known.insert(path, self.list.len() as u32 - 1);
        Some(self.list.len() as u32 - 1)
    }
}
