//! Function bodies into facts: one pass over the instructions, in parallel.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidator, FuncValidatorAllocations, ValidatorResources, WasmFeatures,
};

use super::judged::Judged;
use super::{Function, Memory, ModuleInfo};
use crate::sites::{Site, Sites};
use crate::{Error, parallel};

/// What a plan and a rewriter need to know of a body before they begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodyFacts {
    /// Declared locals, parameters not included.
    pub locals: u32,
    /// Holds a `return`, or a branch to the function's own label: its exit needs a block around the body.
    pub leaves_early: bool,
    /// Some clause of a `try_table` or `resume` leads to a `loop`: its handler begins at the loop's start.
    pub handles_in_loop: bool,
    /// `return`.
    pub returns: u32,
    /// `ref.func`.
    pub references: u32,
    /// Direct calls.
    pub calls: u32,
    /// `call_indirect` and `call_ref`.
    pub dynamic_calls: u32,
    /// `return_call` in all its forms.
    pub tail_calls: u32,
    /// Places where frames of others may have to be closed: `catch`, `catch_all`, `resume`, and clauses of `try_table` and
    /// `resume`.
    pub handlers: u32,
    /// An exception can leave it: it calls, throws, or runs on a stack that others resume.
    pub can_throw: bool,
    /// `try_table`: the new exceptions.
    pub try_tables: bool,
    /// `catch` or `catch_all`: the legacy ones.
    pub catches: bool,
    /// Grows a memory indexed by `i32`.
    pub grows_32: bool,
    /// Grows a memory indexed by `i64`.
    pub grows_64: bool,
    /// `memory.grow` instructions.
    pub grows: u32,
    /// Instructions that make an object of the garbage collector's.
    pub news: u32,
    /// Some of them make an array whose length is known at run time only.
    pub news_sized: bool,
}

/// Reads and validates every body, and fills in its facts and which functions it calls and refers to.
pub(super) fn read(
    info: &mut ModuleInfo,
    module: &[u8],
    resources: Option<&ValidatorResources>,
    threads: Option<NonZeroUsize>,
) -> Result<(), Error> {
    let Some(resources) = resources else { return Ok(()) };
    let memories = &info.memories;
    let functions = &mut info.functions;
    let defined = functions.iter().enumerate().skip(info.imported_functions as usize);
    let bodies: Vec<Unread> = defined.filter_map(|(index, function)| Unread::of(index, function)).collect();
    let mut used = vec![0; functions.len()];
    let mut made = BTreeSet::new();
    let mut next = info.imported_functions as usize;
    let count = functions.len();
    let work = |run: &[Unread]| read_run(module, resources, memories, count, run);
    parallel::in_order(
        &bodies,
        threads,
        |body| body.range.len(),
        work,
        |run| {
            for facts in run.facts {
                if let Some(body) = &mut functions[next].body {
                    body.facts = facts;
                }
                next += 1;
            }
            used.iter_mut().zip(run.used).for_each(|(all, some)| *all |= some);
            made.extend(run.made);
        },
    )?;
    for (used, function) in used.into_iter().zip(functions) {
        function.called |= used & CALLED != 0;
        function.tail_called |= used & TAIL_CALLED != 0;
        function.address_taken |= used & REFERRED != 0;
    }
    for object in &mut info.objects {
        object.made = made.contains(&object.index);
    }
    Ok(())
}

const CALLED: u8 = 1;
const TAIL_CALLED: u8 = 2;
const REFERRED: u8 = 4;

/// A body that nobody looked into yet.
struct Unread {
    index: u32,
    type_index: u32,
    range: Range<usize>,
}

impl Unread {
    fn of(index: usize, function: &Function) -> Option<Unread> {
        let range = function.body.as_ref()?.range.clone();
        Some(Unread { index: index as u32, type_index: function.type_index, range })
    }
}

struct Run {
    facts: Vec<BodyFacts>,
    /// How the run's bodies use each function.
    used: Vec<u8>,
    /// The types whose objects they make.
    made: BTreeSet<u32>,
}

fn read_run(
    module: &[u8],
    resources: &ValidatorResources,
    memories: &[Memory],
    functions: usize,
    bodies: &[Unread],
) -> Result<Run, Error> {
    let mut run = Run { facts: Vec::with_capacity(bodies.len()), used: vec![0; functions], made: BTreeSet::new() };
    let mut scan = Scan { memories, sites: Sites::default(), loops: Vec::new(), made: BTreeSet::new() };
    let mut allocations = FuncValidatorAllocations::default();
    for body in bodies {
        let reader = BinaryReader::new(&module[body.range.clone()], body.range.start as u64);
        let function = FuncToValidate {
            resources: resources.clone(),
            index: body.index,
            ty: body.type_index,
            features: WasmFeatures::all(),
        };
        let mut validator = function.into_validator(allocations);
        let facts = scan.body(reader, &mut validator, &mut run.used);
        run.facts.push(facts.map_err(|error| Error::from(error).in_function(body.index))?);
        allocations = validator.into_allocations();
    }
    run.made = scan.made;
    Ok(run)
}

struct Scan<'a> {
    memories: &'a [Memory],
    sites: Sites,
    /// One entry an open block: is it a loop?
    loops: Vec<bool>,
    /// The types whose objects the run's bodies make.
    made: BTreeSet<u32>,
}

impl Scan<'_> {
    fn body(
        &mut self,
        mut reader: BinaryReader<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
        used: &mut [u8],
    ) -> wasmparser::Result<BodyFacts> {
        let params = validator.len_locals();
        validator.read_locals(&mut reader)?;
        let mut facts = BodyFacts { locals: validator.len_locals() - params, ..BodyFacts::default() };
        self.sites.reset();
        self.loops.clear();
        while !reader.eof() {
            let offset = reader.original_position();
            let mut judged = Judged { validator: validator.simd_visitor(offset), sites: &mut self.sites };
            match reader.visit_operator(&mut judged)?? {
                Site::Plain => {}
                Site::FunctionEnd => break,
                site => self.site(site, &mut facts, used),
            }
        }
        reader.finish_expression(&validator.visitor(reader.original_position()))?;
        Ok(facts)
    }

    fn site(&mut self, site: Site, facts: &mut BodyFacts, used: &mut [u8]) {
        match site {
            Site::Plain | Site::FunctionEnd => {}
            Site::Open => self.loops.push(false),
            Site::OpenLoop => self.loops.push(true),
            Site::OpenTryTable => {
                facts.try_tables = true;
                self.clauses(facts);
                self.loops.push(false);
            }
            Site::Resume => {
                facts.can_throw = true;
                facts.handlers += 1;
                self.clauses(facts);
            }
            Site::Handler => {
                facts.catches = true;
                facts.handlers += 1;
            }
            Site::Throw => facts.can_throw = true,
            Site::Close => drop(self.loops.pop()),
            Site::BranchOut => facts.leaves_early = true,
            Site::Return => {
                facts.leaves_early = true;
                facts.returns += 1;
            }
            Site::Call(function) => {
                used[function as usize] |= CALLED;
                facts.can_throw = true;
                facts.calls += 1;
            }
            Site::CallDynamic => {
                facts.can_throw = true;
                facts.dynamic_calls += 1;
            }
            Site::NewStruct(r#type) | Site::NewArrayFixed(r#type, _) => self.makes(r#type, facts),
            Site::NewArray(r#type) => {
                facts.news_sized = true;
                self.makes(r#type, facts);
            }
            Site::TailCall(function) => {
                used[function as usize] |= TAIL_CALLED;
                facts.tail_calls += 1;
            }
            Site::TailCallDynamic => facts.tail_calls += 1,
            Site::RefFunc(function) => {
                used[function as usize] |= REFERRED;
                facts.references += 1;
            }
            Site::Grow(memory) => {
                let is_64 = self.memories[memory as usize].is_64;
                facts.grows_32 |= !is_64;
                facts.grows_64 |= is_64;
                facts.grows += 1;
            }
        }
    }

    fn makes(&mut self, r#type: u32, facts: &mut BodyFacts) {
        facts.news += 1;
        self.made.insert(r#type);
    }

    fn clauses(&self, facts: &mut BodyFacts) {
        facts.handlers += self.sites.clauses.len() as u32;
        for label in &self.sites.clauses {
            match self.loops.len().checked_sub(1 + *label as usize) {
                Some(at) => facts.handles_in_loop |= self.loops[at],
                None => facts.leaves_early = true,
            }
        }
    }
}
