//! Debug information of a module, read with gimli and addr2line alone: the tests' own opinion, which never asks the rewriter.

use std::collections::BTreeMap;
use std::ops::Range;

use addr2line::Context;
use gimli::{DebugLineOffset, Dwarf, EndianSlice, LittleEndian, Reader as _};
use wasmparser::{Parser, Payload};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// A module's debug information, and where its code is.
pub struct DebugInfo<'a> {
    module: &'a [u8],
    sections: BTreeMap<String, &'a [u8]>,
    /// Where the contents of the code section begin.
    code: usize,
    /// Where each body is, its size not included.
    bodies: Vec<Range<usize>>,
    /// Where each instruction begins: offsets, ascending.
    instructions: Vec<usize>,
}

/// A row of a line program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The address that it is about.
    pub address: u64,
    /// Its file, as the program's header has it.
    pub file: String,
    /// Line, column, and everything else that it says.
    pub says: (Option<u64>, gimli::ColumnType, u64, [bool; 5]),
}

/// A function at an address, or one inlined into it: its name, file, line, column.
pub type Symbol = (Option<String>, Option<String>, Option<u32>, Option<u32>);

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The size of a body.
    Size,
    /// A body's first byte.
    Body,
    /// An instruction, by its first bytes.
    Instruction([u8; 2]),
    /// Something within a body that is no boundary.
    Within,
    /// The end of a body.
    End,
}

impl<'a> DebugInfo<'a> {
    /// Reads a module; its debug information may be in another one.
    pub fn of(module: &'a [u8], debug: &'a [u8]) -> DebugInfo<'a> {
        let mut read =
            DebugInfo { module, sections: BTreeMap::new(), code: 0, bodies: Vec::new(), instructions: Vec::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload.expect("a module") {
                Payload::CodeSectionStart { unchecked_range, .. } => read.code = unchecked_range.start as usize,
                Payload::CodeSectionEntry(body) => {
                    read.bodies.push(body.range().start as usize..body.range().end as usize);
                    let mut operators = body.get_operators_reader().expect("a body");
                    while !operators.eof() {
                        read.instructions.push(operators.original_position() as usize);
                        operators.read().expect("an instruction");
                    }
                }
                _ => {}
            }
        }
        for payload in Parser::new(0).parse_all(debug) {
            if let Payload::CustomSection(section) = payload.expect("a module") {
                read.sections.insert(section.name().to_owned(), section.data());
            }
        }
        read
    }

    /// True where there is any DWARF.
    pub fn has_dwarf(&self) -> bool {
        self.sections.keys().any(|name| name.starts_with(".debug_"))
    }

    /// Contents of a custom section.
    pub fn custom_section(&self, name: &str) -> Option<&'a [u8]> {
        self.sections.get(name).copied()
    }

    /// gimli's view of it.
    pub fn dwarf(&self) -> Dwarf<Reader<'a>> {
        let section = |id: gimli::SectionId| self.sections.get(id.name()).copied().unwrap_or_default();
        Dwarf::load(|id| Ok::<_, gimli::Error>(EndianSlice::new(section(id), LittleEndian))).expect("sections")
    }

    /// Every row of every line program, in order; the boolean is true for the end of a sequence.
    pub fn rows(&self) -> gimli::Result<Vec<(Row, bool)>> {
        let dwarf = self.dwarf();
        let mut rows = Vec::new();
        let section = self.sections.get(".debug_line").copied().unwrap_or_default();
        let mut rest = EndianSlice::new(section, LittleEndian);
        while !rest.is_empty() {
            let offset = DebugLineOffset(section.len() - rest.len());
            let (length, _) = rest.read_initial_length()?;
            rest.skip(length)?;
            let mut program = dwarf.debug_line.program(offset, 4, None, None)?.rows();
            while let Some((header, row)) = program.next_row()? {
                let mut file = String::new();
                if let Some(entry) = row.file(header).filter(|_| !row.end_sequence()) {
                    for part in entry.directory(header).into_iter().chain([entry.path_name()]) {
                        file += "/";
                        file += &dwarf.attr_line_string(part)?.to_string_lossy();
                    }
                }
                let flags =
                    [row.is_stmt(), row.basic_block(), row.prologue_end(), row.epilogue_begin(), row.end_sequence()];
                let says = (row.line().map(std::num::NonZeroU64::get), row.column(), row.discriminator(), flags);
                rows.push((Row { address: row.address(), file, says }, row.end_sequence()));
            }
        }
        Ok(rows)
    }

    /// A reader of functions and lines at addresses.
    pub fn context(&self) -> Context<Reader<'a>> {
        Context::from_dwarf(self.dwarf()).expect("DWARF")
    }

    /// The body, by its place, and what stands there; where one ends another begins.
    pub fn place(&self, address: u64, is_end: bool) -> Option<(usize, Place)> {
        self.place_at(self.code.checked_add(usize::try_from(address).ok()?)?, is_end)
    }

    /// As [`place`](DebugInfo::place), of an offset in the module.
    pub fn place_at(&self, offset: usize, is_end: bool) -> Option<(usize, Place)> {
        let body = self.bodies.partition_point(|body| if is_end { body.end < offset } else { body.end <= offset });
        let range = self.bodies.get(body)?;
        let start = body.checked_sub(1).map_or(self.code + 1, |before| self.bodies[before].end);
        let place = match offset {
            _ if offset < start => return None,
            _ if offset < range.start => Place::Size,
            _ if offset == range.start => Place::Body,
            _ if offset == range.end => Place::End,
            _ if self.instructions.binary_search(&offset).is_ok() => {
                let byte = |at: usize| self.module.get(at).copied().unwrap_or_default();
                let second = if byte(offset) >= 0xfb { byte(offset + 1) } else { 0 };
                Place::Instruction([byte(offset), second])
            }
            _ => Place::Within,
        };
        Some((body, place))
    }
}

/// The functions at an address, innermost first, with their places.
pub fn symbols(context: &Context<Reader<'_>>, address: u64) -> Vec<Symbol> {
    let mut found = Vec::new();
    let mut frames = context.find_frames(address).skip_all_loads().expect("frames");
    while let Some(frame) = frames.next().expect("a frame") {
        let name = frame.function.and_then(|name| name.raw_name().ok().map(|name| name.into_owned()));
        let location = frame.location;
        let file = location.as_ref().and_then(|location| location.file.map(str::to_owned));
        let (line, column) = location.map_or((None, None), |location| (location.line, location.column));
        found.push((name, file, line, column));
    }
    found
}
