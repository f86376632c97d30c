//! What stands in a store's data: the recorder of the store, and what it must remember of its instances.
//!
//! It knows no `T`, no linker and no call: those are in `hooks`, `scope` and `instances`.

use std::fmt;
use std::sync::Arc;

use waspect_abi::BuildId;
use waspect_recorder::{Outcome, Parent, Recorder, Timestamp, Untimed};

use crate::counters::Work;
use crate::instances::Instances;
use crate::modules::{Known, Modules};
use crate::observer::Observer;
use crate::ring::Rings;
use crate::seat::Seat;
use crate::{clock, tick};

/// The observation of one store: put it into the store's data, and tell [`add_to_linker`](crate::add_to_linker) where.
///
/// Made by [`Observer::observe`]. One store runs on one thread at a time, so that a hook reaches its recorder without a lock.
/// When the store is dropped, calls that are still open close as dropped and the rest is handed to the [`Observer`].
pub struct Observe {
    observer: Observer,
    state: Option<Box<State>>,
}

/// Everything that hooks touch. Boxed, so that stores stay small and dropped stores leave it to the next one.
pub(crate) struct State {
    pub seat: Seat,
    /// When the next hook call does more than recording.
    pub tick_due: Timestamp,
    /// When a tick hands over what was recorded.
    pub drain_due: Timestamp,
    /// How long after that the next one follows.
    pub drain_pause_ns: u64,
    pub instances: Instances,
    pub rings: Rings,
    /// Open scopes.
    pub depth: u32,
    /// Open boundaries outside of scopes, some of which a trap may have ended.
    unscoped: u32,
    /// Parent of the next scope, when the host named one.
    pub parent: Option<Parent>,
    /// True while the guest was entered through a synchronous [`scope`](crate::scope).
    pub sync: bool,
    /// True while a tick runs, whose calls of the guest must not tick again.
    pub ticking: bool,
    /// The known modules, as this store last saw them.
    pub modules: Arc<Modules>,
    /// Builds whose manifest the recorder has.
    manifests: Vec<BuildId>,
    untimed: Untimed,
}

impl Observe {
    pub(crate) fn new(observer: Observer, state: Option<Box<State>>) -> Observe {
        Observe { observer, state }
    }

    /// Names the parent of the next outermost scope, instead of the current OpenTelemetry context.
    ///
    /// A `traceparent` header becomes one by [`parent_from_headers`](crate::parent_from_headers).
    pub fn set_parent(&mut self, parent: Parent) {
        if let Some(state) = &mut self.state {
            state.parent = Some(parent);
        }
    }

    /// The process's observer.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The state; none when observation is switched off, and then every hook does nothing.
    #[inline]
    pub(crate) fn state(&mut self) -> Option<&mut State> {
        self.state.as_deref_mut()
    }

    /// Both at once.
    #[inline]
    pub(crate) fn parts(&mut self) -> Option<(&Observer, &mut State)> {
        Some((&self.observer, self.state.as_deref_mut()?))
    }
}

impl State {
    pub(crate) fn new(recorder: Recorder) -> State {
        State {
            seat: Seat::Here(recorder),
            tick_due: Timestamp(0),
            drain_due: Timestamp(0),
            drain_pause_ns: tick::DRAIN_FIRST_NS,
            instances: Instances::default(),
            rings: Rings::default(),
            depth: 0,
            unscoped: 0,
            parent: None,
            sync: false,
            ticking: false,
            modules: Arc::default(),
            manifests: Vec::new(),
            untimed: Untimed::default(),
        }
    }

    /// Takes over what the process learned since the last call. Waits for nobody.
    pub(crate) fn refresh(&mut self, observer: &Observer) {
        observer.refresh(&mut self.modules, &mut self.untimed);
    }

    /// What is known of a build; its manifest then names what the recorder records.
    pub(crate) fn known(&mut self, observer: &Observer, build: BuildId) -> Option<Arc<Known>> {
        if self.modules.build(build).is_none() {
            self.refresh(observer);
        }
        let known = self.modules.build(build)?.clone();
        if !self.manifests.contains(&build) {
            self.manifests.push(build);
            self.seat.recorder().add_manifest(known.manifest.clone());
        }
        Some(known)
    }

    /// Gates that are to be set so that the instances follow the governor.
    pub(crate) fn due_gates(&mut self, observer: &Observer) -> Vec<Work> {
        self.refresh(observer);
        self.instances.due_gates(&mut self.seat.recorder(), &self.untimed)
    }

    /// Who records, once what the rings hold was told (rule R6).
    #[inline]
    pub(crate) fn caught_up(&mut self, now: Timestamp) -> &mut Seat {
        if matches!(self.seat, Seat::Desk(_)) {
            self.catch_up(now);
        }
        &mut self.seat
    }

    /// Apart from the hooks, most of which serve stores without rings: inlined there, it would take registers from all of them.
    #[cold]
    #[inline(never)]
    fn catch_up(&mut self, now: Timestamp) {
        if let Seat::Desk(desk) = &mut self.seat {
            self.rings.take(desk, now);
        }
    }

    /// A boundary without a scope anchors its root in the wall clock itself.
    #[inline]
    pub(crate) fn begin(&mut self, now: Timestamp, func: u32) -> u32 {
        self.caught_up(now);
        if self.depth == 0 {
            self.seat.recorder().anchor(now, clock::wall_unix_ns());
            self.unscoped += 1;
            self.rings.set_running(now, true);
        }
        self.seat.begin(now, func)
    }

    /// The end of a boundary: without a scope, of the last one that runs.
    #[inline]
    pub(crate) fn end(&mut self, now: Timestamp, token: u32) {
        self.caught_up(now).end(now, token);
        if self.depth == 0 {
            self.unscoped = self.unscoped.saturating_sub(1);
            if self.unscoped == 0 {
                self.rings.set_running(now, false);
            }
        }
    }

    /// Makes it as new, for another store.
    pub(crate) fn reset(&mut self, entropy: Option<[u8; 16]>) {
        self.reopen();
        self.seat.recorder().reset(entropy);
        self.manifests.clear();
    }

    /// Makes it ready for another store, with all that was recorded for those before it.
    pub(crate) fn reopen(&mut self) {
        self.seat.stand_up();
        self.rings.clear();
        self.tick_due = Timestamp(0);
        self.drain_due = Timestamp(0);
        self.drain_pause_ns = tick::DRAIN_FIRST_NS;
        self.parent = None;
        self.depth = 0;
        self.unscoped = 0;
        self.sync = false;
        self.ticking = false;
    }

    /// Closes what is open as dropped, and ends every instance: its memory is given back.
    fn close(&mut self, now: Timestamp) {
        self.caught_up(now).recorder().close_lane(now, &Outcome::Dropped);
        self.rings.clear();
        self.instances.end(&mut self.seat.recorder(), now);
    }
}

impl Drop for Observe {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take() {
            state.close(clock::now());
            self.observer.give_back(state);
        }
    }
}

impl fmt::Debug for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observe").field("on", &self.state.is_some()).finish_non_exhaustive()
    }
}
