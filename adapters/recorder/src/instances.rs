//! Instances of modules, and the ids that they were given (rules M2 to M5).

use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::{BuildId, Manifest};

use crate::figures::ModuleFigures;
use crate::gather::gather;
use crate::heap::Heap;

/// A module that was announced or whose manifest was added.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) build: BuildId,
    pub(crate) manifest: Option<Arc<Manifest>>,
}

/// A live or ended instance.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    pub(crate) base: u32,
    /// Ids that it holds; at least one.
    pub(crate) ids: u32,
    /// Place of its module.
    pub(crate) module: u32,
    pub(crate) began: u64,
    pub(crate) ended: bool,
    pub(crate) heap: Heap,
    /// How many of the governor's decisions its gates follow.
    pub(crate) gates: usize,
    /// Since the last drain.
    pub(crate) figures: ModuleFigures,
    /// Bytes of its memories, and what drains have told of them.
    pub(crate) memory: u64,
    pub(crate) memory_told: u64,
    pub(crate) live_told: u64,
}

/// All instances of a recorder.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    pub(crate) modules: Vec<Module>,
    /// By place. Ended ones are free to be taken once a drain has told them.
    pub(crate) all: Vec<Instance>,
    /// Places of instances that hold ids, by ascending base.
    pub(crate) by_base: Vec<u32>,
    /// Places that are free.
    free: Vec<u32>,
}

impl Instances {
    /// Gives an instance the lowest ids that fit below `ids_max`. None: there is no room.
    pub(crate) fn begin(&mut self, mut instance: Instance, ids_max: u32, instances_max: usize) -> Option<u32> {
        if self.by_base.len() >= instances_max || instance.ids > ids_max {
            return None;
        }
        let (mut base, mut at) = (0, self.by_base.len());
        for (order, place) in self.by_base.iter().enumerate() {
            let other = &self.all[*place as usize];
            if other.base - base >= instance.ids {
                at = order;
                break;
            }
            base = other.base + other.ids;
        }
        if base > ids_max - instance.ids {
            return None;
        }
        instance.base = base;
        let place = match self.free.pop() {
            Some(place) => {
                self.all[place as usize] = instance;
                place
            }
            None => {
                self.all.push(instance);
                self.all.len() as u32 - 1
            }
        };
        self.by_base.insert(at, place);
        Some(place)
    }

    /// The place of the instance that holds an id.
    pub(crate) fn of(&self, id: u32) -> Option<u32> {
        let after = self.by_base.partition_point(|place| self.all[*place as usize].base <= id);
        let place = self.by_base[after.checked_sub(1)?];
        let instance = &self.all[place as usize];
        (id - instance.base < instance.ids).then_some(place)
    }

    /// The place of the instance with exactly this base.
    pub(crate) fn at_base(&self, base: u32) -> Option<u32> {
        self.of(base).filter(|place| self.all[*place as usize].base == base)
    }

    /// Places of the instances that are alive.
    pub(crate) fn live(&self) -> &[u32] {
        &self.by_base
    }

    /// Number of instances that ended and whose places are not free yet.
    pub(crate) fn ended(&self) -> usize {
        self.all.len() - self.by_base.len() - self.free.len()
    }

    /// Gives the ids of an instance back.
    pub(crate) fn end(&mut self, place: u32) {
        self.by_base.retain(|other| *other != place);
        self.all[place as usize].ended = true;
    }

    /// Frees the places of instances that ended; the caller has forgotten everything that names them.
    pub(crate) fn free_ended(&mut self) {
        self.free = gather((0..self.all.len() as u32).filter(|place| self.all[*place as usize].ended));
    }

    /// The place of a module; added when it is new.
    pub(crate) fn module(&mut self, build: BuildId) -> u32 {
        let found = self.modules.iter().position(|module| module.build == build);
        found.unwrap_or_else(|| {
            self.modules.push(Module { build, manifest: None });
            self.modules.len() - 1
        }) as u32
    }

    /// No instances; modules with a manifest stay.
    pub(crate) fn clear(&mut self) {
        self.modules.retain(|module| module.manifest.is_some());
        self.all.clear();
        self.by_base.clear();
        self.free.clear();
    }
}
