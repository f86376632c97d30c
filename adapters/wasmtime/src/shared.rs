//! What stores, the background thread and the [`Observer`](crate::Observer) share, and the way of a delta through it.
//!
//! Stores hand deltas over through a bounded queue and wait for nobody. Only the merging side holds the aggregator.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::Thread;

use crossbeam_queue::ArrayQueue;
use waspect_export::Exporter;
use waspect_recorder::{Aggregator, Config, Delta, Recorder, Timestamp, Untimed};

use crate::clock;
use crate::modules::Modules;
use crate::observe::State;
use crate::outcome::ExitCode;

/// Deltas that wait to be merged.
const QUEUE_LEN_MAX: usize = 256;

/// Recorders of dropped stores that wait for the next store.
const POOL_LEN_MAX: usize = 256;

/// Recorders of dropped stores that hold what the queue had no room for.
const UNDRAINED_LEN_MAX: usize = 1_024;

/// What is shared.
pub(crate) struct Shared {
    /// False when observation is switched off altogether.
    pub on: bool,
    pub config: Config,
    pub exit_code: Option<ExitCode>,
    pub modules: RwLock<Arc<Modules>>,
    pub exporter: RwLock<Option<Exporter>>,
    /// The thread that merges, to be woken when the queue fills up.
    pub merger: OnceLock<Thread>,
    /// Whether somebody hopes for a decision of the governor before its time.
    asked: AtomicBool,
    aggregator: Mutex<Aggregator>,
    untimed: RwLock<Untimed>,
    queue: ArrayQueue<Delta>,
    /// Places in the queue that are taken or about to be.
    taken: AtomicUsize,
    idle: ArrayQueue<Box<State>>,
    undrained: ArrayQueue<Box<State>>,
    lost: AtomicU64,
    /// Source of ids; none where nobody takes spans.
    entropy: Option<RandomState>,
    seed: AtomicU64,
}

impl Shared {
    pub fn new(
        on: bool,
        spans: bool,
        mut config: Config,
        aggregator: Aggregator,
        exit_code: Option<ExitCode>,
    ) -> Shared {
        config.spans.on &= spans;
        Shared {
            on,
            config,
            exit_code,
            modules: RwLock::default(),
            exporter: RwLock::default(),
            merger: OnceLock::new(),
            asked: AtomicBool::new(false),
            aggregator: Mutex::new(aggregator),
            untimed: RwLock::default(),
            queue: ArrayQueue::new(QUEUE_LEN_MAX),
            taken: AtomicUsize::new(0),
            idle: ArrayQueue::new(POOL_LEN_MAX),
            undrained: ArrayQueue::new(UNDRAINED_LEN_MAX),
            lost: AtomicU64::new(0),
            entropy: spans.then(RandomState::new),
            seed: AtomicU64::new(0),
        }
    }

    /// A recorder for a store. Where merging lags behind, one that still holds what it recorded goes on, so that many stores
    /// fill few recorders and none is lost.
    pub fn take(&self) -> Box<State> {
        if let Some(state) = self.idle.pop() {
            return state;
        }
        match self.undrained.pop() {
            Some(mut state) => {
                state.reopen();
                state
            }
            None => Box::new(State::new(Recorder::new(&self.config, self.entropy()))),
        }
    }

    /// Takes back the recorder of a dropped store. What the queue has no room for is merged here and now, if nobody else is
    /// merging, or kept with its recorder until somebody does.
    pub fn give_back(&self, mut state: Box<State>) {
        let now = clock::now();
        if self.hand_over(&mut state, now) {
            self.recycle(state);
        } else if let Ok(mut aggregator) = self.aggregator.try_lock() {
            aggregator.merge(state.seat.recorder().drain(now));
            drop(aggregator);
            self.recycle(state);
        } else if self.undrained.push(state).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands over what a recorder holds, if there is room. If not, the recorder keeps it for the next time.
    pub fn hand_over(&self, state: &mut State, now: Timestamp) -> bool {
        let taken = self.taken.fetch_add(1, Ordering::AcqRel);
        if taken >= QUEUE_LEN_MAX {
            self.taken.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        let delta = state.seat.recorder().drain(now);
        if delta.is_empty() || self.queue.push(delta).is_err() {
            self.taken.fetch_sub(1, Ordering::AcqRel);
        }
        if taken == QUEUE_LEN_MAX / 4
            && let Some(merger) = self.merger.get()
        {
            merger.unpark();
        }
        true
    }

    /// The aggregator, with everything merged that was handed over.
    pub fn merged(&self) -> MutexGuard<'_, Aggregator> {
        let mut aggregator = self.aggregator.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(delta) = self.queue.pop() {
            self.taken.fetch_sub(1, Ordering::AcqRel);
            aggregator.merge(delta);
        }
        while let Some(mut state) = self.undrained.pop() {
            aggregator.merge(state.seat.recorder().drain(clock::now()));
            self.recycle(state);
        }
        aggregator
    }

    /// Asks for a decision of the governor on what was handed over just now: a young call may be one that calls much.
    pub fn ask_governor(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(merger) = self.merger.get() {
            merger.unpark();
        }
    }

    /// Whether a decision was asked for since the last time.
    pub fn governor_is_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }

    /// Lets the governor decide, and makes its decisions known.
    pub fn govern(&self) {
        let mut aggregator = self.merged();
        aggregator.tick();
        let decided = aggregator.untimed();
        drop(aggregator);
        let mut untimed = self.untimed.write().unwrap_or_else(PoisonError::into_inner);
        if decided.version != untimed.version {
            *untimed = decided;
        }
    }

    /// Brings what a store knows up to date, unless that would mean waiting.
    pub fn refresh(&self, modules: &mut Arc<Modules>, untimed: &mut Untimed) {
        if let Ok(latest) = self.modules.try_read()
            && !Arc::ptr_eq(&latest, modules)
        {
            *modules = latest.clone();
        }
        if let Ok(latest) = self.untimed.try_read()
            && latest.version != untimed.version
        {
            *untimed = latest.clone();
        }
    }

    /// Recorders that were lost with all they held, because neither queue nor pool had room.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn recycle(&self, mut state: Box<State>) {
        state.reset(self.entropy());
        // A full pool: this recorder's memory is given back.
        let _ = self.idle.push(state);
    }

    /// 16 bytes that nobody can guess: a keyed hash of a counter, the key from the system. A system call a store would cost
    /// more than the store's recorder.
    fn entropy(&self) -> Option<[u8; 16]> {
        let key = self.entropy.as_ref()?;
        let seed = self.seed.fetch_add(2, Ordering::Relaxed);
        let (high, low) = (key.hash_one(seed), key.hash_one(seed + 1));
        Some((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use waspect_recorder::Resource;

    use super::*;

    #[test]
    fn nothing_is_lost_while_nobody_merges() {
        const STORES: u32 = 5_000;
        let config = Config::default();
        let aggregator = Aggregator::new(&config, Resource::default(), 0);
        let shared = Shared::new(true, false, config, aggregator, None);
        let merging = shared.merged();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..STORES {
                    let mut state = shared.take();
                    let now = clock::now();
                    let mut recorder = state.seat.recorder();
                    let base = recorder.module(now, 0, 1, 2, 1);
                    let token = recorder.enter(now, base);
                    recorder.exit(now, token);
                    recorder.instance_end(now, base, 0);
                    drop(recorder);
                    shared.give_back(state);
                }
            });
        });
        drop(merging);
        let snapshot = shared.merged().snapshot();
        assert_eq!((shared.lost(), snapshot.functions[0].calls), (0, u64::from(STORES)));
        // Each instance's function wants a histogram; what the pool has no more of is shared.
        assert!(snapshot.drops.iter().all(|(reason, _)| *reason == waspect_recorder::DropReason::Histogram));
        assert_eq!(snapshot.modules[0].instances_ended, u64::from(STORES));
    }
}
