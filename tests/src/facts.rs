//! What a module is, read with nothing but wasmparser: the tests' own opinion, which never asks the rewriter.

use std::collections::BTreeMap;

use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Counts and indices of a module's original bytes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Functions, imports included.
    pub functions: u32,
    /// Imported functions: the lowest indices.
    pub imported_functions: u32,
    /// Memories, imports included.
    pub memories: u32,
    /// Exported functions by export name.
    pub function_exports: BTreeMap<String, u32>,
    /// Names of everything exported.
    pub exports: Vec<String>,
    /// The start function.
    pub start: Option<u32>,
}

impl Facts {
    /// Reads what can be read; a module that is not valid gives the facts up to its first error.
    pub fn of(module: &[u8]) -> Facts {
        let mut facts = Facts::default();
        let _ = facts.read(module);
        facts
    }

    /// Whether a host can call this function: it is exported, or it is the start function.
    pub fn is_boundary(&self, func: u32) -> bool {
        self.start == Some(func) || self.function_exports.values().any(|&exported| exported == func)
    }

    fn read(&mut self, module: &[u8]) -> wasmparser::Result<()> {
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported_functions += 1,
                            TypeRef::Memory(_) => self.memories += 1,
                            _ => {}
                        }
                    }
                    self.functions = self.imported_functions;
                }
                Payload::FunctionSection(functions) => self.functions += functions.count(),
                Payload::MemorySection(memories) => self.memories += memories.count(),
                Payload::StartSection { func, .. } => self.start = Some(func),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        self.exports.push(export.name.to_owned());
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                            self.function_exports.insert(export.name.to_owned(), export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
