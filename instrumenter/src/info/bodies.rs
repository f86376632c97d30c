//! Function bodies into facts: one pass over the instructions, in parallel.

use std::num::NonZeroUsize;
use std::ops::Range;

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, OperatorsReader, OperatorsReaderAllocations,
    ValidatorResources, WasmFeatures,
};

use super::ModuleInfo;
use crate::sites::{Site, Sites};
use crate::{Error, parallel};

/// What a plan and a rewriter need to know of a body before they begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodyFacts {
    /// Declared locals, parameters not included.
    pub locals: u32,
    /// Holds a `return`, or a branch to the function's own label: its exit needs a block around the body.
    pub leaves_early: bool,
    /// Some `try_table` clause branches to a `loop`: its handler begins at the loop's start.
    pub catches_to_loop: bool,
    /// Direct calls.
    pub calls: u32,
    /// `return_call` in all its forms.
    pub tail_calls: u32,
    /// Exception handlers: `catch`, `catch_all`, and clauses of `try_table`.
    pub handlers: u32,
    /// Grows a memory indexed by `i32`.
    pub grows_32: bool,
    /// Grows a memory indexed by `i64`.
    pub grows_64: bool,
    /// `memory.grow` instructions.
    pub grows: u32,
}

/// Reads every body and fills in its facts, and which functions they call and refer to.
pub(super) fn read(
    info: &mut ModuleInfo,
    module: &[u8],
    resources: Option<&ValidatorResources>,
    threads: Option<NonZeroUsize>,
) -> Result<(), Error> {
    let Some(resources) = resources else { return Ok(()) };
    let mut bodies = Vec::with_capacity(info.functions.len() - info.imported_functions as usize);
    for (index, function) in info.functions.iter().enumerate().skip(info.imported_functions as usize) {
        bodies.push((index as u32, function.body.as_ref().map_or(0..0, |body| body.range.clone())));
    }
    let mut results = Vec::new();
    {
        let shared: &ModuleInfo = info;
        let work = |run: &[(u32, Range<usize>)]| read_run(shared, module, resources, run);
        parallel::in_order(&bodies, threads, |(_, range)| range.len(), work, |run| results.push(run))?;
    }
    let mut next = info.imported_functions as usize;
    for run in results {
        for facts in run.facts {
            if let Some(body) = &mut info.functions[next].body {
                body.facts = facts;
            }
            next += 1;
        }
        for (used, function) in run.used.iter().zip(&mut info.functions) {
            function.called |= used & CALLED != 0;
            function.tail_called |= used & TAIL_CALLED != 0;
            function.address_taken |= used & REFERRED != 0;
        }
    }
    Ok(())
}

const CALLED: u8 = 1;
const TAIL_CALLED: u8 = 2;
const REFERRED: u8 = 4;

struct Run {
    facts: Vec<BodyFacts>,
    /// How the run's bodies use each function.
    used: Vec<u8>,
}

fn read_run(
    info: &ModuleInfo,
    module: &[u8],
    resources: &ValidatorResources,
    bodies: &[(u32, Range<usize>)],
) -> Result<Run, Error> {
    let mut run = Run { facts: Vec::with_capacity(bodies.len()), used: vec![0; info.functions.len()] };
    let mut scan = Scan { info, sites: Sites::default(), loops: Vec::new() };
    let mut allocations = OperatorsReaderAllocations::default();
    let mut validation = FuncValidatorAllocations::default();
    for (index, range) in bodies {
        let reader = BinaryReader::new(&module[range.clone()], range.start as u64);
        let body = FunctionBody::new(reader);
        let ty = info.functions[*index as usize].type_index;
        let resources = resources.clone();
        let function = FuncToValidate { resources, index: *index, ty, features: WasmFeatures::all() };
        let mut validator = function.into_validator(std::mem::take(&mut validation));
        let facts = validator.validate(&body).and_then(|()| scan.body(&body, &mut run.used, &mut allocations));
        run.facts.push(facts.map_err(|error| Error::from(error).in_function(*index))?);
        validation = validator.into_allocations();
    }
    Ok(run)
}

struct Scan<'a> {
    info: &'a ModuleInfo,
    sites: Sites,
    /// One entry an open block: is it a loop?
    loops: Vec<bool>,
}

impl Scan<'_> {
    fn body(
        &mut self,
        body: &FunctionBody<'_>,
        used: &mut [u8],
        allocations: &mut OperatorsReaderAllocations,
    ) -> wasmparser::Result<BodyFacts> {
        let mut facts = BodyFacts::default();
        let mut locals = body.get_locals_reader()?;
        for _ in 0..locals.get_count() {
            facts.locals += locals.read()?.0;
        }
        let mut reader = OperatorsReader::new_with_allocs(locals.get_binary_reader(), std::mem::take(allocations));
        self.sites.reset();
        self.loops.clear();
        loop {
            let site = reader.visit_operator(&mut self.sites)?;
            match site {
                Site::Plain => continue,
                Site::FunctionEnd => break,
                _ => self.site(site, &mut facts, used),
            }
        }
        *allocations = reader.into_allocations();
        Ok(facts)
    }

    fn site(&mut self, site: Site, facts: &mut BodyFacts, used: &mut [u8]) {
        match site {
            Site::Plain | Site::FunctionEnd => {}
            Site::Open => self.loops.push(false),
            Site::OpenLoop => self.loops.push(true),
            Site::OpenTryTable => {
                facts.handlers += self.sites.catches.len() as u32;
                for label in &self.sites.catches {
                    match self.loops.len().checked_sub(1 + *label as usize) {
                        Some(at) => facts.catches_to_loop |= self.loops[at],
                        None => facts.leaves_early = true,
                    }
                }
                self.loops.push(false);
            }
            Site::Handler => facts.handlers += 1,
            Site::Close => drop(self.loops.pop()),
            Site::BranchOut | Site::Return => facts.leaves_early = true,
            Site::Call(function) => {
                used[function as usize] |= CALLED;
                facts.calls += 1;
            }
            Site::TailCall(function) => {
                used[function as usize] |= TAIL_CALLED;
                facts.tail_calls += 1;
            }
            Site::TailCallDynamic => facts.tail_calls += 1,
            Site::RefFunc(function) => used[function as usize] |= REFERRED,
            Site::Grow(memory) => {
                let is_64 = self.info.memories[memory as usize].is_64;
                facts.grows_32 |= !is_64;
                facts.grows_64 |= is_64;
                facts.grows += 1;
            }
        }
    }
}
