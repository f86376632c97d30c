//! Stage 1: the facts of a module. Reads everything once, decides nothing, changes nothing.
//!
//! It validates as well, under all features: what is injected could make an invalid module valid (a local that did not exist
//! does now), and everything behind this stage may rely on indices.

pub(crate) mod asyncify;
mod bodies;
mod features;
pub(crate) mod go;
mod image;
mod judged;
mod names;
mod objects;
mod pclntab;
mod references;
pub(crate) mod sections;
mod slots;
mod sources;
mod switching;
mod symbols;

use std::ops::Range;

use wasmparser::{BinaryReader, ExternalKind, Parser, ValType};
use waspect_abi::BuildId;

use crate::Error;
use crate::options::Options;

pub use asyncify::Asyncify;
pub use bodies::BodyFacts;
pub use features::minimal_features;
pub use go::Go;
pub use names::NameSource;
pub(crate) use references::in_section;
pub(crate) use sections::stands_before;
pub use sources::Source;
pub use switching::Switching;

/// Longest module that engines take, in bytes.
pub const MODULE_BYTES_MAX: usize = 1 << 30;

/// What is true of a module before anything is decided about it.
#[derive(Debug, Clone)]
pub struct ModuleInfo {
    /// Identity of the bytes.
    pub build: BuildId,
    /// The module's length in bytes.
    pub bytes: usize,
    /// The module's own name, from its name section; may be empty.
    pub name: String,
    /// Every section, in order.
    pub sections: Vec<Section>,
    /// Every type, by index: its shape if it is a function type.
    pub types: Vec<Option<FunctionType>>,
    /// Recursion groups: a type outside of one is a group of its own.
    pub type_groups: u32,
    /// The types of objects of the garbage collector's, by ascending index.
    pub objects: Vec<ObjectType>,
    /// Everything imported, in order.
    pub imports: Vec<Import>,
    /// Everything exported, in order.
    pub exports: Vec<Export>,
    /// Every function, by index, imports first.
    pub functions: Vec<Function>,
    /// How many of [`functions`](ModuleInfo::functions) are imported.
    pub imported_functions: u32,
    /// Every memory, by index, imports first.
    pub memories: Vec<Memory>,
    /// Number of tables, imports included.
    pub tables: u32,
    /// Every global's type, by index, imports first.
    pub globals: Vec<Global>,
    /// Every tag's type index, by index, imports first.
    pub tags: Vec<u32>,
    /// The start function.
    pub start: Option<u32>,
    /// The producers section: `(field, name, version)`.
    pub producers: Vec<(String, String, String)>,
    /// What is known where Go's compiler made it.
    pub go: Option<Go>,
    /// What is known where Asyncify made it.
    pub asyncify: Option<Asyncify>,
    /// True where names were kept for functions as such: by a name section, symbols, or Go's own table.
    pub has_names: bool,
    /// Paths of the source files in which functions begin, from debug information; each once.
    pub files: Vec<String>,
}

/// A section, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Section id; 0 is a custom section.
    pub id: u8,
    /// Name of a custom section, else empty.
    pub name: String,
    /// Its contents in the module's bytes, id and size not included, a custom section's name included.
    pub range: Range<usize>,
}

impl Section {
    /// A custom section's contents without its name; any other's contents.
    pub fn contents<'a>(&self, module: &'a [u8]) -> &'a [u8] {
        let contents = &module[self.range.clone()];
        let mut reader = BinaryReader::new(contents, 0);
        match self.id {
            sections::CUSTOM if reader.read_string().is_ok() => &contents[reader.current_position()..],
            _ => contents,
        }
    }
}

/// A function type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionType {
    /// Parameter types.
    pub params: Box<[ValType]>,
    /// Result types.
    pub results: Box<[ValType]>,
    /// Functions of this type may be shared between threads, and then cannot call hooks, which are not.
    pub shared: bool,
}

/// A type of objects of the garbage collector's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectType {
    /// Type index.
    pub index: u32,
    /// Name, from the name section; may be empty.
    pub name: String,
    /// What an object is estimated to take (rule A7).
    pub size: ObjectSize,
    /// Some body makes objects of it.
    pub made: bool,
}

/// What an object is estimated to take, in bytes (rule A7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectSize {
    /// A struct.
    Struct(u32),
    /// An array: its header, and each of its elements.
    Array {
        /// Header with the length.
        header: u32,
        /// Each element.
        element: u32,
    },
}

/// Something imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Module name.
    pub module: String,
    /// Field name.
    pub field: String,
    /// What kind of thing.
    pub kind: ExternalKind,
    /// Its index in the index space of its kind.
    pub index: u32,
    /// Its type, printed; empty for a function, whose type is [`ModuleInfo::function_type`].
    pub r#type: String,
}

/// Something exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Name.
    pub name: String,
    /// What kind of thing.
    pub kind: ExternalKind,
    /// Its index in the index space of its kind.
    pub index: u32,
}

/// A memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Indexed by `i64`.
    pub is_64: bool,
    /// Shared between threads.
    pub shared: bool,
    /// Pages at the beginning.
    pub pages_min: u64,
    /// Most pages.
    pub pages_max: Option<u64>,
    /// Size of a page as a power of two.
    pub page_size_log2: u32,
}

/// A global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global {
    /// Type of its value.
    pub value: ValType,
    /// Can be set.
    pub mutable: bool,
}

/// A function, imported or defined.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Index of its type.
    pub type_index: u32,
    /// Demangled name from the surest source that has one; empty when nothing names it.
    pub name: String,
    /// Where [`name`](Function::name) comes from.
    pub named_by: NameSource,
    /// Exported at least once.
    pub exported: bool,
    /// Its address is taken: by an element segment, or by `ref.func` anywhere. Its identity can then be compared.
    pub address_taken: bool,
    /// A body calls it directly (`call`).
    pub called: bool,
    /// A body calls it directly by `return_call`.
    pub tail_called: bool,
    /// Its body; `None` for an import.
    pub body: Option<Body>,
    /// Where it begins in its source, from debug information.
    pub source: Option<Source>,
}

/// Where a function's body is, and what stands in it.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// The body in the module's bytes: locals and instructions, size not included.
    pub range: Range<usize>,
    /// What a plan needs to know of the instructions.
    pub facts: BodyFacts,
}

impl ModuleInfo {
    /// Reads a module's facts.
    pub fn parse(module: &[u8]) -> Result<ModuleInfo, Error> {
        ModuleInfo::parse_with(module, &Options::default())
    }

    /// As [`parse`](ModuleInfo::parse), with the threads and the symbols of these options; the facts are the same for any
    /// number of threads.
    pub fn parse_with(module: &[u8], options: &Options) -> Result<ModuleInfo, Error> {
        if module.len() > MODULE_BYTES_MAX {
            return Err(Error::Limit {
                place: Default::default(),
                what: "the module's size in bytes",
                value: module.len() as u64,
                max: MODULE_BYTES_MAX as u64,
                remedy: "instrument its parts",
            });
        }
        if !Parser::is_core_wasm(module) && Parser::is_component(module) {
            return Err(Error::Component);
        }
        let (mut info, resources) = sections::read(module)?;
        let bodies = bodies::read(&mut info, module, resources.as_ref(), options.threads);
        // The names take the room that the validator leaves.
        drop(resources);
        names::read(&mut info, module);
        sources::read(&mut info, module);
        bodies.map_err(|error| error.named(|index| info.function_name(index)))?;
        info.go = go::read(&info, module);
        if info.go.is_none() {
            info.asyncify = asyncify::read(&info, module);
        }
        if let Some(symbols) = &options.symbols {
            symbols::read(&mut info, module, &symbols.0, options.threads)?;
        }
        Ok(info)
    }

    /// A function's demangled name; empty when nothing names it.
    pub fn function_name(&self, index: u32) -> String {
        self.functions.get(index as usize).map(|function| function.name.clone()).unwrap_or_default()
    }

    /// A function's type, if its type index is one of a function type.
    pub fn function_type(&self, index: u32) -> Option<&FunctionType> {
        let function = self.functions.get(index as usize)?;
        self.types.get(function.type_index as usize)?.as_ref()
    }

    /// The type of objects with this index.
    pub fn object(&self, index: u32) -> Option<&ObjectType> {
        let at = self.objects.binary_search_by_key(&index, |object| object.index).ok()?;
        Some(&self.objects[at])
    }

    /// Custom sections of a name.
    pub fn custom_sections<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.id == 0 && section.name == name)
    }

    /// True where the module carries DWARF debug information.
    pub fn has_dwarf(&self) -> bool {
        self.custom_sections(".debug_info").next().is_some()
    }

    /// The source map's URL, from the section `sourceMappingURL`.
    pub fn source_map_url<'a>(&self, module: &'a [u8]) -> Option<&'a str> {
        let section = self.custom_sections(crate::debug::SOURCE_MAP_URL).next()?;
        BinaryReader::new(section.contents(module), 0).read_string().ok()
    }

    /// The imports that are functions, in order: their positions are function indices.
    pub fn function_imports(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter().filter(|import| matches!(import.kind, ExternalKind::Func | ExternalKind::FuncExact))
    }
}
