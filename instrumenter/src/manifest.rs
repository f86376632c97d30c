//! The manifest, from facts and plan.

use waspect_abi::manifest::{self, Kind, MANIFEST_BYTES_MAX};
use waspect_abi::{ABI_VERSION, Manifest};

use crate::Error;
use crate::info::{Function, ModuleInfo};
use crate::plan::{Boundary, Plan};

/// Describes what the plan makes of the module. Takes the facts: their names become the manifest's.
pub(crate) fn build(info: ModuleInfo, plan: &Plan) -> Result<Manifest, Error> {
    let listed: Vec<bool> = (0..info.functions.len() as u32).map(|index| is_listed(&info, plan, index)).collect();
    let function_count = info.functions.len() as u32;
    let objects = plan.objects.iter().filter_map(|index| info.object(*index)).map(object).collect();
    let mut files = Files { numbers: vec![0; info.files.len()], names: info.files, list: Vec::new() };
    let functions = functions(info.functions, plan, &listed, &mut files);
    let manifest = Manifest {
        abi: ABI_VERSION,
        build: info.build.0,
        mode: plan.mode.into(),
        name: info.name,
        function_count,
        functions,
        files: files.list,
        memories: info.memories.iter().map(memory).collect(),
        allocators: plan.allocators.iter().map(allocator).collect(),
        gates_only: plan.gates_only,
        objects,
    };
    let bytes = manifest.bytes_len();
    if bytes > MANIFEST_BYTES_MAX {
        return Err(Error::Limit {
            place: Default::default(),
            what: "the manifest's size in bytes",
            value: bytes as u64,
            max: MANIFEST_BYTES_MAX as u64,
            remedy: "narrow the selection with --include or --exclude",
        });
    }
    Ok(manifest)
}

/// Functions with a hook or a counter, boundaries and allocators; and where allocations are reported, whoever may ask for
/// memory: every function that calls another.
fn is_listed(info: &ModuleInfo, plan: &Plan, index: u32) -> bool {
    let (function, planned) = (&info.functions[index as usize], &plan.functions[index as usize]);
    let may_allocate = !plan.allocators.is_empty() && function.body.as_ref().is_some_and(|body| body.facts.calls > 0);
    planned.hook.is_ok()
        || planned.boundary != Boundary::No
        || may_allocate
        || plan.allocator(index).is_some()
        || plan.hooks_grow(info, index)
        || plan.hooks_new(info, index)
}

fn functions(functions: Vec<Function>, plan: &Plan, listed: &[bool], files: &mut Files) -> Vec<manifest::Function> {
    let mut entries = Vec::with_capacity(listed.iter().filter(|listed| **listed).count());
    for (index, function) in functions.into_iter().enumerate().filter(|(index, _)| listed[*index]) {
        let planned = &plan.functions[index];
        entries.push(manifest::Function {
            index: index as u32,
            name: function.name,
            kind: if function.body.is_some() { Kind::Guest } else { Kind::Import }.into(),
            hooked: planned.hook.is_ok(),
            boundary: planned.boundary != Boundary::No,
            file: function.source.map_or(0, |source| files.number(source.file)),
            line: function.source.map_or(0, |source| source.line),
        });
    }
    entries
}

fn object(object: &crate::info::ObjectType) -> manifest::ObjectType {
    manifest::ObjectType { index: object.index, name: object.name.clone() }
}

/// The files that listed functions begin in, in the order in which they come up.
struct Files {
    /// By index in the facts.
    names: Vec<String>,
    /// By index in the facts: the number in the manifest, 0 for those that did not come up.
    numbers: Vec<u32>,
    list: Vec<String>,
}

impl Files {
    fn number(&mut self, file: u32) -> u32 {
        let number = &mut self.numbers[file as usize];
        if *number == 0 {
            self.list.push(std::mem::take(&mut self.names[file as usize]));
            *number = self.list.len() as u32;
        }
        *number
    }
}

fn memory(memory: &crate::info::Memory) -> manifest::Memory {
    manifest::Memory { is_64: memory.is_64, shared: memory.shared, page_size_log2: memory.page_size_log2 }
}

fn allocator(allocator: &crate::plan::Allocator) -> manifest::Allocator {
    manifest::Allocator { index: allocator.index, family: allocator.family.to_string(), collected: allocator.collected }
}
