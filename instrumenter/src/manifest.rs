//! The manifest, from facts and plan.

use waspect_abi::manifest::{self, Kind, MANIFEST_BYTES_MAX};
use waspect_abi::{ABI_VERSION, Manifest};

use crate::Error;
use crate::info::ModuleInfo;
use crate::plan::{Boundary, Plan};

/// Describes what the plan makes of the module.
pub(crate) fn build(info: &ModuleInfo, plan: &Plan) -> Result<Manifest, Error> {
    let mut files = Files { info, numbers: vec![0; info.files.len()], list: Vec::new() };
    let functions = functions(info, plan, &mut files);
    let manifest = Manifest {
        abi: ABI_VERSION,
        build: info.build.0,
        mode: plan.mode.into(),
        name: info.name.clone(),
        function_count: info.functions.len() as u32,
        functions,
        files: files.list,
        memories: info.memories.iter().map(memory).collect(),
        allocators: plan.allocators.iter().map(allocator).collect(),
        gates_only: plan.gates_only,
    };
    let bytes = prost_len(&manifest);
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

fn prost_len(manifest: &Manifest) -> usize {
    manifest.encode_bytes().len()
}

/// Functions with a hook or a counter, boundaries and allocators; and where allocations are reported, whoever may ask for
/// memory: every function that calls another.
fn functions(info: &ModuleInfo, plan: &Plan, files: &mut Files<'_>) -> Vec<manifest::Function> {
    let mut listed = Vec::new();
    for (index, (function, planned)) in info.functions.iter().zip(&plan.functions).enumerate() {
        let index = index as u32;
        let hooked = planned.hook.is_ok();
        let boundary = planned.boundary != Boundary::No;
        let may_allocate =
            !plan.allocators.is_empty() && function.body.as_ref().is_some_and(|body| body.facts.calls > 0);
        if hooked || boundary || may_allocate || plan.allocator(index).is_some() || plan.hooks_grow(info, index) {
            listed.push(manifest::Function {
                index,
                name: function.name.clone(),
                kind: if function.body.is_some() { Kind::Guest } else { Kind::Import }.into(),
                hooked,
                boundary,
                file: function.source.map_or(0, |source| files.number(source.file)),
                line: function.source.map_or(0, |source| source.line),
            });
        }
    }
    listed
}

/// The files that listed functions begin in, in the order in which they come up.
struct Files<'a> {
    info: &'a ModuleInfo,
    /// By index in the facts: the number in the manifest, 0 for those that did not come up.
    numbers: Vec<u32>,
    list: Vec<String>,
}

impl Files<'_> {
    fn number(&mut self, file: u32) -> u32 {
        let number = &mut self.numbers[file as usize];
        if *number == 0 {
            self.list.push(self.info.files[file as usize].clone());
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
