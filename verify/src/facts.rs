//! What a module is, read with nothing but wasmparser: the tests' own opinion, which never asks the rewriter.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{Catch, ExternalKind, FunctionBody, Handle, Operator, Parser, Payload, TypeRef};

/// Counts and indices of a module's original bytes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Functions, imports included.
    pub functions: u32,
    /// Imported functions: the lowest indices.
    pub imported_functions: u32,
    /// Memories, imports included.
    pub memories: Vec<MemoryFacts>,
    /// Exported functions by export name.
    pub function_exports: BTreeMap<String, u32>,
    /// Names of everything exported.
    pub exports: Vec<String>,
    /// The start function.
    pub start: Option<u32>,
    /// Functions with a catch (or a clause of `resume`) that leads to the function's own label: it leaves through the exit,
    /// whose token closes what was unwound (rule T3), so that there is no handler for an `unwind` to stand in.
    pub catch_and_leave: BTreeSet<u32>,
    /// Some function runs another stack: frames on it go on after they were closed (rule U4).
    pub resumes: bool,
}

/// A memory of a module.
#[derive(Clone, Copy, Debug)]
pub struct MemoryFacts {
    /// Pages that it has at least from the start.
    pub pages_min: u64,
    /// Others may grow it too: it is imported or exported.
    pub is_open: bool,
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
        let mut body = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported_functions += 1,
                            TypeRef::Memory(ty) => {
                                self.memories.push(MemoryFacts { pages_min: ty.initial, is_open: true })
                            }
                            _ => {}
                        }
                    }
                    self.functions = self.imported_functions;
                }
                Payload::FunctionSection(functions) => self.functions += functions.count(),
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        self.memories.push(MemoryFacts { pages_min: memory?.initial, is_open: false });
                    }
                }
                Payload::CodeSectionEntry(code) => {
                    let found = handlers(&code)?;
                    self.resumes |= found.resumes;
                    if found.leaves {
                        self.catch_and_leave.insert(self.imported_functions + body);
                    }
                    body += 1;
                }
                Payload::StartSection { func, .. } => self.start = Some(func),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        self.exports.push(export.name.to_owned());
                        if let (ExternalKind::Memory, Some(memory)) =
                            (export.kind, self.memories.get_mut(export.index as usize))
                        {
                            memory.is_open = true;
                        }
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

/// What handlers of a body do.
#[derive(Default)]
struct Handlers {
    /// One leads to the function's own label.
    leaves: bool,
    /// Another stack runs.
    resumes: bool,
}

fn handlers(code: &FunctionBody<'_>) -> wasmparser::Result<Handlers> {
    let mut found = Handlers::default();
    let mut open = 0;
    for operator in code.get_operators_reader()? {
        match operator? {
            Operator::TryTable { try_table } => {
                found.leaves |= try_table.catches.iter().any(|catch| match *catch {
                    Catch::One { label, .. } | Catch::OneRef { label, .. } => label == open,
                    Catch::All { label } | Catch::AllRef { label } => label == open,
                });
                open += 1;
            }
            Operator::Resume { resume_table, .. }
            | Operator::ResumeThrow { resume_table, .. }
            | Operator::ResumeThrowRef { resume_table, .. } => {
                found.resumes = true;
                found.leaves |= resume_table
                    .handlers
                    .iter()
                    .any(|handle| matches!(handle, Handle::OnLabel { label, .. } if *label == open));
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Try { .. } => open += 1,
            Operator::End | Operator::Delegate { .. } => open = open.saturating_sub(1),
            _ => {}
        }
    }
    Ok(found)
}
