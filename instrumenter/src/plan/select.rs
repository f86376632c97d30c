//! Which functions are selected, and why the others are not.

use std::collections::HashSet;

use globset::{Glob, GlobSet, GlobSetBuilder};
use wasmparser::ExternalKind;

use super::Reason;
use crate::error::Place;
use crate::info::{Body, ModuleInfo};
use crate::options::{Mode, Only, Options};
use crate::{Error, limits};

/// Imports of these modules are builtins of the engine.
const BUILTIN_PREFIX: &str = "wasm:";

/// Locals that a hooked body may need: a frame's two, two scratch values for each width of `memory.grow`, an array's length.
const LOCALS_ADDED_MAX: u32 = 7;

/// Those that a function needs besides which may be left and gone on with: what it returns, and whether it had begun.
const LOCALS_RESUMABLE: u32 = 2;

/// Bytes of a hook's call, or of a record, with what stands around it, every index at its longest.
const HOOK_BYTES_MAX: u32 = 40;
const RECORD_BYTES_MAX: u32 = 128;

/// Bytes that take a call back which had not begun.
const UNCOUNT_BYTES_MAX: u32 = 24;

/// Decides each function's hook, by original index.
pub(super) fn functions(info: &ModuleInfo, options: &Options) -> Result<Vec<Result<(), Reason>>, Error> {
    let selection = Selection::new(info, options)?;
    let mut hooks = Vec::with_capacity(info.functions.len());
    for import in info.imports.iter().filter(|import| import.kind == ExternalKind::Func) {
        hooks.push(selection.import(import.index, import.module.starts_with(BUILTIN_PREFIX)));
    }
    for (index, function) in info.functions.iter().enumerate().skip(info.imported_functions as usize) {
        let body = function.body.as_ref().expect("a defined function has a body");
        hooks.push(selection.defined(index as u32, body));
    }
    Ok(hooks)
}

struct Selection<'a> {
    info: &'a ModuleInfo,
    options: &'a Options,
    include: GlobSet,
    exclude: GlobSet,
    indices: HashSet<u32>,
}

impl<'a> Selection<'a> {
    fn new(info: &'a ModuleInfo, options: &'a Options) -> Result<Self, Error> {
        if let Some(index) = options.functions.iter().find(|index| **index as usize >= info.functions.len()) {
            return Err(Error::NoSuchFunction {
                place: Place { function: Some(*index), name: String::new() },
                message: format!("it does not exist: the module has {} functions", info.functions.len()),
            });
        }
        Ok(Selection {
            info,
            options,
            include: globs(&options.include)?,
            exclude: globs(&options.exclude)?,
            indices: options.functions.iter().copied().collect(),
        })
    }

    fn import(&self, index: u32, builtin: bool) -> Result<(), Reason> {
        let function = &self.info.functions[index as usize];
        let counts = self.options.mode == Mode::Counts;
        match self.options.only {
            Some(Only::Exports) => return Err(Reason::NotExported),
            _ if !self.options.imports => return Err(Reason::ImportsOff),
            _ if builtin => return Err(Reason::Builtin),
            _ if !(function.called || function.tail_called && counts) => return Err(Reason::NeverCalled),
            _ => {}
        }
        self.shared(index)?;
        self.named(index)
    }

    fn defined(&self, index: u32, body: &Body) -> Result<(), Reason> {
        match self.options.only {
            Some(Only::Imports) => return Err(Reason::NotImported),
            Some(Only::Exports) if !self.info.functions[index as usize].exported => return Err(Reason::NotExported),
            _ => {}
        }
        self.named(index)?;
        self.shared(index)?;
        let bytes = body.range.len() as u32;
        if bytes < self.options.body_bytes_min {
            return Err(Reason::Small { bytes });
        }
        self.has_room(index, body)
    }

    fn named(&self, index: u32) -> Result<(), Reason> {
        let name = self.info.functions[index as usize].name.as_str();
        let everything = self.options.include.is_empty() && self.indices.is_empty();
        if !self.exclude.is_empty() && self.exclude.is_match(name) {
            return Err(Reason::Excluded);
        }
        if everything || self.indices.contains(&index) || self.include.is_match(name) {
            return Ok(());
        }
        Err(Reason::NotIncluded)
    }

    fn shared(&self, index: u32) -> Result<(), Reason> {
        match self.info.function_type(index) {
            Some(r#type) if !r#type.shared => Ok(()),
            _ => Err(Reason::Shared),
        }
    }

    fn has_room(&self, index: u32, body: &Body) -> Result<(), Reason> {
        let params = self.info.function_type(index).map_or(0, |r#type| r#type.params.len() as u32);
        has_room(self.options.mode, params, body, self.info.is_resumable(index))
    }
}

/// Whether a body can have the locals and the bytes that it may need.
pub(super) fn has_room(mode: Mode, params: u32, body: &Body, resumable: bool) -> Result<(), Reason> {
    let added = LOCALS_ADDED_MAX + if resumable { LOCALS_RESUMABLE } else { 0 };
    let would_be = params.saturating_add(body.facts.locals).saturating_add(added);
    if mode.has_hooks() && would_be > limits::LOCALS_MAX {
        return Err(Reason::Locals { would_be });
    }
    let site = if mode == Mode::Ring { RECORD_BYTES_MAX } else { HOOK_BYTES_MAX };
    let would_be = body_bytes_at_most(body, site, if resumable { UNCOUNT_BYTES_MAX } else { 0 });
    if would_be > limits::BODY_BYTES_MAX as u32 { Err(Reason::Size { would_be }) } else { Ok(()) }
}

/// A body's length with everything injected, every index at its longest. A body has 7,654,321 bytes at most, so nothing
/// overflows.
fn body_bytes_at_most(body: &Body, site: u32, call: u32) -> u32 {
    let facts = &body.facts;
    body.range.len() as u32
        + 128
        + 3 * site
        + site * (facts.tail_calls + facts.handlers + facts.grows)
        + 30 * facts.news
        + (12 + call) * facts.calls
        + 5 * (facts.returns + facts.references)
}

fn globs(patterns: &[String]) -> Result<GlobSet, Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| glob_error(pattern, &error))?;
        set.add(glob);
    }
    set.build().map_err(|error| glob_error(error.glob().unwrap_or_default(), &error))
}

fn glob_error(pattern: &str, error: &globset::Error) -> Error {
    Error::Glob { glob: pattern.to_string(), message: error.kind().to_string() }
}
