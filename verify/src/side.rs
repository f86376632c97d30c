//! One of the modules that are compared: compiled, and with all that it hides brought into sight.

use wasmtime::{Engine, ExternType, Module, Result};
use waspect_abi::BuildId;
use waspect_abi::hooks::HOOK_MODULE;

use crate::facts::Facts;
use crate::{open, wasi};

/// A module that is ready to be run, again and again.
pub struct Side {
    pub(crate) module: Module,
    /// Facts of the original: its function indices are what hooks speak of.
    pub(crate) facts: Facts,
    /// Exports whose state is compared: the original's own, and what it hides.
    pub(crate) observed: Vec<String>,
    /// Build id of the original, where the hook `module` will be called.
    pub(crate) hooked: Option<BuildId>,
    pub(crate) instrumented: bool,
    /// Every function is observed and counted: more can be demanded of the hook calls.
    pub(crate) whole: bool,
    pub(crate) shim: Option<Module>,
}

impl Side {
    /// Compiles `prepared`, which instrumentation made of `original`, or which is the original itself.
    ///
    /// The error is the engine's: the module needs a proposal that wasmtime lacks, or is not valid.
    pub fn compile(engine: &Engine, original: &[u8], prepared: &[u8]) -> Result<Side> {
        let opened = open::open(original, prepared);
        let module = Module::new(engine, &opened.bytes)?;
        let facts = Facts::of(original);
        let hooks = module.imports().any(|import| import.module() == HOOK_MODULE);
        let observed = facts.exports.iter().cloned().chain(opened.names).collect();
        let shim = wasi::shim(engine, &module)?;
        let instrumented = original != prepared;
        let hooked = hooks.then(|| BuildId::of(original));
        Ok(Side { module, facts, observed, hooked, instrumented, whole: true, shim })
    }

    /// The same for a module of which only a part is observed: hooks need not speak of every function and every handler.
    pub fn partial(mut self) -> Side {
        self.whole = false;
        self
    }

    /// Type of an exported function.
    pub fn function(&self, name: &str) -> Option<wasmtime::FuncType> {
        match self.module.get_export(name) {
            Some(ExternType::Func(ty)) => Some(ty),
            _ => None,
        }
    }

    /// Memories, globals and tables that are compared, and functions that are not: every name whose state is looked at.
    pub fn observed(&self) -> impl Iterator<Item = (&str, ExternType)> {
        let states = self.observed.iter().filter_map(|name| Some((name.as_str(), self.module.get_export(name)?)));
        states.filter(|(_, ty)| matches!(ty, ExternType::Memory(_) | ExternType::Global(_) | ExternType::Table(_)))
    }
}
