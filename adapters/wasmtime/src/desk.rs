//! What a store and the thread that replays share: logs that wait, and the recorder to which they are told, in their order.
//!
//! The store's thread writes and hands over; it replays itself where the other thread is behind, so that nothing is lost and
//! memory is bounded. Who replays holds the recorder while it takes the oldest log: so their order is kept.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use crossbeam_queue::ArrayQueue;
use waspect_recorder::{Recorder, Timestamp};

use crate::log::{Event, Log, Replay};
use crate::{replayer, ticker};

/// Logs of a store that wait: 2.5 MB at most.
const WAITING_MAX: usize = 32;

/// The store's side.
pub(crate) struct Desk {
    log: Log,
    /// The last token that was given out.
    token: u32,
    work: Arc<Work>,
}

/// What is shared.
pub(crate) struct Work {
    waiting: ArrayQueue<Log>,
    /// Emptied logs, for their room.
    spare: ArrayQueue<Log>,
    /// The replaying thread was asked, and has not begun.
    asked: AtomicBool,
    /// The store's thread wants the recorder.
    wanted: AtomicBool,
    /// None once the store has its recorder back.
    replay: Mutex<Option<Replay>>,
}

/// The recorder, held by the store's thread.
pub(crate) struct AtWork<'a>(MutexGuard<'a, Option<Replay>>);

const HELD: &str = "the recorder is at the desk until it is left";

impl Desk {
    pub fn new(recorder: Box<Recorder>) -> Desk {
        let work = Work {
            waiting: ArrayQueue::new(WAITING_MAX),
            spare: ArrayQueue::new(WAITING_MAX),
            asked: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            replay: Mutex::new(Some(Replay::new(recorder))),
        };
        Desk { log: Log::default(), token: 0, work: Arc::new(work) }
    }

    /// Writes down a hook that gives a token.
    pub fn open(&mut self, event: impl FnOnce(u32) -> Event) -> u32 {
        self.token = self.token.wrapping_add(1).max(1);
        self.tell(event(self.token));
        self.token
    }

    /// Writes down a hook.
    pub fn tell(&mut self, event: Event) {
        self.log.push(event);
        self.hand_over();
    }

    /// Writes down records of an instance.
    pub fn records(&mut self, now: Timestamp, base: u32, first: u32, records: [&[AtomicU64]; 2]) {
        self.log.records(now, base, first, records);
        self.hand_over();
    }

    /// The recorder, once it was told everything.
    pub fn told_all(&mut self) -> AtWork<'_> {
        self.work.wanted.store(true, Ordering::Relaxed);
        let mut replay = self.work.lock();
        self.work.wanted.store(false, Ordering::Relaxed);
        let told = replay.as_mut().expect(HELD);
        while let Some(mut log) = self.work.waiting.pop() {
            told.replay(&mut log);
            self.work.emptied(log);
        }
        told.replay(&mut self.log);
        told.recorder.clock_resolution(ticker::step_max_ns());
        AtWork(replay)
    }

    /// Gives the recorder back.
    pub fn leave(mut self) -> Box<Recorder> {
        self.told_all().0.take().expect(HELD).recorder
    }

    /// A full log goes to the replaying thread. Where that one is behind, the oldest is replayed here, and no more: the rest is still
    /// its work. Where it is at work right now, there will be room at once: to sleep until it lets go of the recorder would take longer,
    /// and once both have slept they keep waking each other.
    #[inline]
    fn hand_over(&mut self) {
        if !self.log.is_full() {
            return;
        }
        let mut log = std::mem::replace(&mut self.log, self.work.spare.pop().unwrap_or_default());
        while let Err(back) = self.work.waiting.push(log) {
            log = back;
            if !self.work.try_replay_one() {
                thread::yield_now();
            }
        }
        self.work.ask();
    }
}

impl Work {
    /// Replays what waits, as long as the store's thread does not want the recorder for itself.
    pub fn replay(&self) {
        self.asked.store(false, Ordering::SeqCst);
        loop {
            let wanted = self.wanted.load(Ordering::Relaxed);
            if wanted || !self.replay_one() {
                return;
            }
        }
    }

    /// Replays the oldest log that waits; false when there is none.
    fn replay_one(&self) -> bool {
        self.replay_oldest(self.lock())
    }

    /// The same, and false where another thread replays.
    fn try_replay_one(&self) -> bool {
        match self.replay.try_lock() {
            Ok(replay) => self.replay_oldest(replay),
            Err(TryLockError::Poisoned(poisoned)) => self.replay_oldest(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    fn replay_oldest(&self, mut replay: MutexGuard<'_, Option<Replay>>) -> bool {
        let Some(told) = replay.as_mut() else { return false };
        let Some(mut log) = self.waiting.pop() else { return false };
        told.replay(&mut log);
        drop(replay);
        self.emptied(log);
        true
    }

    fn ask(self: &Arc<Work>) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            replayer::ask(self.clone());
        }
    }

    fn emptied(&self, log: Log) {
        // As many as there may ever be at a time; one more is given up.
        let _ = self.spare.push(log);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Replay>> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for AtWork<'_> {
    type Target = Recorder;

    fn deref(&self) -> &Recorder {
        &self.0.as_ref().expect(HELD).recorder
    }
}

impl DerefMut for AtWork<'_> {
    fn deref_mut(&mut self) -> &mut Recorder {
        &mut self.0.as_mut().expect(HELD).recorder
    }
}
