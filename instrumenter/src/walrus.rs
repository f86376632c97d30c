//! The same instrumentation for a `walrus::Module` (cargo feature `walrus`), from the same [`Plan`].
//!
//! For pipelines that hold a `walrus::Module` already, and as a second opinion: nothing here reads or calls the rewriter, so
//! that a test can hold the events of one against those of the other. What a module says to its hooks is the same, event by
//! event; the bytes are not, for walrus numbers functions, types and locals anew, and drops label names and code that is
//! never reached.
//!
//! ```
//! use waspect_instrumenter::{ModuleInfo, Options, Plan, walrus};
//!
//! let bytes = wat::parse_str(r#"(module (func $work (export "run") (result i32) (return (i32.const 7))))"#).unwrap();
//! let info = ModuleInfo::parse(&bytes)?;
//! let plan = Plan::new(&info, &Options::default())?;
//!
//! let (mut module, originals) = walrus::parse(&bytes, &info)?;
//! // The pipeline's own changes go here; functions that it adds are not in the plan and stay as they are.
//! let manifest = walrus::instrument(&mut module, &originals, &info, &plan)?;
//!
//! assert_eq!(manifest.function(0).unwrap().name, "work");
//! let instrumented = module.emit_wasm();
//! assert!(ModuleInfo::parse(&instrumented).unwrap().imports.iter().any(|import| import.field == "enter"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A plan speaks of functions by their index in the bytes, walrus by ids. [`Originals`] leads from one to the other, and only
//! walrus' parser knows the way: [`parse`] asks it, and a pipeline with an `on_parse` of its own calls [`Originals::of`] there.
//!
//! Why not through the bytes (`emit_wasm`, [`rewrite`](crate::rewrite()), parse)? It costs two passes, and walrus sorts functions by
//! size when it emits: the indices that the pipeline knows would be gone.

mod allocators;
mod body;
mod counters;
mod error;
mod functions;
mod hooks;
mod originals;
mod references;
mod types;

use std::collections::{HashMap, HashSet};

use ::walrus::{FunctionId, InstrSeqBuilder, MemoryId, Module, ModuleConfig, RawCustomSection};
use waspect_abi::manifest::Mode;
use waspect_abi::{MANIFEST_SECTION, Manifest};

use crate::debug;
use crate::info::{ModuleInfo, Switching};
use crate::options::Placement;
use crate::plan::Plan;

use counters::Counters;
use functions::Replacements;
use hooks::Hooks;

pub use error::Error;
pub use originals::Originals;

/// Most locals that walrus is given: it keeps every one, named or not, while bytes hold a number and a type. Real modules
/// have one in ten bytes at most.
pub const LOCALS_MAX: u64 = 4 << 20;

/// Parses a module with walrus' default configuration, and notes where its functions went.
///
/// # Errors
///
/// What walrus cannot read (`docs/walrus.md` has the list), and more than [`LOCALS_MAX`] locals.
pub fn parse(bytes: &[u8], info: &ModuleInfo) -> Result<(Module, Originals), Error> {
    check_locals(info)?;
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let mut config = ModuleConfig::new();
    config.on_parse(move |_, ids| {
        let _ = sender.try_send(Originals::of(ids));
        Ok(())
    });
    let module = config.parse(bytes).map_err(|error| Error::Refused { reason: format!("{error:#}") })?;
    let originals = receiver.try_recv().expect("walrus calls `on_parse` for every module that it parses");
    Ok((module, originals))
}

fn check_locals(info: &ModuleInfo) -> Result<(), Error> {
    let bodies = info.functions.iter().filter_map(|function| function.body.as_ref());
    let locals: u64 = bodies.map(|body| u64::from(body.facts.locals)).sum();
    if locals > LOCALS_MAX { Err(Error::Locals { locals }) } else { Ok(()) }
}

/// Carries a plan out in a module that walrus parsed from the bytes that the plan was made for.
///
/// # Errors
///
/// Mode `ring`, objects of a garbage collector that are to be reported, functions that are no longer in the module, and those
/// whose type walrus cannot give to a new function. In the last case the module is half changed, and of no use.
///
/// # Panics
///
/// When the facts, the plan or the originals are those of another module.
pub fn instrument(
    module: &mut Module,
    originals: &Originals,
    info: &ModuleInfo,
    plan: &Plan,
) -> Result<Manifest, Error> {
    assert!(info.build == plan.build, "the plan was made for another module");
    assert!(info.functions.len() == originals.functions.len(), "the originals are those of another module");
    let manifest = crate::manifest::build(info.clone(), plan)?;
    if plan.is_empty() {
        return Ok(manifest);
    }
    if plan.mode == Mode::Ring {
        return Err(Error::Ring);
    }
    if !plan.objects.is_empty() {
        return Err(Error::Objects);
    }
    originals.check(module, info)?;
    let counters = Counters::add(module, info, plan);
    match plan.mode.has_hooks() {
        true => calls(module, originals, info, plan, &counters)?,
        false => body::rewrite_all(module, &Rewriting::counts(originals, info, plan, &counters)),
    }
    counters.export_accessors(module, info)?;
    remove_stale_sections(module);
    if plan.manifest == Placement::Embed {
        let section = RawCustomSection { name: MANIFEST_SECTION.to_string(), data: manifest.encode_bytes() };
        module.customs.add(section);
    }
    Ok(manifest)
}

/// What the rewriting of bodies needs to know.
struct Rewriting<'a> {
    originals: &'a Originals,
    info: &'a ModuleInfo,
    plan: &'a Plan,
    counters: &'a Counters,
    /// Original indices of imported functions.
    imports: HashMap<FunctionId, u32>,
    /// Original indices of memories, and whether they are indexed by `i64`.
    memories: HashMap<MemoryId, (u32, bool)>,
    /// None in mode `counts`.
    hooks: Option<&'a Hooks>,
    /// The functions whose caller has not begun, where it may be left and gone on with.
    more_stack: HashSet<FunctionId>,
    /// What is called in the place of an import.
    host_calls: Replacements,
    /// What is called in the place of an allocator, with the caller as one more argument.
    allocators: Replacements,
    /// What stands for an allocator where its address is taken.
    references: Replacements,
}

impl<'a> Rewriting<'a> {
    fn counts(originals: &'a Originals, info: &'a ModuleInfo, plan: &'a Plan, counters: &'a Counters) -> Self {
        let imports = originals.functions.iter().copied().zip(0..info.imported_functions).collect();
        let wide = info.memories.iter().map(|memory| memory.is_64);
        let memories = originals.memories.iter().copied().zip((0..).zip(wide)).collect();
        let more_stack = info.go.iter().flat_map(|go| &go.more_stack);
        let more_stack = more_stack.map(|index| originals.functions[*index as usize]).collect();
        let [host_calls, allocators, references] = std::array::from_fn(|_| Replacements::new());
        Rewriting {
            originals,
            info,
            plan,
            counters,
            imports,
            memories,
            more_stack,
            hooks: None,
            host_calls,
            allocators,
            references,
        }
    }
}

impl Rewriting<'_> {
    /// One more call of a function, or of an import: of one that Asyncify goes on with, only where it begins.
    fn count(&self, seq: &mut InstrSeqBuilder<'_>, index: u32) {
        match self.info.switching(index) {
            Some(Switching::Asyncify(cells)) => {
                self.counters.count_unless_rewinding(seq, index, self.originals.globals[cells.state as usize]);
            }
            Some(Switching::Go) | None => self.counters.count(seq, index),
        }
    }
}

/// Mode `calls`. Functions are made before bodies are rewritten, and bodies before the references to what they replace: so
/// nothing that is made here is rewritten itself.
fn calls(
    module: &mut Module,
    originals: &Originals,
    info: &ModuleInfo,
    plan: &Plan,
    counters: &Counters,
) -> Result<(), Error> {
    let hooks = Hooks::import(module, originals, info, plan)?;
    let mut rewriting = Rewriting { hooks: Some(&hooks), ..Rewriting::counts(originals, info, plan, counters) };
    let mut making = functions::Making { module, originals, info, plan, counters, hooks: &hooks };
    rewriting.host_calls = making.host_calls();
    rewriting.allocators = making.allocators();
    rewriting.references = making.references(&rewriting.allocators)?;
    let thunks = making.thunks(&rewriting.allocators)?;
    let start = making.start();
    body::rewrite_all(module, &rewriting);
    references::redirect(module, &rewriting.references, &thunks);
    module.start = Some(start);
    hooks.remove_unused(module);
    Ok(())
}

/// What describes offsets in the code: walrus moves all of it. Its own DWARF is not emitted unless the pipeline's
/// configuration asks for it.
fn remove_stale_sections(module: &mut Module) {
    let stale = module.customs.iter().filter(|(_, section)| debug::Kind::of(section.name()).is_some());
    let sections: Vec<_> = stale.map(|(id, _)| id).collect();
    for section in sections {
        module.customs.delete(section);
    }
}
