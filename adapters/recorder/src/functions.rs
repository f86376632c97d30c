//! Functions that were met, by id: a dense table, so that a hook finds its function in one step.

use alloc::vec::Vec;

use crate::delta::FunctionId;
use crate::figures::{Figure, Figures};
use crate::gather::gather;
use crate::histogram::Histogram;

/// The place of no function.
pub(crate) const NONE: u32 = u32::MAX;

/// The histogram that functions without one of their own share.
pub(crate) const SHARED_HISTOGRAM: u32 = 0;

/// A function of one instance, and what it did since the last drain. First what every call touches, in one cache line.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Function {
    /// Calls entered, ever.
    pub(crate) entered: u64,
    /// Calls closed that took none: not in its histogram until they are told.
    pub(crate) instant: u64,
    /// Depth of the outermost activation. A hint: the frame there says whether it holds, so that nothing is to be undone when
    /// a frame dies.
    pub(crate) outer: u32,
    pub(crate) histogram: u32,
    /// Its instance's place.
    pub(crate) instance: u32,
    /// Original function index.
    pub(crate) index: u32,
    /// Its module's place.
    pub(crate) module: u32,
    /// Flags that frames of its calls begin with.
    pub(crate) flags: u16,
    /// It was seen to go on with functions in their middle (L3).
    pub(crate) resumes: bool,
    /// Since the last drain; calls are not counted here.
    pub(crate) figures: Figures,
    /// The module's own counter, as last read; ever (C1).
    pub(crate) counted: u64,
    /// Calls that drains have told.
    pub(crate) told: u64,
    /// Live bytes since the instance began, and the most there were.
    pub(crate) live: i64,
    pub(crate) live_max: u64,
}

impl Function {
    /// Calls ever: the module's own count where it is known and not behind what was seen.
    pub(crate) fn calls(&self) -> u64 {
        self.entered.max(self.counted)
    }

    pub(crate) fn id(&self) -> FunctionId {
        FunctionId { module: self.module, index: self.index }
    }
}

/// Ids to functions, functions to histograms.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    /// By id: place in `met` plus one; 0 where the function was not met.
    places: Vec<u32>,
    pub(crate) met: Vec<Function>,
    pub(crate) histograms: Vec<Histogram>,
    histograms_max: usize,
    /// Places in `met` of functions whose instances are gone, for those that are met next.
    free: Vec<u32>,
}

impl Functions {
    pub(crate) fn new(histograms_max: usize, preallocate: bool) -> Functions {
        let mut functions = Functions { histograms_max: histograms_max + 1, ..Functions::default() };
        if preallocate {
            functions.histograms.reserve(functions.histograms_max);
        }
        functions.histograms.push(Histogram::default());
        functions
    }

    /// Room for ids below `end`.
    pub(crate) fn cover(&mut self, end: u32, preallocate: bool) {
        if self.places.len() < end as usize {
            self.places.resize(end as usize, 0);
        }
        if preallocate {
            self.met.reserve((end as usize).saturating_sub(self.met.len()));
        }
    }

    /// The place of a function that was met; [`NONE`] otherwise.
    #[inline]
    pub(crate) fn place(&self, id: u32) -> u32 {
        self.places.get(id as usize).copied().unwrap_or(0).wrapping_sub(1)
    }

    /// Meets a function. Where another one was, it takes its place and its histogram.
    pub(crate) fn meet(&mut self, id: u32, mut function: Function) -> u32 {
        let place = match self.free.pop() {
            Some(place) => {
                function.histogram = self.met[place as usize].histogram;
                self.met[place as usize] = function;
                place
            }
            None => {
                function.histogram = SHARED_HISTOGRAM;
                if self.histograms.len() < self.histograms_max {
                    function.histogram = self.histograms.len() as u32;
                    self.histograms.push(Histogram::default());
                }
                self.met.push(function);
                self.met.len() as u32 - 1
            }
        };
        self.places[id as usize] = place + 1;
        place
    }

    /// Puts calls that took no time where all others are.
    pub(crate) fn count_instant(&mut self) {
        for function in &mut self.met {
            let calls = core::mem::take(&mut function.instant);
            function.figures[Figure::Closed] += calls;
            self.histograms[function.histogram as usize].record_zeros(calls);
        }
    }

    /// Forgets the ids of an instance; its functions stay until they are told.
    pub(crate) fn forget_ids(&mut self, base: u32, functions: u32) {
        let end = (base as usize + functions as usize).min(self.places.len());
        self.places[base as usize..end].fill(0);
    }

    /// Forgets every function, keeping the room, once no id leads to one.
    pub(crate) fn clear(&mut self) {
        self.met.clear();
        self.free.clear();
        self.histograms.truncate(1);
        self.histograms[0].clear();
    }

    /// Frees the places of functions that no id leads to, if they are so many more than before; the caller has told them, and forgets
    /// everything that names them. `id` is the id that a function has, or had. True when it did.
    pub(crate) fn free_dead(&mut self, more: usize, id: impl Fn(&Function) -> u32) -> bool {
        let is_dead = |place: u32, function: &Function| self.place(id(function)) != place;
        let dead = (0..).zip(&self.met).filter(|(place, function)| is_dead(*place, function)).map(|(place, _)| place);
        let dead = gather(dead);
        let many = dead.len() - self.free.len() >= more;
        if many {
            self.free = dead;
        }
        many
    }
}
