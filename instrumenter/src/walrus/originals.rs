//! From indices in the bytes to walrus' ids.

use std::collections::HashSet;

use ::walrus::{FunctionId, GlobalId, IndicesToIds, MemoryId, Module};

use super::Error;
use crate::error::Place;
use crate::info::ModuleInfo;

/// Where functions, memories and globals of the bytes are in walrus' module, by original index.
#[derive(Debug, Clone, Default)]
pub struct Originals {
    pub(super) functions: Vec<FunctionId>,
    pub(super) memories: Vec<MemoryId>,
    pub(super) globals: Vec<GlobalId>,
}

impl Originals {
    /// Takes down what `walrus::ModuleConfig::on_parse` gives, and only there.
    pub fn of(ids: &IndicesToIds) -> Originals {
        Originals {
            functions: all(|index| ids.get_func(index)),
            memories: all(|index| ids.get_memory(index)),
            globals: all(|index| ids.get_global(index)),
        }
    }

    /// A function's id, by its index in the bytes.
    pub fn function(&self, index: u32) -> Option<FunctionId> {
        self.functions.get(index as usize).copied()
    }

    /// Refuses a module from which a function was deleted: to ask walrus for it would panic.
    pub(super) fn check(&self, module: &Module, info: &ModuleInfo) -> Result<(), Error> {
        let alive: HashSet<FunctionId> = module.funcs.iter().map(|function| function.id()).collect();
        match self.functions.iter().position(|id| !alive.contains(id)) {
            Some(index) => Err(Error::Deleted { place: place(info, index as u32) }),
            None => Ok(()),
        }
    }
}

/// Everything that the parser knows of one kind: it gives an error for the first index that does not exist.
fn all<T>(get: impl Fn(u32) -> ::walrus::Result<T>) -> Vec<T> {
    (0..).map_while(|index| get(index).ok()).collect()
}

/// A function, for an error.
pub(super) fn place(info: &ModuleInfo, index: u32) -> Place {
    Place { function: Some(index), name: info.function_name(index) }
}
