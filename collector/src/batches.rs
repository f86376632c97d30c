//! Batches that were taken already. A sender that hears no answer sends again, and says so by sending the same id: what is safe on
//! disk is then acknowledged, and not stored once more.
//!
//! A repeat has the id *and the bytes* of the first. So ids that are not random, or that a stranger guesses, make nobody lose anything.
//! The last [`BATCHES_MAX`] are known; their ids stand in the log, with what they brought, and so outlive a restart.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use siphasher::sip::SipHasher13;
use tokio::sync::watch;

use crate::entry::Entry;
use crate::log::Reader;
use crate::otlp::Signal;
use crate::profiles::Stored;

/// Batches that are known: an hour of 70 a second.
pub const BATCHES_MAX: usize = 1 << 18;

/// Longest id; a longer one is none.
const ID_BYTES_MAX: usize = 128;

/// What a request calls its batch: a query parameter over HTTP, metadata over gRPC.
pub const NAME: &str = "waspect.batch";

/// A batch, by its signal, its id and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Batch(pub u64);

impl Batch {
    /// The batch of that id. `None`: it has none that counts.
    pub fn new(signal: Signal, id: &[u8], body: &[u8]) -> Option<Batch> {
        Batch::of(signal.name(), id, body)
    }

    /// The same for what is no signal of OTLP.
    pub fn of(kind: &str, id: &[u8], body: &[u8]) -> Option<Batch> {
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return None;
        }
        let mut hasher = SipHasher13::new();
        hasher.write(kind.as_bytes());
        // The length keeps an id apart from the bytes that follow it.
        hasher.write_u64(id.len() as u64);
        hasher.write(id);
        hasher.write(body);
        Some(Batch(hasher.finish()))
    }

    /// The batch that a record of the log is, whatever it carries.
    pub fn of_record(payload: &Bytes) -> Option<Batch> {
        match Entry::decode(payload) {
            Some(entry) => entry.batch,
            None => Stored::read(payload)?.batch.map(Batch),
        }
    }
}

/// The batches that are known, and those that are on their way to the disk.
#[derive(Clone, Default)]
pub struct Batches {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    taken: HashSet<Batch>,
    /// The oldest first.
    order: VecDeque<Batch>,
    /// Who holds the receiver hears when it is decided.
    underway: HashMap<Batch, watch::Receiver<()>>,
}

/// What becomes of a batch that came in.
enum Turn {
    /// It is new: store it, and drop the sender when that is decided.
    Store(watch::Sender<()>),
    /// The same is being stored: wait.
    Wait(watch::Receiver<()>),
    /// It is stored.
    Taken,
}

impl Batches {
    /// A batch that is in the log.
    pub fn taken(&self, batch: Batch) {
        self.lock().insert(batch);
    }

    /// All that are known, the oldest first.
    pub fn all(&self) -> Vec<Batch> {
        self.lock().order.iter().copied().collect()
    }

    /// Learns the batches of the log, from a record on. What cannot be read is not known. Blocks for the disk.
    pub fn recall(&self, mut log: Reader) {
        while let Ok(Some(record)) = log.read() {
            Batch::of_record(&record.payload).inspect(|batch| self.taken(*batch));
        }
    }

    /// Stores a batch unless it is stored; `None`: it is. Whoever sends it twice at once waits for the first to be decided.
    ///
    /// It goes on though nobody waits for it any more: a sender that gives up may come back, while the disk still writes.
    pub async fn once<T, E, F>(&self, batch: Batch, store: F) -> Option<Result<T, E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let decided = loop {
            match self.turn(batch) {
                Turn::Taken => return None,
                // An error says that the sender is gone: it is decided.
                Turn::Wait(mut decided) => while decided.changed().await.is_ok() {},
                Turn::Store(decided) => break decided,
            }
        };
        let batches = self.clone();
        let storing = tokio::spawn(async move {
            let underway = Underway { batches: &batches, batch };
            let outcome = store.await;
            if outcome.is_ok() {
                batches.taken(batch);
            }
            drop(underway);
            drop(decided);
            outcome
        });
        Some(storing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
    }

    fn turn(&self, batch: Batch) -> Turn {
        let mut known = self.lock();
        if known.taken.contains(&batch) {
            return Turn::Taken;
        }
        if let Some(decided) = known.underway.get(&batch) {
            return Turn::Wait(decided.clone());
        }
        let (sender, receiver) = watch::channel(());
        known.underway.insert(batch, receiver);
        Turn::Store(sender)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn insert(&mut self, batch: Batch) {
        if !self.taken.insert(batch) {
            return;
        }
        self.order.push_back(batch);
        if self.order.len() > BATCHES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.taken.remove(&oldest);
        }
    }
}

/// A batch that is on its way to the disk, until this is dropped.
struct Underway<'b> {
    batches: &'b Batches,
    batch: Batch,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.batches.lock().underway.remove(&self.batch);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use tokio::sync::oneshot;

    use super::*;

    fn batch(id: &str, body: &str) -> Batch {
        Batch::new(Signal::Metrics, id.as_bytes(), body.as_bytes()).unwrap()
    }

    #[test]
    fn a_repeat_has_the_id_and_the_bytes_of_the_first() {
        assert_eq!(batch("a", "bc"), batch("a", "bc"));
        assert_ne!(batch("a", "bc"), batch("ab", "c"));
        assert_ne!(batch("a", "bc"), batch("a", "bd"));
        assert_ne!(Some(batch("a", "bc")), Batch::new(Signal::Traces, b"a", b"bc"));
        assert_eq!(Batch::new(Signal::Metrics, b"", b"b"), None);
        assert_eq!(Batch::new(Signal::Metrics, &[b'x'; ID_BYTES_MAX + 1], b"b"), None);
    }

    #[tokio::test]
    async fn what_failed_is_stored_when_it_comes_again_and_what_is_stored_is_not() {
        let (batches, stored) = (Batches::default(), Arc::new(AtomicU32::new(0)));
        let store = |outcome: Result<(), ()>| {
            let stored = stored.clone();
            async move {
                stored.fetch_add(1, SeqCst);
                outcome
            }
        };
        assert_eq!(batches.once(batch("a", ""), store(Err(()))).await, Some(Err(())));
        assert_eq!(batches.once(batch("a", ""), store(Ok(()))).await, Some(Ok(())));
        assert_eq!(batches.once(batch("a", ""), store(Ok(()))).await, None);
        assert_eq!(batches.once(batch("b", ""), store(Ok(()))).await, Some(Ok(())));
        assert_eq!(stored.load(SeqCst), 3);
    }

    #[tokio::test]
    async fn a_repeat_waits_for_the_first_which_goes_on_though_its_sender_went() {
        let (batches, (go, wait)) = (Batches::default(), oneshot::channel::<()>());
        let first = batches.clone();
        let mut sender =
            Box::pin(async move { first.once(batch("a", ""), async move { wait.await.map_err(drop) }).await });
        // It is under way, and then its sender is gone.
        assert!(once(&mut sender).await.is_none());
        drop(sender);
        let mut repeat = Box::pin(batches.once(batch("a", ""), async { Ok::<(), ()>(()) }));
        assert!(once(&mut repeat).await.is_none(), "it is not decided");
        go.send(()).unwrap();
        assert_eq!(repeat.await, None, "the first was stored");
    }

    /// What a future says when it is asked once.
    async fn once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let batches = Batches::default();
        for number in 0..=BATCHES_MAX as u64 {
            batches.taken(Batch(number));
        }
        let known = batches.lock();
        assert_eq!(known.taken.len(), BATCHES_MAX);
        assert!(!known.taken.contains(&Batch(0)) && known.taken.contains(&Batch(1)));
    }
}
