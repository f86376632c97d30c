//! The modules that the process has made known: which manifest belongs to which compiled module.
//!
//! Wasmtime does not keep custom sections, so that whoever compiles a module hands its bytes over once. This file knows no
//! store and no recorder.

use std::collections::HashMap;
use std::sync::Arc;

use wasmparser::{Parser, Payload};
use wasmtime::{ExternType, Module};
use waspect_abi::hooks::HOOK_MODULE;
use waspect_abi::ring::RING_EXPORT;
use waspect_abi::{BuildId, MANIFEST_SECTION, Manifest};

use crate::error::Error;

/// Most modules that are known at a time; the next one is refused with [`Error::TooManyModules`].
pub const MODULES_MAX: usize = 10_000;

/// A compiled module and what its manifest tells.
#[derive(Debug)]
pub(crate) struct Known {
    pub manifest: Arc<Manifest>,
    /// Export names of its memories.
    pub memories: Box<[String]>,
    /// Imported hooks: by so much the original index of a defined function is lower than its index here.
    pub hook_imports: u32,
    functions: usize,
}

impl Known {
    fn new(module: &Module, manifest: Arc<Manifest>) -> Known {
        let is_own = |name: &str| name == RING_EXPORT;
        let memories =
            module.exports().filter(|export| matches!(export.ty(), ExternType::Memory(_)) && !is_own(export.name()));
        let hooks = module
            .imports()
            .filter(|import| import.module() == HOOK_MODULE && matches!(import.ty(), ExternType::Func(_)));
        Known {
            memories: memories.map(|export| export.name().to_owned()).collect(),
            hook_imports: hooks.count() as u32,
            functions: module.functions().len(),
            manifest,
        }
    }
}

/// An immutable table: stores keep the one that they saw, so that no hook waits for a writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules {
    by_code: HashMap<usize, Arc<Known>>,
    by_build: HashMap<BuildId, Arc<Known>>,
}

impl Modules {
    /// A table with one more module.
    pub fn with(&self, module: &Module, manifest: Arc<Manifest>) -> Result<Modules, Error> {
        if self.by_code.len() >= MODULES_MAX && !self.by_code.contains_key(&code(module)) {
            return Err(Error::TooManyModules);
        }
        let known = Arc::new(Known::new(module, manifest));
        let mut modules = self.clone();
        modules.by_build.insert(known.manifest.build_id(), known.clone());
        modules.by_code.insert(code(module), known);
        Ok(modules)
    }

    /// The manifest of a build, if one of its modules is known.
    pub fn build(&self, build: BuildId) -> Option<&Arc<Known>> {
        self.by_build.get(&build)
    }

    /// What is known of a compiled module.
    ///
    /// Modules are told apart by the address of their code; holding them would keep the code of unloaded modules in memory
    /// for ever. A later module at the same address has replaced the earlier one here, or differs in its functions.
    pub fn module(&self, module: &Module) -> Option<&Arc<Known>> {
        let known = self.by_code.get(&code(module))?;
        (known.functions == module.functions().len()).then_some(known)
    }
}

fn code(module: &Module) -> usize {
    module.image_range().start.addr()
}

/// The manifest in the custom section of an instrumented module.
pub(crate) fn embedded(wasm: &[u8]) -> Result<Manifest, Error> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.map_err(Error::Unreadable)?
            && section.name() == MANIFEST_SECTION
        {
            return Ok(Manifest::decode_bytes(section.data())?);
        }
    }
    Err(Error::NotInstrumented)
}
