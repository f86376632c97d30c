//! The thread that replays the logs of stores with rings, so that their own threads need not.
//!
//! One a process. Where it cannot keep up, or could not be started, the stores' own threads do its work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_queue::SegQueue;

use crate::desk::Work;

/// How long it sleeps, and how often, before it waits to be woken: waking a thread costs the one that wakes it more than a log.
const NAP: Duration = Duration::from_micros(50);
const NAPS: u32 = 500;

static REPLAYER: Replayer =
    Replayer { asked: SegQueue::new(), parked: AtomicBool::new(false), thread: OnceLock::new() };

struct Replayer {
    asked: SegQueue<Arc<Work>>,
    parked: AtomicBool,
    thread: OnceLock<Thread>,
}

/// Starts the thread, once a process.
pub(crate) fn start() -> std::io::Result<()> {
    if REPLAYER.thread.get().is_none() {
        let thread = thread::Builder::new().name("waspect-replay".into()).spawn(|| REPLAYER.run())?;
        // Two that start at once share the work.
        let _ = REPLAYER.thread.set(thread.thread().clone());
    }
    Ok(())
}

/// Asks for a store's logs to be replayed.
pub(crate) fn ask(work: Arc<Work>) {
    let Some(thread) = REPLAYER.thread.get() else { return };
    REPLAYER.asked.push(work);
    if REPLAYER.parked.load(Ordering::SeqCst) {
        thread.unpark();
    }
}

impl Replayer {
    fn run(&self) {
        let mut naps = 0;
        loop {
            while let Some(work) = self.asked.pop() {
                work.replay();
                naps = 0;
            }
            if naps < NAPS {
                naps += 1;
                thread::sleep(NAP);
                continue;
            }
            self.parked.store(true, Ordering::SeqCst);
            if self.asked.is_empty() {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
            naps = 0;
        }
    }
}
