//! What engines refuse (<https://webassembly.github.io/spec/js-api/#limits>): checked before a byte is written.

/// Functions of a module, imports included.
pub(crate) const FUNCTIONS_MAX: usize = 1_000_000;
/// Functions that a module must leave room for: the accessors of a module that is full of them.
pub(crate) const FUNCTIONS_SPARE: u64 = 4_096;
/// Types of a module, and recursion groups as well.
pub(crate) const TYPES_MAX: usize = 1_000_000;
/// Globals of a module, imports included.
pub(crate) const GLOBALS_MAX: usize = 1_000_000;
/// Memories of a module, imports included.
pub(crate) const MEMORIES_MAX: usize = 100;
/// Imports of a module.
pub(crate) const IMPORTS_MAX: usize = 1_000_000;
/// Exports of a module.
pub(crate) const EXPORTS_MAX: usize = 1_000_000;
/// Bytes of a function's body.
pub(crate) const BODY_BYTES_MAX: usize = 7_654_321;
/// Parameters and locals of a function.
pub(crate) const LOCALS_MAX: u32 = 50_000;
