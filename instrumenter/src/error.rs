//! Every way to refuse a module: what, where, and what to do about it.

use std::fmt;

/// Why a module was not instrumented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not a WebAssembly module, or broken.
    #[error("{place}{message} (at offset {offset:#x}); validate the module with the tool that made it")]
    Malformed {
        /// Where, if within a function.
        place: Place,
        /// What is wrong, in wasmparser's words.
        message: String,
        /// Offset in the module's bytes.
        offset: u64,
    },
    /// The bytes are a component.
    #[error(
        "this is a component, not a core module; extract its core modules (wasm-tools component unbundle) and instrument those"
    )]
    Component,
    /// The bytes are an object file that still needs a linker.
    #[error(
        "section `{section}` (at offset {offset:#x}): this is a relocatable object; link it first and instrument the result"
    )]
    Relocatable {
        /// Name of the section that says so.
        section: String,
        /// Offset in the module's bytes.
        offset: u64,
    },
    /// The module already carries Waspect's hooks.
    #[error("the module is already instrumented ({evidence}); instrument the original module")]
    AlreadyInstrumented {
        /// What gave it away.
        evidence: String,
    },
    /// An index that the options name does not exist, or not in that role.
    #[error("{place}{message}; see `waspect inspect` for the module's functions")]
    NoSuchFunction {
        /// The function.
        place: Place,
        /// What was asked of it.
        message: String,
    },
    /// A file of symbols that is not of this module, or cannot be read.
    #[error("symbols: {place}{message}; give the symbol map or the unstripped build of this very module")]
    Symbols {
        /// The function where the two part, if it is one.
        place: Place,
        /// How they part.
        message: String,
    },
    /// A glob that cannot be read.
    #[error("glob `{glob}`: {message}; quote special characters as in `[*]`")]
    Glob {
        /// The glob as given.
        glob: String,
        /// What is wrong with it.
        message: String,
    },
    /// The module says so little about so much that reading it would take far more memory than it has bytes.
    #[error(
        "{what} would take more than {max} bytes of memory, which is what a module of this length is granted; {remedy}"
    )]
    Memory {
        /// What would.
        what: &'static str,
        /// What it may take, in bytes.
        max: u64,
        /// How to stay below.
        remedy: &'static str,
    },
    /// The output would exceed what engines take.
    #[error("{place}{what} would be {value}, engines take {max}; {remedy}")]
    Limit {
        /// Where, if within a function.
        place: Place,
        /// What is limited.
        what: &'static str,
        /// What it would be.
        value: u64,
        /// What it may be.
        max: u64,
        /// How to stay below.
        remedy: &'static str,
    },
}

/// A function that an error is about; or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Original function index.
    pub function: Option<u32>,
    /// Its demangled name; empty when nothing names it.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.function, self.name.as_str()) {
            (None, _) => Ok(()),
            (Some(index), "") => write!(f, "function {index}: "),
            (Some(index), name) => write!(f, "function {index} `{}`: ", name.escape_debug()),
        }
    }
}

impl Error {
    pub(crate) fn broken(message: impl Into<String>, offset: u64) -> Error {
        Error::Malformed { place: Place::default(), message: message.into(), offset }
    }

    /// Says which function it is about.
    pub(crate) fn in_function(mut self, index: u32) -> Error {
        if let Error::Malformed { place, .. } | Error::NoSuchFunction { place, .. } | Error::Limit { place, .. } =
            &mut self
        {
            place.function = Some(index);
        }
        self
    }

    /// Adds a function's name to the place, where it is known by now.
    pub(crate) fn named(mut self, name: impl FnOnce(u32) -> String) -> Error {
        if let Error::Malformed { place, .. } | Error::NoSuchFunction { place, .. } | Error::Limit { place, .. } =
            &mut self
            && let Some(index) = place.function
            && place.name.is_empty()
        {
            place.name = name(index);
        }
        self
    }
}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        Error::broken(error.message(), error.offset())
    }
}
