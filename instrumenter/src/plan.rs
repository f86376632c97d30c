//! Stage 2: what to do with a module, and why not more. Plain data that can be printed; it holds no bytes and changes none.

mod allocators;
mod crossings;
mod exceptions;
mod families;
mod select;

use std::fmt;
use std::num::NonZeroUsize;

use waspect_abi::hooks::HOOK_MODULE;
use waspect_abi::manifest::Mode;
use waspect_abi::ring::RING_EXPORT;
use waspect_abi::{BuildId, COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, MANIFEST_SECTION};

use crate::debug::{self, DwarfError};
use crate::info::{BodyFacts, ModuleInfo, Section};
use crate::mutants::{Mutant, Seed};
use crate::options::{Debug, Options, Placement};
use crate::rewrite::Layout;
use crate::{Error, limits};

pub(crate) use allocators::Shape;
pub use allocators::{Allocator, Entry};
pub use exceptions::Inexact;

/// More selected functions than this have gate bits instead of counters (not in mode `counts`): globals cost at instantiation.
pub const COUNTERS_MAX: usize = 10_000;

/// What to do with a module.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which module it was made for.
    pub build: BuildId,
    /// Depth of instrumentation.
    pub mode: Mode,
    /// Where the manifest goes.
    pub manifest: Placement,
    /// What happens to each function, by original index, imports first.
    pub functions: Vec<FunctionPlan>,
    /// The allocators whose calls are redirected, by ascending index.
    pub allocators: Vec<Allocator>,
    /// One bit a function, by index: it belongs to an allocator's family, and calls allocators unreported.
    pub(crate) inside: Vec<bool>,
    /// One bit a function, by index, in mode `ring` (rule R8): code of another instance can enter it without a thunk.
    crossings: Vec<bool>,
    /// `memory.grow` is hooked.
    pub grows: bool,
    /// Exceptions are caught where they leave a function, and thrown on (rule U5).
    pub exact_unwind: bool,
    /// Types whose objects are reported as they are made, by ascending index.
    pub objects: Vec<u32>,
    /// Functions have gate bits but no counters.
    pub gates_only: bool,
    /// Indices (into [`ModuleInfo::sections`], ascending) of custom sections that are dropped: they would go stale, or are not wanted.
    pub dropped_sections: Vec<usize>,
    /// What becomes of DWARF.
    pub debug: Debug,
    /// The URL of the output's source map.
    pub source_map_url: Option<String>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Threads that write bodies.
    pub threads: Option<NonZeroUsize>,
    pub(crate) seed: Seed,
}

/// What happens to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionPlan {
    /// Hooks or records (not in mode `counts`) and counter; or the reason why not.
    pub hook: Result<(), Reason>,
    /// How calls from the host are told apart.
    pub boundary: Boundary,
}

/// How calls of a function from the host are told apart from calls within the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// The host cannot call it by name.
    No,
    /// Its exports lead to a thunk that calls `begin` and `end`.
    Thunk,
    /// The manifest says that the host can call it; nothing is injected, so that its identity stays.
    Mark,
}

/// Why a function is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No `include` glob and no index of the options matches.
    NotIncluded,
    /// An `exclude` glob matches.
    Excluded,
    /// Only exports were asked for.
    NotExported,
    /// Only imports were asked for.
    NotImported,
    /// Imports were not asked for.
    ImportsOff,
    /// No body calls this import directly.
    NeverCalled,
    /// A builtin of the engine (`wasm:*`): engines inline its calls, a wrapper would prevent it.
    Builtin,
    /// Its body is shorter than the options ask for.
    Small {
        /// Its length in bytes.
        bytes: u32,
    },
    /// It may be shared between threads; hooks are not.
    Shared,
    /// It has no room for more locals.
    Locals {
        /// Parameters and locals that it would have.
        would_be: u32,
    },
    /// Its body has no room for more bytes.
    Size {
        /// Bytes that it might have.
        would_be: u32,
    },
}

/// What the user should know of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Custom sections describe offsets in the code, which move, and cannot be rewritten; they are dropped.
    StaleSections {
        /// The sections' names, in their order.
        names: Vec<String>,
        /// Their lengths together, in bytes.
        bytes: usize,
    },
    /// The debug information cannot be rewritten; it is dropped.
    DebugInfoDropped {
        /// Why not.
        error: DwarfError,
        /// Its length in bytes.
        bytes: usize,
    },
    /// Entries of the debug information lost their range of addresses: its length has no room where it stood.
    DebugRangesLost {
        /// How many.
        entries: usize,
    },
    /// Too many functions for a counter each.
    GatesOnly {
        /// Selected functions.
        functions: usize,
    },
    /// Many globals: slow to instantiate in some engines, too many for some limits.
    ManyCounters {
        /// Selected functions.
        functions: usize,
    },
    /// Exceptions cannot be caught where they leave a function.
    Inexact(Inexact),
    /// Functions that go on after they were suspended are told as new calls: records cannot tell.
    Fragments,
    /// The module has no names: functions show up as numbers.
    NoNames,
    /// Nothing was selected: the output is the input.
    NothingSelected,
}

impl Plan {
    /// Decides what to do with a module.
    ///
    /// # Errors
    ///
    /// Modules that cannot be instrumented (objects, what is already instrumented), options that name what does not exist,
    /// and output that engines would refuse.
    pub fn new(info: &ModuleInfo, options: &Options) -> Result<Plan, Error> {
        refuse_objects(info)?;
        refuse_instrumented(info)?;
        let hooks = select::functions(info, options)?;
        let nothing = hooks.iter().all(Result::is_err);
        let calls = options.mode.has_hooks() && !nothing;
        let found = if calls && options.alloc { allocators::find(info, options)? } else { Default::default() };
        let hooked = hooks.iter().filter(|hook| hook.is_ok()).count();
        let mut plan = Plan {
            build: info.build,
            mode: options.mode,
            manifest: options.manifest,
            functions: Vec::with_capacity(info.functions.len()),
            allocators: found.allocators,
            inside: found.inside,
            crossings: Vec::new(),
            grows: calls && options.alloc,
            exact_unwind: calls && options.exact_unwind && exceptions::can_be_thrown_on(info),
            objects: Vec::new(),
            gates_only: calls && hooked > COUNTERS_MAX,
            dropped_sections: Vec::new(),
            debug: options.debug.clone(),
            source_map_url: options.source_map_url.clone(),
            warnings: Vec::new(),
            threads: options.threads,
            seed: Seed::of(options),
        };
        for (index, hook) in hooks.into_iter().enumerate() {
            let boundary = boundary(info, index as u32, calls, plan.seed);
            plan.functions.push(FunctionPlan { hook, boundary });
        }
        if plan.grows {
            plan.objects.extend(info.objects.iter().filter(|object| object.made).map(|object| object.index));
        }
        if plan.writes_records(info) {
            plan.crossings = crossings::find(info, &plan);
        }
        plan.drop_sections(info);
        plan.warn(info, hooked);
        if options.exact_unwind && !plan.exact_unwind && !nothing {
            plan.warnings.push(exceptions::why_not(info, options.mode));
        }
        if !plan.is_empty() {
            Layout::new(info, &plan)?.check_limits(info, &plan)?;
        }
        Ok(plan)
    }

    /// True when nothing is selected: the output is the input, byte for byte.
    pub fn is_empty(&self) -> bool {
        self.functions.iter().all(|function| function.hook.is_err())
    }

    /// How many functions and imports get hooks or counters.
    pub fn hooked(&self) -> usize {
        self.functions.iter().filter(|function| function.hook.is_ok()).count()
    }

    /// How many functions get a boundary thunk.
    pub fn thunks(&self) -> usize {
        self.functions.iter().filter(|function| function.boundary == Boundary::Thunk).count()
    }

    /// True when the function gets hooks or a counter.
    pub fn is_hooked(&self, index: u32) -> bool {
        self.functions.get(index as usize).is_some_and(|function| function.hook.is_ok())
    }

    /// True when the function's activations are told as beginning or going on, and as ending or suspended (rule L3): in mode `calls`.
    pub(crate) fn tells_stacks(&self, info: &ModuleInfo, index: u32) -> bool {
        self.mode == Mode::Calls && self.is_hooked(index) && info.is_resumable(index)
    }

    /// True when exceptions that leave the function, or the import, are caught and thrown on (rule U5).
    pub(crate) fn throws_on(&self, info: &ModuleInfo, index: u32) -> bool {
        let can_throw = || info.functions[index as usize].body.as_ref().is_none_or(|body| body.facts.can_throw);
        self.exact_unwind && self.is_hooked(index) && can_throw()
    }

    /// True when a function writes records: in mode `ring`, where a function that has a body is selected.
    pub(crate) fn writes_records(&self, info: &ModuleInfo) -> bool {
        let defined = info.imported_functions..self.functions.len() as u32;
        self.mode == Mode::Ring && defined.into_iter().any(|index| self.is_hooked(index))
    }

    /// True when code of another instance can enter the function without a thunk (rule R8).
    pub(crate) fn crosses(&self, index: u32) -> bool {
        self.crossings.get(index as usize).is_some_and(|crosses| *crosses)
    }

    /// True when the function's `memory.grow` instructions are hooked: they need two scratch locals each width.
    pub(crate) fn hooks_grow(&self, info: &ModuleInfo, index: u32) -> bool {
        self.grows && self.reports(info, index, |facts| facts.grows)
    }

    /// True when the objects that the function makes are reported: it needs a scratch local for lengths.
    pub(crate) fn hooks_new(&self, info: &ModuleInfo, index: u32) -> bool {
        !self.objects.is_empty() && self.reports(info, index, |facts| facts.news)
    }

    /// True when a body holds instructions of a kind, and can call hooks and have the locals for it.
    fn reports(&self, info: &ModuleInfo, index: u32, count: impl Fn(&BodyFacts) -> u32) -> bool {
        let function = &info.functions[index as usize];
        let Some(body) = function.body.as_ref().filter(|body| count(&body.facts) > 0) else { return false };
        let Some(r#type) = info.function_type(index).filter(|r#type| !r#type.shared) else { return false };
        select::has_room(self.mode, r#type.params.len() as u32, body, info.is_resumable(index)).is_ok()
    }

    /// The allocator that a function is, if its calls are redirected.
    pub fn allocator(&self, index: u32) -> Option<&Allocator> {
        let at = self.allocators.binary_search_by_key(&index, |allocator| allocator.index).ok()?;
        Some(&self.allocators[at])
    }

    /// True when something of the module describes code by its offsets, and is kept.
    pub(crate) fn needs_code_map(&self, info: &ModuleInfo) -> bool {
        self.source_map_url.is_some()
            || self.kept(info, &[debug::Kind::Dwarf, debug::Kind::CodeMetadata]).next().is_some()
    }

    /// The custom sections of some kinds that are not dropped, with their places.
    pub(crate) fn kept<'a>(
        &self,
        info: &'a ModuleInfo,
        kinds: &[debug::Kind],
    ) -> impl Iterator<Item = (usize, &'a Section)> {
        info.sections.iter().enumerate().filter(|(at, section)| {
            debug::Kind::of(&section.name).is_some_and(|kind| kinds.contains(&kind)) && !self.is_dropped(*at)
        })
    }

    /// True for a section that the output has not.
    pub(crate) fn is_dropped(&self, section: usize) -> bool {
        self.dropped_sections.binary_search(&section).is_ok()
    }

    /// Drops further sections.
    pub(crate) fn drop_also(&mut self, sections: impl IntoIterator<Item = usize>) {
        self.dropped_sections.extend(sections);
        self.dropped_sections.sort_unstable();
    }

    /// Decides which sections of debug information go.
    fn drop_sections(&mut self, info: &ModuleInfo) {
        if self.is_empty() {
            return;
        }
        let mut stale = Vec::new();
        for (at, section) in info.sections.iter().enumerate() {
            let Some(kind) = debug::Kind::of(&section.name) else { continue };
            let stripped = self.debug == Debug::Strip && kind != debug::Kind::CodeMetadata;
            let is_stale = match kind {
                debug::Kind::Dwarf | debug::Kind::CodeMetadata => false,
                debug::Kind::SourceMapUrl => self.source_map_url.is_none(),
                debug::Kind::UnknownDwarf | debug::Kind::ExternalDebugInfo | debug::Kind::Linking => true,
            };
            if stripped || is_stale {
                self.dropped_sections.push(at);
            }
            if is_stale && !stripped {
                stale.push(section);
            }
        }
        self.warn_of_stale(stale);
    }

    /// Says that sections are dropped, if any are.
    pub(crate) fn warn_of_stale(&mut self, sections: Vec<&Section>) {
        if !sections.is_empty() {
            let names = sections.iter().map(|section| section.name.clone()).collect();
            let bytes = sections.iter().map(|section| section.range.len()).sum();
            self.warnings.push(Warning::StaleSections { names, bytes });
        }
    }

    fn warn(&mut self, info: &ModuleInfo, hooked: usize) {
        if hooked == 0 {
            self.warnings.push(Warning::NothingSelected);
            return;
        }
        if self.gates_only {
            self.warnings.push(Warning::GatesOnly { functions: hooked });
        } else if hooked > COUNTERS_MAX {
            self.warnings.push(Warning::ManyCounters { functions: hooked });
        }
        if self.mode == Mode::Ring && info.has_stacks() {
            self.warnings.push(Warning::Fragments);
        }
        if !info.has_names {
            self.warnings.push(Warning::NoNames);
        }
    }
}

fn boundary(info: &ModuleInfo, index: u32, calls: bool, seed: Seed) -> Boundary {
    let function = &info.functions[index as usize];
    if !function.exported && info.start != Some(index) {
        return Boundary::No;
    }
    let shared = info.function_type(index).is_none_or(|r#type| r#type.shared);
    let compared = function.address_taken && !seed.is(Mutant::IdentityBroken);
    let plain = calls && function.exported && !compared && function.body.is_some() && !shared;
    if plain { Boundary::Thunk } else { Boundary::Mark }
}

/// Refuses what a linker has yet to read. A module that exports something, or starts by itself, was linked: objects say
/// what they export in their symbols alone.
fn refuse_objects(info: &ModuleInfo) -> Result<(), Error> {
    let linked = !info.exports.is_empty() || info.start.is_some();
    match info.sections.iter().find(|section| debug::Kind::of(&section.name) == Some(debug::Kind::Linking)) {
        Some(section) if !linked => {
            Err(Error::Relocatable { section: section.name.clone(), offset: section.range.start as u64 })
        }
        _ => Ok(()),
    }
}

fn refuse_instrumented(info: &ModuleInfo) -> Result<(), Error> {
    let evidence = if info.custom_sections(MANIFEST_SECTION).next().is_some() {
        format!("it has a custom section `{MANIFEST_SECTION}`")
    } else if info.imports.iter().any(|import| import.module == HOOK_MODULE) {
        format!("it imports from `{HOOK_MODULE}`")
    } else if let Some(export) = info
        .exports
        .iter()
        .find(|export| [COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, RING_EXPORT].contains(&export.name.as_str()))
    {
        format!("it exports `{}`", export.name)
    } else {
        return Ok(());
    };
    Err(Error::AlreadyInstrumented { evidence })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotIncluded => f.write_str("not included"),
            Reason::Excluded => f.write_str("excluded"),
            Reason::NotExported => f.write_str("not exported"),
            Reason::NotImported => f.write_str("not imported"),
            Reason::ImportsOff => f.write_str("imports are not hooked"),
            Reason::NeverCalled => f.write_str("no body calls it directly"),
            Reason::Builtin => f.write_str("a builtin of the engine"),
            Reason::Small { bytes } => write!(f, "its body has {bytes} bytes only"),
            Reason::Shared => f.write_str("it may be shared between threads, hooks may not"),
            Reason::Locals { would_be } => {
                write!(f, "it would have {would_be} locals, engines take {}", limits::LOCALS_MAX)
            }
            Reason::Size { would_be } => {
                write!(f, "its body might have {would_be} bytes, engines take {}", limits::BODY_BYTES_MAX)
            }
        }
    }
}

/// Most names of sections in a warning: a module's DWARF has 6 to 12, a hostile one thousands.
const SECTIONS_SHOWN_MAX: usize = 12;

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::StaleSections { names, bytes } => {
                let shown = names.iter().take(SECTIONS_SHOWN_MAX);
                let shown: Vec<String> = shown.map(|name| format!("`{}`", name.escape_debug())).collect();
                write!(f, "dropped, for the code that they describe moves: {}", shown.join(", "))?;
                match names.len() - shown.len() {
                    0 => write!(f, " ({bytes} bytes)"),
                    more => write!(f, " and {more} sections more ({bytes} bytes)"),
                }
            }
            Warning::DebugInfoDropped { error, bytes } => {
                write!(
                    f,
                    "dropped the debug information ({bytes} bytes), for the code that it describes moves: {error}"
                )
            }
            Warning::DebugRangesLost { entries } => {
                write!(
                    f,
                    "{entries} entries of the debug information lost their range: their lengths have no room to grow; \
                     lines are kept"
                )
            }
            Warning::GatesOnly { functions } => {
                write!(
                    f,
                    "{functions} functions are selected: above {COUNTERS_MAX} they have gates but no exact counters"
                )
            }
            Warning::ManyCounters { functions } => {
                write!(
                    f,
                    "{functions} counters: above {COUNTERS_MAX} some engines instantiate slowly; narrow with --include"
                )
            }
            Warning::Inexact(why) => write!(f, "--exact-unwind changes nothing: {why}"),
            Warning::Fragments => f.write_str(
                "the module's functions return when their stack waits, and are called again to go on (of Go, by Asyncify): in mode ring each \
                 time is one more call; use --mode calls",
            ),
            Warning::NoNames => f.write_str(
                "the module has no names: functions show up as exports, table slots and numbers; --symbols FILE names them",
            ),
            Warning::NothingSelected => f.write_str("nothing is selected: the output is the input"),
        }
    }
}
