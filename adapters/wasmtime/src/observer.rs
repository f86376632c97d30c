//! The process's side of observation: one [`Observer`], cheap to clone, for all stores on all threads.

use std::fmt;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Module;
use waspect_abi::Manifest;
use waspect_abi::manifest::Mode;
use waspect_export::{ProfileHealth, ProfilePush};
use waspect_recorder::{Outcome, Profile, Snapshot, Timestamp, Untimed};

use crate::builder::Builder;
use crate::error::Error;
use crate::modules::{self, Modules};
use crate::observe::{Observe, State};
use crate::outcome;
use crate::pump::{Request, Requests};
use crate::replayer;
use crate::ring::check_ring;
use crate::shared::Shared;
use crate::ticker;

/// Observes every store of a process: merges what they record, and exports it in the background.
///
/// Make one with [`Observer::builder`] when the process starts, give each store an [`observe`](Observer::observe), and
/// [`shutdown`](Observer::shutdown) before the process ends. Clones are the same observer.
#[derive(Clone)]
pub struct Observer {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    requests: Arc<Requests>,
    /// `None`: none are pushed, or not any more.
    profiles: Mutex<Option<ProfilePush>>,
}

/// What became of what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The exporter's ledgers; all zeros without an exporter.
    pub export: waspect_export::Health,
    /// What became of profiles, once the observer was shut down.
    pub profiles: waspect_export::ProfileHealth,
    /// Stores whose last records were lost, because neither the queue to the background thread nor the pool had room.
    pub stores_lost: u64,
    /// Everything that was handed over in time reached the exporter and the sinks, and the exporter is done with it.
    pub complete: bool,
}

impl Observer {
    /// An observer to be configured.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(shared: Arc<Shared>, requests: Arc<Requests>, profiles: Option<ProfilePush>) -> Observer {
        Observer { handle: Arc::new(Handle { shared, requests, profiles: Mutex::new(profiles) }) }
    }

    /// The observation of a new store, to be put into the store's data.
    pub fn observe(&self) -> Observe {
        let shared = &self.handle.shared;
        Observe::new(self.clone(), shared.on.then(|| shared.take()))
    }

    /// Makes an instrumented module known, so that its functions have names: `wasm` are the bytes that `module` was compiled
    /// from. Once a compiled module; instances and stores may follow by the thousands.
    ///
    /// For a module whose manifest stands in a file of its own, see [`Observer::add_manifest`].
    pub fn add_module(&self, module: &Module, wasm: &[u8]) -> Result<Arc<Manifest>, Error> {
        self.add_manifest(module, modules::embedded(wasm)?)
    }

    /// Makes a module known whose manifest is at hand: `Instrumented::manifest`, or a decoded sidecar file.
    pub fn add_manifest(&self, module: &Module, manifest: Manifest) -> Result<Arc<Manifest>, Error> {
        if manifest.mode() == Mode::Ring {
            check_ring(module.engine())?;
            ticker::start().and_then(|()| replayer::start()).map_err(Error::Thread)?;
        }
        let manifest = Arc::new(manifest);
        let mut modules = self.handle.shared.modules.write().unwrap_or_else(PoisonError::into_inner);
        *modules = Arc::new(modules.with(module, manifest.clone())?);
        Ok(manifest)
    }

    /// Figures to show, of everything that stores have handed over: at the end of each outermost [`scope`](crate::scope),
    /// when they are dropped, and while a call runs after 10 ms, 30 ms, 70 ms and so on, then once a second.
    pub fn snapshot(&self) -> Snapshot {
        self.handle.shared.merged().snapshot()
    }

    /// The call tree of the same, for pprof, folded stacks and flame graphs.
    pub fn profile(&self) -> Profile {
        self.handle.shared.merged().profile()
    }

    /// Sends everything that was handed over so far, and waits until it has arrived or was given up, at most this long.
    pub fn flush(&self, deadline: Duration) -> Health {
        let until = Instant::now() + deadline;
        let taken_out = self.request(Request::Flush, deadline);
        let exporter = self.handle.shared.exporter.read().unwrap_or_else(PoisonError::into_inner);
        let mut health = self.health();
        if let Some(exporter) = &*exporter {
            let flush = exporter.flush(until.saturating_duration_since(Instant::now()));
            health.export = flush.health;
            health.complete = flush.complete;
        }
        health.complete &= taken_out;
        health
    }

    /// Sends everything, ends the background work, and says what became of it all. Never takes longer than the deadline by
    /// more than a moment. Stores may live on; what they record from now on goes nowhere.
    pub fn shutdown(&self, deadline: Duration) -> Health {
        let until = Instant::now() + deadline;
        let taken_out = self.request(Request::Stop, deadline);
        let exporter = self.handle.shared.exporter.write().unwrap_or_else(PoisonError::into_inner).take();
        let mut health = self.health();
        if let Some(exporter) = exporter {
            health.export = exporter.shutdown(until.saturating_duration_since(Instant::now()));
            health.complete =
                waspect_export::Signal::ALL.iter().all(|&signal| health.export.signal(signal).unconfirmed() == 0);
        }
        health.complete &= taken_out;
        let push = self.handle.profiles.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(push) = push {
            let told = push.shutdown(until);
            // One that is still on its way when time is over is not counted as sent.
            health.complete &= told.is_some();
            health.profiles = told.unwrap_or(ProfileHealth { sent: 0, dropped: 1 });
        }
        health
    }

    /// What became of everything so far.
    pub fn health(&self) -> Health {
        let exporter = self.handle.shared.exporter.read().unwrap_or_else(PoisonError::into_inner);
        let export = exporter.as_ref().map(|exporter| exporter.health()).unwrap_or_default();
        Health { export, profiles: ProfileHealth::default(), stores_lost: self.handle.shared.lost(), complete: true }
    }

    /// What an error of a call means, as its spans tell it: an exit, an interruption, or a trap with its code and its
    /// backtrace in terms of the original module. For hosts that print it.
    pub fn explain(&self, error: &wasmtime::Error) -> Outcome {
        let modules = self.handle.shared.modules.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.outcome(error, &modules)
    }

    fn request(&self, request: impl FnOnce(std::sync::mpsc::SyncSender<()>) -> Request, deadline: Duration) -> bool {
        let (answer, answered) = sync_channel(1);
        self.handle.requests.push(request(answer), &self.handle.shared);
        answered.recv_timeout(deadline).is_ok()
    }

    pub(crate) fn refresh(&self, modules: &mut Arc<Modules>, untimed: &mut Untimed) {
        self.handle.shared.refresh(modules, untimed);
    }

    pub(crate) fn hand_over(&self, state: &mut State, now: Timestamp) {
        self.handle.shared.hand_over(state, now);
    }

    pub(crate) fn ask_governor(&self) {
        self.handle.shared.ask_governor();
    }

    pub(crate) fn give_back(&self, state: Box<State>) {
        self.handle.shared.give_back(state);
    }

    pub(crate) fn outcome(&self, error: &wasmtime::Error, modules: &Modules) -> Outcome {
        outcome::of(error, modules, self.handle.shared.exit_code.as_ref())
    }
}

impl Drop for Handle {
    /// The last observer and the last store are gone: the thread takes out what is left, and ends. Nobody waits for it.
    fn drop(&mut self) {
        let (answer, _) = sync_channel(1);
        self.requests.push(Request::Stop(answer), &self.shared);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("on", &self.handle.shared.on).finish_non_exhaustive()
    }
}
