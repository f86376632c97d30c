//! The instances of a store: their accessors, their memories, and what is due at them.
//!
//! It calls no guest: it says what is to be called ([`Work`]) and takes in what came of it.

use std::sync::Arc;

use wasmtime::{AsContext, Extern, Memory, SharedMemory, StoreContextMut};
use waspect_abi::manifest::{Kind, Mode};
use waspect_recorder::{Recorder, Timestamp, Untimed};

use crate::counters::{Accessors, Work};
use crate::modules::Known;
use crate::observe::Observe;

/// Reading counters may take one part in this many of the time between two readings.
const READING_SHARE: u64 = 64;

/// The instances of one store.
#[derive(Default)]
pub(crate) struct Instances {
    list: Vec<Observed>,
    /// When counters are worth reading again.
    read_due: Timestamp,
    /// The governor's decisions that the gates already follow.
    untimed_version: u64,
    /// Gates that are to be set, but could not be yet.
    gates: Vec<waspect_recorder::GateChange>,
}

/// One instance.
pub(crate) struct Observed {
    pub base: u32,
    /// Address of its accessor, which no other instance shares. 0: it has none.
    pub identity: usize,
    pub accessors: Option<Accessors>,
    pub known: Option<Arc<Known>>,
    pub memories: Box<[SomeMemory]>,
    memory_bytes: u64,
    /// Functions whose gate was closed: for these alone the counter knows more than the hooks.
    untimed: Vec<u32>,
}

/// A memory of either sort.
pub(crate) enum SomeMemory {
    Own(Memory),
    Shared(SharedMemory),
}

impl SomeMemory {
    pub fn from_extern(export: Extern) -> Option<SomeMemory> {
        match export {
            Extern::Memory(memory) => Some(SomeMemory::Own(memory)),
            Extern::SharedMemory(memory) => Some(SomeMemory::Shared(memory)),
            _ => None,
        }
    }

    fn bytes(&self, store: impl AsContext) -> u64 {
        match self {
            SomeMemory::Own(memory) => memory.data_size(store) as u64,
            SomeMemory::Shared(memory) => memory.data_size() as u64,
        }
    }
}

impl Observed {
    pub fn new(base: u32) -> Observed {
        Observed {
            base,
            identity: 0,
            accessors: None,
            known: None,
            memories: Box::default(),
            memory_bytes: 0,
            untimed: Vec::new(),
        }
    }

    /// The functions whose counters are to be read.
    fn reads(&self) -> Vec<u32> {
        let Some(manifest) = self.known.as_ref().map(|known| &known.manifest) else { return self.untimed.clone() };
        if manifest.gates_only {
            return Vec::new();
        }
        match manifest.mode() {
            Mode::Calls | Mode::Ring => self.untimed.clone(),
            Mode::Counts => {
                let counted =
                    manifest.functions.iter().filter(|function| function.hooked && function.kind() == Kind::Guest);
                counted.map(|function| function.index).collect()
            }
        }
    }
}

impl Instances {
    /// Adds an instance, unless it is there already: a hostile one may say `module` more than once.
    pub fn add(&mut self, instance: Observed) {
        let again = instance.identity != 0 && self.list.iter().any(|other| other.identity == instance.identity);
        match again {
            true => self.list.push(Observed::new(instance.base)),
            false => {
                self.list.push(instance);
                self.read_due = Timestamp(0);
            }
        }
    }

    /// The instance with this accessor, if it is there already.
    pub fn find(&mut self, identity: usize) -> Option<&mut Observed> {
        self.list.iter_mut().find(|instance| instance.identity == identity)
    }

    /// Gates that are to be set for the governor.
    pub fn due_gates(&mut self, recorder: &mut Recorder, untimed: &Untimed) -> Vec<Work> {
        self.gates.extend(recorder.gate_changes(untimed));
        self.untimed_version = untimed.version;
        let mut work: Vec<Work> = Vec::new();
        for change in &self.gates {
            let Some(instance) = self.list.iter().find(|instance| instance.base == change.base) else { continue };
            let Some(accessors) = &instance.accessors else { continue };
            if work.last().is_none_or(|last| last.base != change.base) {
                work.push(Work::new(change.base, accessors));
            }
            work.last_mut().expect("pushed above").gates.push((change.function, change.open));
        }
        work
    }

    /// Counters that are to be read now.
    pub fn due_reads(&self, now: Timestamp, force: bool) -> Vec<Work> {
        if !force && now < self.read_due {
            return Vec::new();
        }
        let readable = self.list.iter().filter_map(|instance| {
            let mut work = Work::new(instance.base, instance.accessors.as_ref()?);
            work.reads = instance.reads();
            (!work.reads.is_empty()).then_some(work)
        });
        readable.collect()
    }

    /// Takes in what was done.
    pub fn done(&mut self, recorder: &mut Recorder, work: Vec<Work>, began: Timestamp, ended: Timestamp) {
        let mut read = false;
        for work in work {
            for &(func, counter) in &work.counters {
                recorder.counts(work.base, func, counter);
                read = true;
            }
            let set = &work.gates[..work.gates_set];
            self.gates.retain(|gate| gate.base != work.base || !set.contains(&(gate.function, gate.open)));
            if let Some(instance) = self.list.iter_mut().find(|instance| instance.base == work.base) {
                for &(func, _) in set {
                    if let Err(at) = instance.untimed.binary_search(&func) {
                        instance.untimed.insert(at, func);
                    }
                }
            }
        }
        if read {
            self.read_due = Timestamp(ended.0 + READING_SHARE * ended.0.saturating_sub(began.0));
        }
    }

    /// The store is gone, and every instance with it.
    pub fn end(&mut self, recorder: &mut Recorder, now: Timestamp) {
        for instance in self.list.drain(..) {
            recorder.instance_end(now, instance.base, instance.memory_bytes);
        }
        self.gates.clear();
        self.read_due = Timestamp(0);
    }
}

/// Tells the recorder how large the memories of a store are now.
pub(crate) fn measure<T: 'static>(mut store: StoreContextMut<'_, T>, get: impl Fn(&mut T) -> &mut Observe) {
    let Some(state) = get(store.data_mut()).state() else { return };
    let mut list = std::mem::take(&mut state.instances.list);
    for instance in &mut list {
        let bytes = instance.memories.iter().map(|memory| memory.bytes(&store)).sum();
        let before = std::mem::replace(&mut instance.memory_bytes, bytes);
        if bytes != before
            && let Some(state) = get(store.data_mut()).state()
        {
            state.seat.recorder().memory(instance.base, bytes);
        }
    }
    if let Some(state) = get(store.data_mut()).state() {
        state.instances.list = list;
    }
}
