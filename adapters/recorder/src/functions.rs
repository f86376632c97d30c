//! Functions that were met, by id: a dense table, so that a hook finds its function in one step.

use alloc::vec;
use alloc::vec::Vec;

use crate::figures::HeapFigures;
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
    pub(crate) total: u64,
    pub(crate) own: u64,
    /// Calls closed that took time.
    pub(crate) closed: u64,
    /// Depth of the outermost activation. A hint: the frame there says whether it holds, so that nothing is to be undone when
    /// a frame dies.
    pub(crate) outer: u32,
    pub(crate) histogram: u32,
    /// Its instance's place.
    pub(crate) instance: u32,
    /// Original function index.
    pub(crate) index: u32,
    /// Calls closed that took none: not in its histogram until they are told.
    pub(crate) instant: u64,
    /// Flags that frames of its calls begin with.
    pub(crate) flags: u16,
    /// The module's own counter, as last read; ever (C1).
    pub(crate) counted: u64,
    /// Calls that drains have told.
    pub(crate) told: u64,
    /// It was seen to go on with functions in their middle (L3).
    pub(crate) resumes: bool,
    pub(crate) errors: u64,
    pub(crate) unwound: u64,
    pub(crate) heap: HeapFigures,
    /// Live bytes since the instance began, and the most there were.
    pub(crate) live: i64,
    pub(crate) live_max: u64,
}

impl Function {
    /// Calls ever: the module's own count where it is known and not behind what was seen.
    pub(crate) fn calls(&self) -> u64 {
        self.entered.max(self.counted)
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

    /// Meets a function.
    pub(crate) fn meet(&mut self, id: u32, mut function: Function) -> u32 {
        function.histogram = SHARED_HISTOGRAM;
        if self.histograms.len() < self.histograms_max {
            function.histogram = self.histograms.len() as u32;
            self.histograms.push(Histogram::default());
        }
        let place = self.met.len() as u32;
        self.met.push(function);
        self.places[id as usize] = place + 1;
        place
    }

    /// Puts calls that took no time where all others are.
    pub(crate) fn count_instant(&mut self) {
        for function in &mut self.met {
            let calls = core::mem::take(&mut function.instant);
            function.closed += calls;
            self.histograms[function.histogram as usize].record_zeros(calls);
        }
    }

    /// Forgets the ids of an instance; its functions stay until they are told.
    pub(crate) fn forget_ids(&mut self, base: u32, functions: u32) {
        let end = (base as usize + functions as usize).min(self.places.len());
        self.places[base as usize..end].fill(0);
    }

    /// Forgets every function, keeping the room. `ids` are those that were met.
    pub(crate) fn clear(&mut self, ids: impl Iterator<Item = u32>) {
        for id in ids {
            if let Some(place) = self.places.get_mut(id as usize) {
                *place = 0;
            }
        }
        self.met.clear();
        self.histograms.truncate(1);
        self.histograms[0].clear();
    }

    /// Keeps only the functions for which `keep` is true; gives the new place of each, or [`NONE`].
    pub(crate) fn retain(&mut self, keep: impl Fn(&Function) -> bool) -> Vec<u32> {
        let mut moves = Vec::with_capacity(self.met.len());
        let mut kept = Vec::new();
        let mut histograms = vec![core::mem::take(&mut self.histograms[0])];
        for mut function in core::mem::take(&mut self.met) {
            if !keep(&function) {
                moves.push(NONE);
                continue;
            }
            moves.push(kept.len() as u32);
            if function.histogram != SHARED_HISTOGRAM {
                histograms.push(core::mem::take(&mut self.histograms[function.histogram as usize]));
                function.histogram = histograms.len() as u32 - 1;
            }
            kept.push(function);
        }
        (self.met, self.histograms) = (kept, histograms);
        for place in self.places.iter_mut().filter(|place| **place != 0) {
            *place = moves[*place as usize - 1].wrapping_add(1);
        }
        moves
    }
}
