//! What a module carries that speaks of offsets in its code: DWARF, source maps, branch hints. Code moves when it is
//! instrumented, so that all of it is rewritten, or dropped and said; nothing is left stale.
//!
//! Everything here is told where code stands by a [`CodeMap`], and treats what it reads as hostile.

mod abbreviations;
mod addresses;
mod aranges;
mod dwarf;
mod entries;
mod lines;
mod lists;
mod macros;
mod metadata;
mod pair_lists;
mod pool;
mod source_map;

pub(crate) use abbreviations::Tables;
pub use dwarf::DwarfError;
pub(crate) use dwarf::{Dwarf, rewrite as rewrite_dwarf};
pub(crate) use metadata::rewrite as rewrite_metadata;
pub use source_map::SourceMapError;

#[cfg(doc)]
use crate::CodeMap;

/// The section that names the source map's URL.
pub(crate) const SOURCE_MAP_URL: &str = "sourceMappingURL";

/// The section that names the module with the debug information (tool-conventions, `Debugging.md`).
pub(crate) const EXTERNAL_DEBUG_INFO: &str = "external_debug_info";

/// Custom sections that describe code by its offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// DWARF of a kind that is rewritten, or holds no addresses.
    Dwarf,
    /// DWARF of a kind that is not known: there is no telling what it holds.
    UnknownDwarf,
    /// `metadata.code.*`: facts about single instructions, such as branch hints.
    CodeMetadata,
    /// Where the source map is.
    SourceMapUrl,
    /// Where the debug information is; it was made for the input's code, and nobody rewrites it there.
    ExternalDebugInfo,
    /// What a linker reads, or left in what it had linked (`--emit-relocs`, and LLVM of 2018).
    Linking,
}

impl Kind {
    /// The kind of a custom section; none if it does not speak of code.
    pub fn of(name: &str) -> Option<Kind> {
        match name {
            SOURCE_MAP_URL => Some(Kind::SourceMapUrl),
            EXTERNAL_DEBUG_INFO => Some(Kind::ExternalDebugInfo),
            _ if dwarf::SECTIONS.contains(&name) => Some(Kind::Dwarf),
            _ if name.starts_with(".debug_") => Some(Kind::UnknownDwarf),
            _ if name.starts_with("metadata.code.") => Some(Kind::CodeMetadata),
            _ if name == "linking" || name.starts_with("reloc.") => Some(Kind::Linking),
            _ => None,
        }
    }
}
