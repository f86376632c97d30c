//! The manifest: what an instrumented module tells about itself, and its codec.
//!
//! It is a protocol-buffers message, so that any language reads it and old readers skip what is new. Every reader treats it
//! as hostile input: [`Manifest::decode_bytes`] refuses what exceeds the limits before it allocates for it.

mod read;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use prost::Message;
use sha2::{Digest, Sha256};

/// Longest manifest that is read or written, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 64 << 20;

/// Most functions that a manifest may list: the limit of every engine.
pub const FUNCTIONS_MAX: usize = 1_000_000;

/// Longest name, path or family, in bytes.
pub const STRING_BYTES_MAX: usize = 4096;

/// What an instrumented module tells about itself.
#[derive(Clone, PartialEq, Message)]
pub struct Manifest {
    /// The ABI version that the hooks follow.
    #[prost(uint32, tag = "1")]
    pub abi: u32,
    /// The [`BuildId`] of the original bytes.
    #[prost(fixed64, tag = "2")]
    pub build: u64,
    /// Depth of instrumentation.
    #[prost(enumeration = "Mode", tag = "3")]
    pub mode: i32,
    /// The module's own name, from its name section; may be empty.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Number of functions of the original module, imports included.
    #[prost(uint32, tag = "5")]
    pub function_count: u32,
    /// The functions that are worth naming, by ascending index: those with a hook or a counter.
    #[prost(message, repeated, tag = "6")]
    pub functions: Vec<Function>,
    /// The original module's memories, by index.
    #[prost(message, repeated, tag = "7")]
    pub memories: Vec<Memory>,
    /// The allocator functions that were found.
    #[prost(message, repeated, tag = "8")]
    pub allocators: Vec<Allocator>,
    /// True where functions have gate bits but no counters (see the plan).
    #[prost(bool, tag = "9")]
    pub gates_only: bool,
    /// Paths of the source files that functions begin in, each once.
    #[prost(string, repeated, tag = "10")]
    pub files: Vec<String>,
    /// The types of objects of the garbage collector's that are reported, by ascending index (rule A7).
    #[prost(message, repeated, tag = "12")]
    pub objects: Vec<ObjectType>,
}

/// A function of the original module.
#[derive(Clone, PartialEq, Message)]
pub struct Function {
    /// Original function index, imports first.
    #[prost(uint32, tag = "1")]
    pub index: u32,
    /// Demangled name; empty when nothing names it, and then it is shown as `func[index]`.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What it is to the recorder.
    #[prost(enumeration = "Kind", tag = "3")]
    pub kind: i32,
    /// True when `enter` and `exit` (or, in mode `counts`, a counter) were injected.
    #[prost(bool, tag = "4")]
    pub hooked: bool,
    /// True when the host can call it: exported or the start function (rules B1 and C3).
    #[prost(bool, tag = "5")]
    pub boundary: bool,
    /// Source file, as its place in [`Manifest::files`] from 1 on; 0 when unknown.
    #[prost(uint32, tag = "6")]
    pub file: u32,
    /// Source line, from 1; 0 when unknown.
    #[prost(uint32, tag = "7")]
    pub line: u32,
}

/// A memory of the original module.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Memory {
    /// Indexed by `i64`.
    #[prost(bool, tag = "1")]
    pub is_64: bool,
    /// Shared between threads.
    #[prost(bool, tag = "2")]
    pub shared: bool,
    /// Size of a page as a power of two; 16 unless the module says otherwise.
    #[prost(uint32, tag = "3")]
    pub page_size_log2: u32,
}

/// A function that gives or takes memory.
#[derive(Clone, PartialEq, Message)]
pub struct Allocator {
    /// Original function index.
    #[prost(uint32, tag = "1")]
    pub index: u32,
    /// Family that it belongs to, such as `wasi-libc`.
    #[prost(string, tag = "2")]
    pub family: String,
    /// True when memory is collected, not freed: bytes count, liveness is not judged (rule A6).
    #[prost(bool, tag = "3")]
    pub collected: bool,
}

/// A type of objects of the garbage collector's.
#[derive(Clone, PartialEq, Message)]
pub struct ObjectType {
    /// Original type index.
    #[prost(uint32, tag = "1")]
    pub index: u32,
    /// Name; empty when nothing names it, and then it is shown as `type[index]`.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// Depth of instrumentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Mode {
    /// Hooks around calls.
    Calls = 0,
    /// A counter a function.
    Counts = 1,
    /// Records of calls in a memory of the instance; hooks around the rest.
    Ring = 2,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 3] = [Mode::Calls, Mode::Counts, Mode::Ring];

    /// True where hooks are imported: everywhere but in mode `counts`.
    pub const fn has_hooks(self) -> bool {
        !matches!(self, Mode::Counts)
    }

    /// Its name, as in the options and in `spec/abi.md`.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Calls => "calls",
            Mode::Counts => "counts",
            Mode::Ring => "ring",
        }
    }
}

/// What a function is to the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// Defined in the module.
    Guest = 0,
    /// Imported: a host call.
    Import = 1,
}

/// Identity of the original bytes: the first 8 bytes of their SHA-256 (rule M5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildId(pub u64);

impl BuildId {
    /// The build id of a module's original bytes.
    pub fn of(module: &[u8]) -> BuildId {
        let digest = Sha256::digest(module);
        let (head, _) = digest.split_first_chunk::<8>().expect("SHA-256 has 32 bytes");
        BuildId(u64::from_be_bytes(*head))
    }

    /// From the two halves that the `module` hook passes, high half first.
    pub const fn from_halves(high: u32, low: u32) -> BuildId {
        BuildId((high as u64) << 32 | low as u64)
    }

    /// Sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        let digit = |at: u32| char::from_digit((self.0 >> (60 - 4 * at)) as u32 & 15, 16);
        (0..16).filter_map(digit).collect()
    }

    /// The two halves that the `module` hook passes, high half first.
    pub const fn halves(self) -> (u32, u32) {
        ((self.0 >> 32) as u32, self.0 as u32)
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Longer than [`MANIFEST_BYTES_MAX`].
    #[error("manifest of {0} bytes: at most {MANIFEST_BYTES_MAX} are read; instrument fewer functions with --include")]
    TooLong(usize),
    /// Not a protocol-buffers message of this shape, or one beyond its limits.
    #[error("manifest cannot be trusted: {0}; instrument the original module again")]
    Malformed(#[from] Fault),
    /// Written for an ABI that this reader does not know.
    #[error("manifest of ABI {0}: this reader knows ABI {known}; instrument the original module with this version", known = crate::ABI_VERSION)]
    UnknownAbi(u32),
}

/// What is wrong with a manifest. No texts: recorders that are downloaded say none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Fault {
    #[error("it ends in the middle")]
    Cut,
    #[error("a number is longer than numbers are")]
    Number,
    #[error("a field has a number that does not exist")]
    Field,
    #[error("a field has a type that does not exist")]
    Type,
    #[error("a field has another type than it should")]
    WrongType,
    #[error("a text is not UTF-8")]
    Text,
    #[error("a name, family or path is too long")]
    LongText,
    #[error("a list has more entries than an engine takes functions")]
    List,
    #[error("it has more functions than an engine takes, or one beyond them")]
    Functions,
    #[error("functions or types of objects are not in ascending order")]
    Order,
    #[error("an allocator's index, a function's file or a page's size is out of range")]
    Range,
}

impl Manifest {
    /// The manifest's bytes, as they stand in the custom section or the sidecar file.
    pub fn encode_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// How many bytes that is.
    pub fn bytes_len(&self) -> usize {
        self.encoded_len()
    }

    /// Appends the bytes to others, without a copy between.
    pub fn encode_onto(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.encoded_len());
        self.encode(bytes).expect("a vector has room for more");
    }

    /// Reads a manifest that may be hostile.
    pub fn decode_bytes(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let manifest = read::manifest(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The build id as its own type.
    pub fn build_id(&self) -> BuildId {
        BuildId(self.build)
    }

    /// The entry of an original function index, if it has one.
    pub fn function(&self, index: u32) -> Option<&Function> {
        let at = self.functions.binary_search_by_key(&index, |function| function.index).ok()?;
        Some(&self.functions[at])
    }

    /// The source file that a function begins in; empty when unknown.
    pub fn file(&self, function: &Function) -> &str {
        let at = (function.file as usize).checked_sub(1);
        at.and_then(|at| self.files.get(at)).map_or("", String::as_str)
    }

    /// The name to show for a type of objects: never empty.
    pub fn object_name(&self, index: u32) -> alloc::borrow::Cow<'_, str> {
        let at = self.objects.binary_search_by_key(&index, |object| object.index);
        match at.map_or("", |at| self.objects[at].name.as_str()) {
            "" => unnamed("type", index).into(),
            name => name.into(),
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.abi != crate::ABI_VERSION {
            return Err(ManifestError::UnknownAbi(self.abi));
        }
        let functions_in_order = self.functions.is_sorted_by(|a, b| a.index < b.index);
        if !functions_in_order || !self.objects.is_sorted_by(|a, b| a.index < b.index) {
            return Err(Fault::Order.into());
        }
        let count = self.function_count;
        if count as usize > FUNCTIONS_MAX || self.functions.last().is_some_and(|last| last.index >= count) {
            return Err(Fault::Functions.into());
        }
        if self.allocators.iter().any(|allocator| allocator.index >= count)
            || self.functions.iter().any(|function| function.file as usize > self.files.len())
            || self.memories.iter().any(|memory| memory.page_size_log2 > 16)
        {
            return Err(Fault::Range.into());
        }
        Ok(())
    }
}

impl Function {
    /// The name to show: never empty.
    pub fn display_name(&self) -> alloc::borrow::Cow<'_, str> {
        match self.name.as_str() {
            "" => unnamed("func", self.index).into(),
            name => name.into(),
        }
    }
}

/// What has no name is called by its number: `func[12]`. Not by `format!`, whose machinery is large where every byte is downloaded.
pub fn unnamed(kind: &str, index: u32) -> String {
    let mut digits = [0; 10];
    let (mut at, mut rest) = (digits.len(), index);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut name = String::from(kind);
    name.push('[');
    name.extend(digits[at..].iter().map(|digit| char::from(*digit)));
    name.push(']');
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_is_called_by_its_number() {
        for index in [0, 7, 10, 1_234_567_890, u32::MAX] {
            assert_eq!(unnamed("func", index), format!("func[{index}]"));
        }
    }

    #[test]
    fn build_ids_are_sixteen_digits() {
        for id in [0, 0xff, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(BuildId(id).to_string(), format!("{id:016x}"));
        }
    }
}
