//! Brings into sight what a module hides: its memories, tables and globals become exports.
//!
//! ```wat
//! (module (memory 1) (global $top (mut i32) (i32.const 8)) (func (export "run") ...))
//! ```
//!
//! becomes
//!
//! ```wat
//! (module (memory 1) (global $top (mut i32) (i32.const 8)) (func (export "run") ...)
//!   (export "(memory 0)" (memory 0)) (export "(global 0)" (global 0)))
//! ```
//!
//! Why behind the rewriter, and not before it? Then the code that runs is, byte for byte, the code that ships. Only the export
//! section grows, and it decides nothing at run time.

use std::collections::BTreeSet;

use wasm_encoder::{Encode, ExportKind, Module, RawSection};
use wasmparser::{BinaryReader, ExternalKind, Parser, Payload, TypeRef};

/// Most things that are brought into sight: an engine takes 100,000 exports.
const OPENED_MAX: usize = 10_000;

/// A module with its internals exported.
pub(crate) struct Opened {
    pub(crate) bytes: Vec<u8>,
    /// Names of the new exports, by the original's indices.
    pub(crate) names: Vec<String>,
}

/// An index space: what is imported comes first.
#[derive(Clone, Copy, Default)]
struct Space {
    imported: u32,
    all: u32,
}

/// What is wanted of a module: spaces of memories, tables and globals, and what is exported of them.
#[derive(Default)]
struct Spaces {
    spaces: [Space; 3],
    exported: BTreeSet<(usize, u32)>,
    names: BTreeSet<String>,
}

/// The kinds that have state, and what they are called.
const KINDS: [(ExternalKind, ExportKind, &str); 3] = [
    (ExternalKind::Memory, ExportKind::Memory, "memory"),
    (ExternalKind::Table, ExportKind::Table, "table"),
    (ExternalKind::Global, ExportKind::Global, "global"),
];

/// Export section.
const EXPORT: u8 = 7;
/// Sections that stand behind the export section: start, elements, code, data, count of data.
const BEHIND_EXPORTS: [u8; 5] = [8, 9, 10, 11, 12];

/// `prepared` with new exports for all that `original` has and does not export. A module that cannot be read stays as it is: its
/// engine will say why.
pub(crate) fn open(original: &[u8], prepared: &[u8]) -> Opened {
    let as_it_is = || Opened { bytes: prepared.to_vec(), names: vec![] };
    let (Ok(before), Ok(after)) = (Spaces::of(original), Spaces::of(prepared)) else { return as_it_is() };
    let mut names = Vec::new();
    let mut items = Vec::new();
    for (at, (_, kind, word)) in KINDS.into_iter().enumerate() {
        // What a rewriter imports stands behind what was imported, and in front of what is defined.
        let moved = after.spaces[at].imported.saturating_sub(before.spaces[at].imported);
        for index in 0..before.spaces[at].all {
            let name = format!("({word} {index})");
            if before.exported.contains(&(at, index)) || before.names.contains(&name) || names.len() >= OPENED_MAX {
                continue;
            }
            let now = if index < before.spaces[at].imported { index } else { index + moved };
            name.as_str().encode(&mut items);
            kind.encode(&mut items);
            now.encode(&mut items);
            names.push(name);
        }
    }
    if names.is_empty() {
        return as_it_is();
    }
    match with_exports(prepared, names.len() as u32, &items) {
        Ok(bytes) => Opened { bytes, names },
        Err(_) => as_it_is(),
    }
}

/// Appends encoded exports to the export section, or makes one.
fn with_exports(bytes: &[u8], count: u32, items: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut module = Module::new();
    let mut written = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let data = &bytes[range.start as usize..range.end as usize];
        let mut exports = Vec::new();
        if id == EXPORT {
            let mut reader = BinaryReader::new(data, 0);
            (reader.read_var_u32()? + count).encode(&mut exports);
            exports.extend_from_slice(&data[reader.original_position() as usize..]);
            exports.extend_from_slice(items);
        } else if BEHIND_EXPORTS.contains(&id) && !written {
            count.encode(&mut exports);
            exports.extend_from_slice(items);
        }
        if !written && !exports.is_empty() {
            module.section(&RawSection { id: EXPORT, data: &exports });
            written = true;
        }
        if id != EXPORT {
            module.section(&RawSection { id, data });
        }
    }
    if !written {
        let mut exports = Vec::new();
        count.encode(&mut exports);
        exports.extend_from_slice(items);
        module.section(&RawSection { id: EXPORT, data: &exports });
    }
    Ok(module.finish())
}

impl Spaces {
    fn of(module: &[u8]) -> wasmparser::Result<Spaces> {
        let mut found = Spaces::default();
        let place = |kind: ExternalKind| KINDS.iter().position(|(one, ..)| *one == kind);
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let at = match import?.ty {
                            TypeRef::Memory(_) => 0,
                            TypeRef::Table(_) => 1,
                            TypeRef::Global(_) => 2,
                            _ => continue,
                        };
                        found.spaces[at].imported += 1;
                        found.spaces[at].all += 1;
                    }
                }
                Payload::MemorySection(memories) => found.spaces[0].all += memories.count(),
                Payload::TableSection(tables) => found.spaces[1].all += tables.count(),
                Payload::GlobalSection(globals) => found.spaces[2].all += globals.count(),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        found.names.insert(export.name.to_owned());
                        found.exported.extend(place(export.kind).map(|at| (at, export.index)));
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports(module: &[u8]) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                found
                    .extend(exports.into_iter().map(|export| export.unwrap()).map(|it| (it.name.to_owned(), it.index)));
            }
        }
        found
    }

    #[test]
    fn what_is_hidden_is_exported_and_the_rest_stays() {
        let hidden =
            wat::parse_str(r#"(module (memory 1) (table 1 funcref) (global (export "g") i32 (i32.const 1)) (func))"#);
        let hidden = hidden.unwrap();
        let opened = open(&hidden, &hidden);
        assert_eq!(opened.names, ["(memory 0)", "(table 0)"]);
        assert_eq!(exports(&opened.bytes), [("g".into(), 0), ("(memory 0)".into(), 0), ("(table 0)".into(), 0)]);
        wasmparser::validate(&opened.bytes).unwrap();
        let again = open(&opened.bytes, &opened.bytes);
        assert_eq!((again.names.len(), again.bytes == opened.bytes), (0, true));
    }

    #[test]
    fn a_section_is_made_where_there_was_none() {
        for text in [r#"(module (memory 1) (data (i32.const 0) "x"))"#, r#"(module (memory 1) (func) (start 0))"#] {
            let module = wat::parse_str(text).unwrap();
            let opened = open(&module, &module);
            wasmparser::validate(&opened.bytes).unwrap();
            assert_eq!(exports(&opened.bytes), [("(memory 0)".into(), 0)]);
        }
        assert_eq!(open(b"junk", b"junk").bytes, b"junk");
    }

    #[test]
    fn what_moved_behind_new_imports_is_found() {
        let before = wat::parse_str(r#"(module (import "a" "b" (global i32)) (global i32 (i32.const 1)))"#).unwrap();
        let after = wat::parse_str(
            r#"(module (import "a" "b" (global i32)) (import "hook" "x" (global i32)) (global i32 (i32.const 1)))"#,
        );
        let opened = open(&before, &after.unwrap());
        assert_eq!(exports(&opened.bytes), [("(global 0)".into(), 0), ("(global 1)".into(), 2)]);
    }
}
