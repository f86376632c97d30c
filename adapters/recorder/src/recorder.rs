//! The recorder: one method a hook. It knows no runtime, no clock and no socket.

use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::manifest::Kind;
use waspect_abi::semconv::DropReason;
use waspect_abi::{ABI_VERSION, BASE_REFUSED, BuildId, Manifest};

use crate::clock::Clock;
use crate::delta::{ErrorDelta, Span};
use crate::drops::Drops;
use crate::figures::ModuleFigure;
use crate::flight::Flight;
use crate::frame::flag;
use crate::functions::{Function, Functions, NONE};
use crate::heap::Heap;
use crate::ids::Ids;
use crate::instances::{Instance, Instances};
use crate::lane::{Lane, Parked};
use crate::objects::Objects;
use crate::resuming::Leaving;
use crate::spans::Root;
use crate::stacks::Stacks;
use crate::token;
use crate::tree::Tree;
use crate::{Config, GateChange, Timestamp, Untimed};

/// Roots that a recorder prepares which must not allocate in hooks: one within another.
const PREPARED_ROOTS: usize = 2;

/// Pairs of function and type of objects that are told apart between two drains.
const OBJECTS_MAX: usize = 4_096;

/// Records one thread of execution in one trust domain.
///
/// Methods named like hooks take the time first, then what the hook passes. Any value in any order is survived (rule Z1).
#[derive(Debug)]
pub struct Recorder {
    pub(crate) clock: Clock,
    /// Number of the next frame.
    pub(crate) sequence: u64,
    /// The current lane.
    pub(crate) lane: Lane,
    /// Most frames on the current lane: 0 when it was refused.
    pub(crate) depth_max: usize,
    pub(crate) functions: Functions,
    pub(crate) tree: Tree,
    pub(crate) flight: Flight,
    pub(crate) parked: Parked,
    /// Suspended frames.
    pub(crate) stacks: Stacks,
    pub(crate) leaving: Leaving,
    pub(crate) instances: Instances,
    pub(crate) ids: Option<Ids>,
    /// Unix time minus the recorder's, once the calendar was read.
    pub(crate) wall_offset: Option<u64>,
    /// Roots that ended, for their buffers.
    pub(crate) spare_roots: Vec<Root>,
    pub(crate) spans: Vec<Span>,
    pub(crate) errors: Vec<ErrorDelta>,
    pub(crate) allocations: usize,
    /// Objects of the garbage collector's since the last drain.
    pub(crate) objects: Objects,
    /// Closed calls that wait in open roots.
    pub(crate) candidates: usize,
    pub(crate) busy: u64,
    /// Largest step of the clock behind records, since the last drain.
    pub(crate) resolution_ns: u64,
    pub(crate) drops: Drops,
    pub(crate) config: Config,
}

impl Recorder {
    /// A recorder. `entropy` makes its trace and span ids unguessable and unique; without it there are no spans until
    /// [`seed`](Recorder::seed).
    pub fn new(config: &Config, entropy: Option<[u8; 16]>) -> Recorder {
        let mut config = config.clone();
        config.limits.depth_max = config.limits.depth_max.min(token::DEPTH_MAX);
        config.limits.functions_max = config.limits.functions_max.min(BASE_REFUSED);
        let (limits, preallocate) = (config.limits, config.preallocate);
        let ids = entropy.map(Ids::new);
        let hash_key = ids.as_ref().map_or(0, Ids::hash_key);
        let mut recorder = Recorder {
            clock: Clock::default(),
            sequence: 0,
            lane: Lane::default(),
            depth_max: limits.depth_max,
            functions: Functions::new(limits.histograms_max, preallocate),
            tree: Tree::new(limits.nodes_max, hash_key, preallocate),
            flight: Flight::default(),
            parked: Parked::default(),
            stacks: Stacks::new(hash_key),
            leaving: Leaving::default(),
            instances: Instances::default(),
            ids,
            wall_offset: None,
            spare_roots: Vec::new(),
            spans: Vec::new(),
            errors: Vec::new(),
            allocations: 0,
            objects: Objects::new(hash_key, OBJECTS_MAX),
            candidates: 0,
            busy: 0,
            resolution_ns: 0,
            drops: Drops::default(),
            config,
        };
        if preallocate {
            recorder.lane.frames.reserve(limits.depth_max);
            recorder.spans.reserve(limits.spans_max);
            let spans = recorder.config.spans.per_root_max.min(limits.spans_max);
            for _ in 0..PREPARED_ROOTS {
                recorder.spare_roots.push(Root::with_room(spans));
            }
        }
        recorder
    }

    /// New randomness for ids: where there was none at the beginning, and in each copy after a fork or a snapshot. While
    /// calls are open it does nothing, since their ids may be known already.
    pub fn seed(&mut self, entropy: [u8; 16]) {
        if self.lane.frames.is_empty() && self.suspended() == 0 {
            self.ids = Some(Ids::new(entropy));
        }
    }

    /// Makes it as new, keeping its buffers and manifests. What was not drained is lost.
    pub fn reset(&mut self, entropy: Option<[u8; 16]>) {
        for place in self.instances.live() {
            let instance = &self.instances.all[*place as usize];
            self.functions.forget_ids(instance.base, instance.ids);
        }
        self.forget_everything();
        self.lane = Lane { frames: core::mem::take(&mut self.lane.frames), ..Lane::default() };
        self.lane.frames.clear();
        self.depth_max = self.config.limits.depth_max;
        self.parked.clear();
        self.stacks.clear();
        self.leaving.clear();
        self.candidates = 0;
        self.spans.clear();
        self.errors.clear();
        self.ids = entropy.map(Ids::new);
        (self.clock, self.drops, self.busy, self.wall_offset) = (Clock::default(), Drops::default(), 0, None);
    }

    /// Names the functions of a module; found by build id when, or after, `module` announces it. Replaces an older one.
    pub fn add_manifest(&mut self, manifest: Arc<Manifest>) {
        let module = self.instances.module(manifest.build_id());
        self.instances.modules[module as usize].manifest = Some(manifest);
        for function in &mut self.functions.met {
            if function.module == module {
                function.flags = flags(&self.config, &self.instances, function);
            }
        }
    }

    /// Hook `module` (M2, M3, M4): the base of a new instance.
    pub fn module(&mut self, now: Timestamp, abi: u32, build_a: u32, build_b: u32, functions: u32) -> u32 {
        let began = self.clock.read(now);
        if abi != ABI_VERSION {
            self.drops.count(DropReason::Abi);
            return BASE_REFUSED;
        }
        let limits = self.config.limits;
        let hash_key = self.ids.as_ref().map_or(0, Ids::hash_key);
        let fresh = Instance { ids: functions.max(1), began, heap: Heap::new(hash_key), ..Instance::default() };
        let Some(place) = self.instances.begin(fresh, limits.functions_max, limits.instances_max) else {
            self.drops.count(DropReason::Module);
            return BASE_REFUSED;
        };
        let module = self.instances.module(BuildId::from_halves(build_a, build_b));
        let instance = &mut self.instances.all[place as usize];
        instance.module = module;
        for figure in [ModuleFigure::Known, ModuleFigure::Started, ModuleFigure::Active] {
            instance.figures[figure] = 1;
        }
        let manifest = &self.instances.modules[module as usize].manifest;
        if self.config.preallocate && manifest.as_ref().is_none_or(|manifest| !manifest.allocators.is_empty()) {
            instance.heap.reserve(limits.allocations_max);
        }
        if self.config.preallocate && manifest.as_ref().is_some_and(|manifest| !manifest.objects.is_empty()) {
            self.objects.reserve();
        }
        self.functions.cover(instance.base + instance.ids, self.config.preallocate);
        instance.base
    }

    /// Hook `enter`: the token of a new frame; 0 when it was not recorded.
    #[inline]
    pub fn enter(&mut self, now: Timestamp, func: u32) -> u32 {
        let now = self.clock.read(now);
        self.open_call(now, func)
    }

    /// Hook `exit`.
    #[inline]
    pub fn exit(&mut self, now: Timestamp, token: u32) {
        let now = self.clock.read(now);
        self.close_call(now, token);
    }

    /// Hook `unwind`.
    pub fn unwind(&mut self, now: Timestamp, token: u32) {
        let now = self.clock.read(now);
        self.unwind_to(now, token);
    }

    /// Hook `unwound`.
    pub fn unwound(&mut self, now: Timestamp, token: u32) {
        let now = self.clock.read(now);
        self.leave_unwound(now, token);
    }

    /// Hook `begin`.
    pub fn begin(&mut self, now: Timestamp, func: u32) -> u32 {
        let now = self.clock.read(now);
        self.open_boundary(now, func)
    }

    /// Hook `end`.
    pub fn end(&mut self, now: Timestamp, token: u32) {
        let now = self.clock.read(now);
        self.close_boundary(now, token);
    }

    /// Hook `alloc`: 32-bit addresses and size, unsigned.
    pub fn alloc(&mut self, now: Timestamp, func: u32, old: u32, new: u32, size: u32) {
        let unknown = |address: u32| if address == u32::MAX { u64::MAX } else { u64::from(address) };
        self.alloc64(now, func, unknown(old), unknown(new), u64::from(size));
    }

    /// Hook `alloc64`.
    pub fn alloc64(&mut self, now: Timestamp, func: u32, old: u64, new: u64, size: u64) {
        self.clock.read(now);
        if let Some(function) = self.meet(func) {
            self.allocate(function, old, new, size);
        }
    }

    /// Hook `grow`: pages, unsigned; `result` all ones: it failed.
    pub fn grow(&mut self, now: Timestamp, func: u32, memory: u32, delta: u32, result: u32) {
        let result = if result == u32::MAX { u64::MAX } else { u64::from(result) };
        self.grow64(now, func, memory, u64::from(delta), result);
    }

    /// Hook `grow64`.
    pub fn grow64(&mut self, now: Timestamp, func: u32, memory: u32, delta: u64, result: u64) {
        self.clock.read(now);
        match self.instances.of(func) {
            Some(instance) => self.grow_memory(instance, memory, delta, result),
            None => self.drops.count(DropReason::Function),
        }
    }

    /// Switches to a lane (L1). A lane begins to exist when it is first named; beyond the limit the switch is refused and
    /// counted, and hooks record nothing until a lane with room is named.
    pub fn lane(&mut self, lane: u32) {
        if lane == self.lane.id {
            return;
        }
        self.abandon();
        let leaving = core::mem::take(&mut self.lane);
        self.lane = match self.parked.switch(leaving, lane, self.config.limits.lanes_max) {
            Some(lane) => lane,
            None => Lane { id: lane, refused: true, ..Lane::default() },
        };
        self.measure_room();
        for (depth, frame) in self.lane.frames.iter().enumerate() {
            if frame.is(crate::frame::flag::OUTERMOST) {
                self.functions.met[frame.function as usize].outer = depth as u32;
            }
        }
    }

    /// Open frames of the current lane, scopes included.
    pub fn depth(&self) -> usize {
        self.lane.frames.len()
    }

    /// Calls that are suspended (L4): they have begun, and wait on stacks of the guest's.
    pub fn suspended(&self) -> usize {
        self.stacks.len()
    }

    /// Whether the innermost frame is a call of an import: the host was called, and whatever it calls is called by it. Where it is
    /// not, a host that calls in may have been told of a trap that left these frames open (B3). False without a manifest.
    pub fn awaits_host(&self) -> bool {
        let Some(frame) = self.lane.frames.last().filter(|frame| !frame.is(crate::frame::flag::SCOPE)) else {
            return self.lane.frames.last().is_some();
        };
        let function = &self.functions.met[frame.function as usize];
        let module = &self.instances.modules[function.module as usize];
        let entry = module.manifest.as_ref().and_then(|manifest| manifest.function(function.index));
        entry.is_some_and(|entry| entry.kind == Kind::Import as i32)
    }

    /// A function's counter, as `waspect_counter_get` gave it; the gate bit is ignored (C1). `func` is the original index.
    pub fn counts(&mut self, base: u32, func: u32, counter: u64) {
        let calls = counter & !waspect_abi::GATE_BIT;
        let instance = self.instances.at_base(base).map(|place| &self.instances.all[place as usize]);
        if instance.is_none_or(|instance| func >= instance.ids) {
            self.drops.count(DropReason::Counter);
        } else if calls > 0
            && let Some(function) = self.meet(base + func)
        {
            let function = &mut self.functions.met[function as usize];
            if calls < function.counted {
                self.drops.count(DropReason::Counter);
            }
            function.counted = function.counted.max(calls);
        }
    }

    /// What is to be done to gates so that live instances follow `untimed`. Empty when nothing changed since the last time.
    pub fn gate_changes(&mut self, untimed: &Untimed) -> Vec<GateChange> {
        let mut changes = Vec::new();
        let Instances { modules, all, by_base, .. } = &mut self.instances;
        for place in by_base {
            let instance = &mut all[*place as usize];
            let build = modules[instance.module as usize].build;
            // Decisions are never taken back: what an instance does not follow yet came last.
            let followed = core::mem::replace(&mut instance.gates, untimed.functions.len());
            for (id, function) in untimed.functions.iter().skip(followed) {
                if *id == build.0 && *function < instance.ids {
                    changes.push(GateChange { base: instance.base, function: *function, open: false });
                }
            }
        }
        changes
    }

    /// The place of the function with this id; None, and counted, when no instance has it.
    pub(crate) fn meet(&mut self, id: u32) -> Option<u32> {
        let place = self.functions.place(id);
        if place != NONE {
            return Some(place);
        }
        let Some(instance) = self.instances.of(id) else {
            self.drops.count(DropReason::Function);
            return None;
        };
        let Instance { base, module, .. } = self.instances.all[instance as usize];
        let mut function = Function { instance, module, index: id - base, ..Function::default() };
        function.flags = flags(&self.config, &self.instances, &function);
        Some(self.functions.meet(id, function))
    }
}

/// Flags that frames of a function's calls begin with.
fn flags(config: &Config, instances: &Instances, function: &Function) -> u16 {
    if !cfg!(feature = "allow-list") {
        return 0;
    }
    let module = &instances.modules[function.module as usize];
    let name = module.manifest.as_ref().and_then(|manifest| manifest.function(function.index)).map(|entry| &entry.name);
    let listed = name.is_some_and(|name| config.spans.lists(name));
    if listed { flag::LISTED } else { 0 }
}
