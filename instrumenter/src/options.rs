//! What a caller may ask for. Plain values: nothing here reads a module.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
pub use waspect_abi::manifest::Mode;

/// How a module is to be instrumented. The default is mode `calls`, everything.
///
/// As text, for hosts that are not written in Rust: `{"mode": "counts", "bodyBytesMin": 20, "allocators": [["malloc", 12]]}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// Depth of instrumentation.
    #[serde(with = "ModeName")]
    pub mode: Mode,
    /// Globs on demangled names (`module.field` for imports): only what matches one is selected. Empty: everything.
    pub include: Vec<String>,
    /// Globs on demangled names: what matches one is left out, whatever else selects it.
    pub exclude: Vec<String>,
    /// Original function indices: selected besides what [`include`](Options::include) matches, and only these when
    /// `include` is empty. Empty: no say.
    pub functions: Vec<u32>,
    /// Narrows the selection to exported functions, or to calls of imports.
    pub only: Option<Only>,
    /// Leaves functions out whose body has fewer bytes.
    pub body_bytes_min: u32,
    /// Hook allocators and `memory.grow` (modes `calls` and `ring`).
    pub alloc: bool,
    /// Hook calls of imports.
    pub imports: bool,
    /// Catch and throw on what leaves a function by an exception, so that its call ends at that moment and not at the handler
    /// (modes `calls` and `ring`). Only where the module catches by `try_table`: no proposal is added.
    pub exact_unwind: bool,
    /// Allocator functions that no name gives away, by original function index.
    pub allocators: Vec<(Role, u32)>,
    /// Names for functions from outside the module.
    #[serde(skip)]
    pub symbols: Option<Symbols>,
    /// Where the manifest goes.
    pub manifest: Placement,
    /// What becomes of debug information.
    pub debug: Debug,
    /// The URL of the output's source map, where the caller will put what
    /// [`CodeMap::source_map`](crate::CodeMap::source_map) makes of the input's. `None`: there will be none, and the section
    /// that names it is dropped.
    pub source_map_url: Option<String>,
    /// Threads that read and write function bodies; `None`: as many as the machine has, at most 8. The bytes are the same
    /// for any number.
    #[serde(skip)]
    pub threads: Option<NonZeroUsize>,
    /// A fault to seed, so that a test suite can show that it catches it.
    #[cfg(feature = "mutants")]
    #[serde(skip)]
    pub mutant: Option<crate::mutants::Mutant>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            mode: Mode::Calls,
            include: Vec::new(),
            exclude: Vec::new(),
            functions: Vec::new(),
            only: None,
            body_bytes_min: 0,
            alloc: true,
            imports: true,
            exact_unwind: false,
            allocators: Vec::new(),
            symbols: None,
            manifest: Placement::Embed,
            debug: Debug::Keep,
            source_map_url: None,
            threads: None,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

/// [`Mode`] as text.
#[derive(Deserialize)]
#[serde(remote = "Mode", rename_all = "snake_case")]
enum ModeName {
    Calls,
    Counts,
    Ring,
}

/// The bytes of a file that names a module's functions: a symbol map (a line `index:name` a function, as Emscripten's
/// `--emit-symbol-map` writes it), or the module itself before its names were stripped.
///
/// Its names go before those of the module. One that is not of this module is refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Symbols(pub Arc<[u8]>);

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbols({} bytes)", self.0.len())
    }
}

/// Narrows a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Functions that the module exports; no calls of imports.
    Exports,
    /// Calls of imports; no function of the module itself.
    Imports,
}

/// Where the manifest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Into the custom section `waspect`.
    Embed,
    /// Nowhere: the caller keeps [`Instrumented::manifest`](crate::Instrumented::manifest) beside the module.
    Sidecar,
}

/// What becomes of DWARF. Whatever stays is rewritten, for code moves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Debug {
    /// It stays in the module.
    Keep,
    /// It goes, and with it the names of the source map and of a module with debug information.
    Strip,
    /// It goes into a module of its own, [`Instrumented::debug_module`](crate::Instrumented::debug_module).
    Split {
        /// Where that module will be: an URL, relative to the output's.
        url: String,
    },
}

/// What an allocator function does, in the shape of its C namesake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `(size, ...) -> address`
    Malloc,
    /// `(count, size) -> address`
    Calloc,
    /// `(address, size) -> address`
    Realloc,
    /// `(address, ...)`
    Free,
    /// `(alignment, size) -> address`
    AlignedAlloc,
    /// `(address of the result, alignment, size) -> error`
    PosixMemalign,
}
