//! Where everything stands in the output: new types, hook imports, globals, injected functions, and where old indices go.

use std::collections::HashMap;
use std::ops::Range;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, EntityType, ImportSection, MemorySection, MemoryType, TypeSection};
use wasmparser::ValType;
use waspect_abi::hooks::HOOK_MODULE;
use waspect_abi::manifest::Mode;
use waspect_abi::ring;
use waspect_abi::{BASE_REFUSED, COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, GATE_BIT, Hook, ValueType};

use super::splice;
use crate::info::{FunctionType, MODULE_BYTES_MAX, ModuleInfo, ObjectSize};
use crate::plan::{Boundary, Entry, Plan};
use crate::{Error, limits};

/// A function index of the output. Those of the input are plain `u32`; only a [`Layout`] turns one into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OutputIndex(pub u32);

/// A function that the output has and the input has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Injected {
    pub kind: InjectedKind,
    pub type_index: u32,
}

/// What an injected function is for. Indices are original function indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InjectedKind {
    /// Calls `module`, then the original start function.
    Start,
    /// Calls an import between `enter` and `exit`.
    HostCall(u32),
    /// Calls an allocator and reports it; its last parameter is the caller.
    Allocator(u32),
    /// Calls a function between `begin` and `end`.
    Thunk(u32),
    /// Stands for an allocator wherever its address is taken.
    Reference(u32),
    /// Reports an object of a type; its last parameter is the caller, an array's length the one before.
    Object(u32),
    /// How much of the current stack is in use, where the guest has stacks of its own.
    StackHeight,
    /// Reads and writes counters.
    Counter(Access),
}

/// The parts of the accessors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Exported.
    Get,
    /// Exported.
    Set,
    /// Finds a leaf.
    Reach,
    /// Reads and writes one counter.
    Exchange,
    /// Names the counters of one run of functions.
    Leaf(u32),
}

/// The globals through which the parts of the accessors talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scratch {
    /// Counters until the one in question.
    Left,
    /// What it was.
    Old,
    /// The bits that it keeps.
    Keep,
    /// The bits that it gets.
    New,
}

/// A global that the output adds.
pub(super) enum NewGlobal {
    I32(u32),
    I64(u64),
}

/// Where a function's gate or counter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// An `i64` global: gate in bit 63, calls below. In modes with hooks the bit is stored inverted: an open gate is then 0 at
    /// first, a constant of 2 bytes instead of 11 in every global's initial value. The accessors turn it back.
    Full(u32),
    /// A bit of an `i32` global; no count.
    Gate { global: u32, bit: u32 },
}

/// Fewest counters, or words of gates, of a leaf of the accessors: whoever wants one of them walks them all.
const LEAF_COUNTERS_MIN: u32 = 16;
/// Most leaves: a flat `br_table` of 60,000 arms took an engine 12 s to compile.
const LEAVES_MAX: u32 = 1024;

/// Where a `call` leads.
pub(super) enum Target {
    Function(OutputIndex),
    /// To an allocator's wrapper, which takes the caller as its last parameter.
    Allocator(OutputIndex),
}

const NONE: u32 = u32::MAX;
const SCRATCH_GLOBALS: u32 = 4;

/// Where everything stands in the output.
pub(crate) struct Layout {
    imported: u32,
    original: u32,
    hooks: Vec<(Hook, u32)>,
    pub(super) types: Types,
    pub(super) injected: Vec<Injected>,
    /// By original index, the output index of what stands for it; `NONE` where nothing does.
    host_call: Vec<u32>,
    allocator: Vec<u32>,
    export: Vec<u32>,
    reference: HashMap<u32, OutputIndex>,
    /// By type, what reports its objects.
    object: HashMap<u32, OutputIndex>,
    /// The block type of a wrapped body, by the type of its function, where it has more than one result.
    block_types: HashMap<u32, u32>,
    /// By original index; `NONE` where a function has no counter. In `gates_only`, by index / 32.
    counters: Vec<u32>,
    gate_masks: Vec<u32>,
    globals_original: u32,
    globals_added: u32,
    /// The first of the accessors' scratch globals.
    scratch: u32,
    mode: Mode,
    gates_only: bool,
    /// The memory of the ring, where records are written.
    ring: Option<u32>,
}

impl Layout {
    /// Lays a plan out.
    pub fn new(info: &ModuleInfo, plan: &Plan) -> Result<Layout, Error> {
        let mut layout = Layout {
            imported: info.imported_functions,
            original: info.functions.len() as u32,
            hooks: Vec::new(),
            types: Types { first: info.types.len() as u32, ..Types::default() },
            injected: Vec::new(),
            host_call: vec![NONE; info.imported_functions as usize],
            allocator: Vec::new(),
            export: vec![NONE; info.functions.len()],
            reference: HashMap::new(),
            object: HashMap::new(),
            block_types: HashMap::new(),
            counters: Vec::new(),
            gate_masks: Vec::new(),
            globals_original: info.globals.len() as u32,
            globals_added: 0,
            scratch: 0,
            mode: plan.mode,
            gates_only: plan.gates_only,
            ring: plan.writes_records(info).then_some(info.memories.len() as u32),
        };
        layout.place_counters(info, plan);
        if plan.mode.has_hooks() {
            layout.place_hooks(info, plan);
            layout.place_block_types(info, plan);
            layout.place_functions(info, plan);
        }
        layout.place_accessors();
        Ok(layout)
    }

    /// Where an original function stands now.
    pub fn function(&self, index: u32) -> OutputIndex {
        let moved = if index < self.imported { 0 } else { self.hooks.len() as u32 };
        OutputIndex(index + moved)
    }

    /// What stands for an original function wherever its address is taken.
    pub fn reference(&self, index: u32) -> OutputIndex {
        self.reference.get(&index).copied().unwrap_or_else(|| self.function(index))
    }

    /// What the exports of an original function lead to.
    pub fn export(&self, index: u32) -> OutputIndex {
        match self.export[index as usize] {
            NONE => self.reference(index),
            thunk => OutputIndex(thunk),
        }
    }

    /// Where a call of one original function in the body of another leads.
    pub(super) fn call(&self, plan: &Plan, caller: u32, callee: u32) -> Target {
        if let Some(wrapper) = self.host_call.get(callee as usize).filter(|wrapper| **wrapper != NONE) {
            return Target::Function(OutputIndex(*wrapper));
        }
        self.tail_call(plan, caller, callee)
    }

    /// As [`call`](Layout::call), for `return_call`: imports stay raw.
    pub(super) fn tail_call(&self, plan: &Plan, caller: u32, callee: u32) -> Target {
        match self.allocator.get(callee as usize).filter(|wrapper| **wrapper != NONE) {
            Some(wrapper) if !plan.inside[caller as usize] => Target::Allocator(OutputIndex(*wrapper)),
            _ => Target::Function(self.function(callee)),
        }
    }

    /// The wrapper of an allocator.
    pub(super) fn allocator(&self, index: u32) -> Option<OutputIndex> {
        self.allocator.get(index as usize).filter(|wrapper| **wrapper != NONE).map(|wrapper| OutputIndex(*wrapper))
    }

    /// What reports the objects of a type.
    pub(super) fn object(&self, r#type: u32) -> OutputIndex {
        self.object[&r#type]
    }

    /// Where a hook stands.
    pub(super) fn hook(&self, hook: Hook) -> OutputIndex {
        let at = self.hooks.iter().position(|(other, _)| *other == hook);
        OutputIndex(self.imported + at.expect("the layout has every hook that is called") as u32)
    }

    /// The memory of the ring, where records are written (rule R1).
    pub(super) fn ring(&self) -> Option<u32> {
        self.ring
    }

    /// The global that holds the base of ids (rule M3).
    pub(super) fn base(&self) -> u32 {
        self.globals_original
    }

    /// A function's counter or gate.
    pub(super) fn counter(&self, index: u32) -> Option<Counter> {
        if !self.gates_only {
            return self
                .counters
                .get(index as usize)
                .filter(|global| **global != NONE)
                .map(|global| Counter::Full(*global));
        }
        let word = (index / 32) as usize;
        let is_set = self.gate_masks.get(word).is_some_and(|mask| mask >> (index % 32) & 1 == 1);
        is_set.then(|| Counter::Gate { global: self.counters[word], bit: index % 32 })
    }

    /// The global of a counter by its place, which is the original function index, or that of a word of gates with the bits
    /// that are gates: its place is the index / 32.
    pub(super) fn counter_global(&self, place: u32) -> Option<(u32, Option<u32>)> {
        let global = self.counters.get(place as usize).copied().filter(|global| *global != NONE)?;
        Some((global, self.gate_masks.get(place as usize).copied()))
    }

    /// How many counters a leaf of the accessors has: a power of two.
    pub(super) fn leaf_counters(&self) -> u32 {
        (self.counters.len() as u32).div_ceil(LEAVES_MAX).next_power_of_two().max(LEAF_COUNTERS_MIN)
    }

    /// The leaves of the accessors, by place / [`leaf_counters`](Layout::leaf_counters); none where no counter is.
    pub(super) fn leaves(&self) -> Vec<Option<OutputIndex>> {
        let mut leaves = vec![None; self.counters.len().div_ceil(self.leaf_counters() as usize)];
        for (at, injected) in self.injected.iter().enumerate() {
            if let InjectedKind::Counter(Access::Leaf(leaf)) = injected.kind {
                leaves[leaf as usize] = Some(self.injected_index(at));
            }
        }
        leaves
    }

    /// A scratch global of the accessors.
    pub(super) fn scratch(&self, which: Scratch) -> u32 {
        self.scratch + which as u32
    }

    /// What turns a stored counter into the one that the accessors show (see [`Counter::Full`]), and back.
    pub(super) fn stored_gate(&self) -> Option<i64> {
        (self.mode.has_hooks() && !self.gates_only).then_some(GATE_BIT as i64)
    }

    /// True where functions have gates but no counters.
    pub(super) fn has_gates_only(&self) -> bool {
        self.gates_only
    }

    /// The type of a block with the results of a function, which has room for it here where its body is wrapped.
    pub(super) fn results(&self, info: &ModuleInfo, index: u32) -> BlockType {
        let r#type = info.function_type(index).expect("a wrapped function has a function type");
        match *r#type.results {
            [] => BlockType::Empty,
            [result] => BlockType::Result(RoundtripReencoder.val_type(result).expect("type indices do not move")),
            _ => BlockType::FunctionType(self.block_types[&info.functions[index as usize].type_index]),
        }
    }

    /// What tells how much of the current stack is in use.
    pub(super) fn stack_height(&self) -> OutputIndex {
        self.find(InjectedKind::StackHeight).expect("the layout has it where functions may be left and gone on with")
    }

    /// The injected start function.
    pub(super) fn start(&self) -> Option<OutputIndex> {
        self.find(InjectedKind::Start)
    }

    /// An injected function, wherever it stands.
    pub(super) fn find(&self, kind: InjectedKind) -> Option<OutputIndex> {
        self.injected.iter().position(|injected| injected.kind == kind).map(|at| self.injected_index(at))
    }

    /// A part of the accessors.
    pub(super) fn access(&self, part: Access) -> OutputIndex {
        self.find(InjectedKind::Counter(part)).expect("the layout has every part of the accessors")
    }

    pub(super) fn injected_index(&self, at: usize) -> OutputIndex {
        OutputIndex(self.original + self.hooks.len() as u32 + at as u32)
    }

    /// The exports that the output adds.
    pub(super) fn accessor_exports(&self) -> impl Iterator<Item = (&'static str, OutputIndex)> {
        [(COUNTER_GET_EXPORT, Access::Get), (COUNTER_SET_EXPORT, Access::Set)]
            .into_iter()
            .filter_map(|(name, access)| Some((name, self.find(InjectedKind::Counter(access))?)))
    }

    /// The globals that the output adds, in order.
    pub(super) fn globals(&self) -> impl Iterator<Item = NewGlobal> {
        let base = self.mode.has_hooks().then_some(NewGlobal::I32(BASE_REFUSED));
        let masks = self.gate_masks.iter().filter(|mask| **mask != 0).map(|mask| NewGlobal::I32(*mask));
        let full = if self.gates_only { &[][..] } else { &self.counters };
        let full = full.iter().filter(|global| **global != NONE).map(|_| NewGlobal::I64(0));
        let scratch = [NewGlobal::I32(0), NewGlobal::I64(0), NewGlobal::I64(0), NewGlobal::I64(0)];
        base.into_iter().chain(masks).chain(full).chain(scratch)
    }

    /// Checks what engines refuse, before a byte is written.
    pub fn check_limits(&self, info: &ModuleInfo, plan: &Plan) -> Result<(), Error> {
        let new_types = self.types.list.len();
        let functions = info.functions.len() + self.hooks.len() + self.injected.len();
        let narrow = "narrow the selection with --include or --exclude";
        check("the number of functions", functions, limits::FUNCTIONS_MAX, narrow)?;
        check("the number of types", info.types.len() + new_types, limits::TYPES_MAX, narrow)?;
        let groups = info.type_groups as usize + new_types;
        check("the number of recursion groups", groups, limits::TYPES_MAX, narrow)?;
        let globals = info.globals.len() + self.globals_added as usize;
        check("the number of globals", globals, limits::GLOBALS_MAX, narrow)?;
        let remedy = "use --mode counts, which imports nothing";
        check("the number of imports", info.imports.len() + self.hooks.len(), limits::IMPORTS_MAX, remedy)?;
        let memories = info.memories.len() + usize::from(self.ring.is_some());
        check("the number of memories", memories, limits::MEMORIES_MAX, "use --mode calls, which adds none")?;
        let exports = info.exports.len() + self.accessor_exports().count() + usize::from(self.ring.is_some());
        check("the number of exports", exports, limits::EXPORTS_MAX, "export fewer functions")?;
        debug_assert_eq!(plan.mode, self.mode);
        Ok(())
    }

    /// The hook imports, as items of an import section.
    pub(super) fn encode_hook_imports(&self) -> (u32, Vec<u8>) {
        let mut section = ImportSection::new();
        for (hook, type_index) in &self.hooks {
            section.import(HOOK_MODULE, hook.name(), EntityType::Function(*type_index));
        }
        splice::split_section(&section)
    }

    /// The ring's memory, as an item of a memory section. Shared, because the host's clock writes it while the guest runs; of a fixed
    /// size, because engines then check no bounds.
    pub(super) fn encode_ring(&self) -> (u32, Vec<u8>) {
        let mut section = MemorySection::new();
        if self.ring.is_some() {
            let (minimum, maximum) = (ring::PAGES, Some(ring::PAGES));
            section.memory(MemoryType { minimum, maximum, memory64: false, shared: true, page_size_log2: None });
        }
        splice::split_section(&section)
    }

    fn place_counters(&mut self, info: &ModuleInfo, plan: &Plan) {
        let mut next = self.globals_original + u32::from(plan.mode.has_hooks());
        if plan.gates_only {
            self.gate_masks = vec![0; info.functions.len().div_ceil(32)];
            for index in (self.imported..self.original).filter(|index| plan.is_hooked(*index)) {
                self.gate_masks[(index / 32) as usize] |= 1 << (index % 32);
            }
        }
        let counted: Vec<bool> = match plan.gates_only {
            true => self.gate_masks.iter().map(|mask| *mask != 0).collect(),
            false => (0..self.original).map(|index| plan.is_hooked(index)).collect(),
        };
        self.counters = counted
            .into_iter()
            .map(|counted| {
                let global = if counted { next } else { NONE };
                next += u32::from(counted);
                global
            })
            .collect();
        self.scratch = next;
        self.globals_added = next + SCRATCH_GLOBALS - self.globals_original;
    }

    fn place_hooks(&mut self, info: &ModuleInfo, plan: &Plan) {
        let mut used = vec![Hook::Module];
        let functions = || {
            (0..self.original)
                .filter_map(|index| info.functions[index as usize].body.as_ref().map(|body| (index, body)))
        };
        let handles = functions().any(|(index, body)| plan.is_hooked(index) && body.facts.handlers > 0);
        let calls_imports = (0..self.imported).any(|index| plan.is_hooked(index));
        if tells_stacks(info, plan) {
            used.extend([Hook::EnterOrResume, Hook::ExitOrSuspend]);
        }
        if self.ring.is_none() || calls_imports {
            used.extend([Hook::Enter, Hook::Exit]);
        }
        let throws_on = |range: Range<u32>| range.into_iter().any(|index| plan.throws_on(info, index));
        let (imports, defined) = (throws_on(0..self.imported), throws_on(self.imported..self.original));
        used.extend((imports || defined && self.ring.is_none()).then_some(Hook::Unwound));
        used.extend((defined && self.ring.is_some()).then_some(Hook::UnwoundRing));
        match self.ring {
            Some(_) => used.extend([Hook::Flush].into_iter().chain(handles.then_some(Hook::UnwindRing))),
            None => used.extend(handles.then_some(Hook::Unwind)),
        }
        if plan.thunks() > 0 || info.start.is_some() {
            used.extend([Hook::Begin, Hook::End]);
        }
        if !plan.allocators.is_empty() || !plan.objects.is_empty() {
            used.push(alloc_hook(info));
        }
        for (index, body) in functions() {
            for (uses, hook) in [(body.facts.grows_32, Hook::Grow), (body.facts.grows_64, Hook::Grow64)] {
                if uses && !used.contains(&hook) && plan.hooks_grow(info, index) {
                    used.push(hook);
                }
            }
        }
        used.sort();
        for hook in used {
            let types = |list: &[ValueType]| list.iter().map(|r#type| value_type(*r#type)).collect();
            let type_index = self.types.intern(types(hook.params()), types(hook.results()));
            self.hooks.push((hook, type_index));
        }
    }

    fn place_block_types(&mut self, info: &ModuleInfo, plan: &Plan) {
        for (index, function) in info.functions.iter().enumerate() {
            let early = function.body.as_ref().is_some_and(|body| body.facts.leaves_early);
            let wrapped = early || plan.throws_on(info, index as u32);
            let Some(r#type) = info.function_type(index as u32) else { continue };
            let injected = plan.is_hooked(index as u32) || plan.crosses(index as u32);
            let known = self.block_types.contains_key(&function.type_index);
            if wrapped && !known && r#type.results.len() > 1 && injected {
                let block = self.types.intern(Box::default(), r#type.results.clone());
                self.block_types.insert(function.type_index, block);
            }
        }
    }

    fn place_functions(&mut self, info: &ModuleInfo, plan: &Plan) {
        let start_type = self.types.intern(Box::default(), Box::default());
        self.inject(InjectedKind::Start, start_type);
        for index in (0..self.imported).filter(|index| plan.is_hooked(*index)) {
            if info.functions[index as usize].called {
                let wrapper = self.inject(InjectedKind::HostCall(index), info.functions[index as usize].type_index);
                self.host_call[index as usize] = wrapper.0;
            }
        }
        if info.go.is_some() && tells_stacks(info, plan) {
            let type_index = self.types.intern(Box::default(), [ValType::I32].into());
            self.inject(InjectedKind::StackHeight, type_index);
        }
        if !plan.allocators.is_empty() {
            self.allocator = vec![NONE; info.functions.len()];
        }
        for allocator in &plan.allocators {
            let r#type = info.function_type(allocator.index).expect("an allocator's type was checked");
            let params = r#type.params.iter().copied().chain([ValType::I32]).collect();
            let type_index = self.types.intern(params, r#type.results.clone());
            let wrapper = self.inject(InjectedKind::Allocator(allocator.index), type_index);
            self.allocator[allocator.index as usize] = wrapper.0;
        }
        for allocator in plan.allocators.iter().filter(|allocator| allocator.entry == Entry::Reference) {
            let type_index = info.functions[allocator.index as usize].type_index;
            let entry = self.inject(InjectedKind::Reference(allocator.index), type_index);
            self.reference.insert(allocator.index, entry);
        }
        for object in &plan.objects {
            let params = match info.object(*object).expect("a plan lists types of objects").size {
                ObjectSize::Struct(_) => [ValType::I32].as_slice().into(),
                ObjectSize::Array { .. } => [ValType::I32; 2].as_slice().into(),
            };
            let type_index = self.types.intern(params, Box::default());
            let reporter = self.inject(InjectedKind::Object(*object), type_index);
            self.object.insert(*object, reporter);
        }
        for (index, function) in plan.functions.iter().enumerate() {
            if function.boundary == Boundary::Thunk {
                let thunk = self.inject(InjectedKind::Thunk(index as u32), info.functions[index].type_index);
                self.export[index] = thunk.0;
            }
        }
    }

    fn place_accessors(&mut self) {
        let leaf_counters = self.leaf_counters() as usize;
        let mut parts = vec![Access::Exchange, Access::Reach, Access::Get, Access::Set];
        let leaves = self.counters.chunks(leaf_counters).zip(0..);
        let used = leaves.filter(|(run, _)| run.iter().any(|global| *global != NONE));
        parts.extend(used.map(|(_, leaf)| Access::Leaf(leaf)));
        for part in parts {
            let (params, results): (&[ValType], &[ValType]) = match part {
                Access::Get => (&[ValType::I32], &[ValType::I64]),
                Access::Set => (&[ValType::I32, ValType::I64], &[]),
                Access::Reach => (&[ValType::I32], &[]),
                Access::Exchange => (&[ValType::I64], &[ValType::I64]),
                Access::Leaf(_) => (&[], &[]),
            };
            let type_index = self.types.intern(params.into(), results.into());
            self.inject(InjectedKind::Counter(part), type_index);
        }
    }

    fn inject(&mut self, kind: InjectedKind, type_index: u32) -> OutputIndex {
        self.injected.push(Injected { kind, type_index });
        self.injected_index(self.injected.len() - 1)
    }
}

fn tells_stacks(info: &ModuleInfo, plan: &Plan) -> bool {
    info.has_stacks() && (0..info.functions.len() as u32).any(|index| plan.tells_stacks(info, index))
}

/// The hook that reports allocators: as wide as the first memory's index.
pub(super) fn alloc_hook(info: &ModuleInfo) -> Hook {
    if info.memories.first().is_some_and(|memory| memory.is_64) { Hook::Alloc64 } else { Hook::Alloc }
}

fn value_type(r#type: ValueType) -> ValType {
    match r#type {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
    }
}

/// What is written can be longer than what was read; an engine's limit is below what a section's length can say.
pub(super) fn check_module_bytes(bytes: usize) -> Result<(), Error> {
    check("the module's size in bytes", bytes, MODULE_BYTES_MAX, "narrow the selection with --include or --exclude")
}

fn check(what: &'static str, value: usize, max: usize, remedy: &'static str) -> Result<(), Error> {
    if value <= max {
        return Ok(());
    }
    Err(Error::Limit { place: Default::default(), what, value: value as u64, max: max as u64, remedy })
}

/// Parameters and results.
type Signature = (Box<[ValType]>, Box<[ValType]>);

/// The types that the output adds, each once.
#[derive(Default)]
pub(super) struct Types {
    first: u32,
    list: Vec<FunctionType>,
    known: HashMap<Signature, u32>,
}

impl Types {
    fn intern(&mut self, params: Box<[ValType]>, results: Box<[ValType]>) -> u32 {
        let next = self.first + self.list.len() as u32;
        let list = &mut self.list;
        *self.known.entry((params, results)).or_insert_with_key(|(params, results)| {
            list.push(FunctionType { params: params.clone(), results: results.clone(), shared: false });
            next
        })
    }

    /// The types, as items of a type section.
    pub fn encode(&self) -> (u32, Vec<u8>) {
        let mut section = TypeSection::new();
        let list = |types: &[ValType]| -> Vec<wasm_encoder::ValType> {
            types.iter().map(|r#type| RoundtripReencoder.val_type(*r#type).expect("type indices do not move")).collect()
        };
        for r#type in &self.list {
            section.ty().function(list(&r#type.params), list(&r#type.results));
        }
        splice::split_section(&section)
    }
}
