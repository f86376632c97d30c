//! The boundary around a call from the host (rules B2 to B5).
//!
//! Whatever way the call ends, its frames close: on return, trap, exit, host error, fuel, epoch, a dropped future, a
//! panicking host. It knows Wasmtime's ways of ending and leaves their meaning to the recorder.

use wasmtime::{AsContextMut, Result, StoreContextMut};
use waspect_recorder::{Outcome, Timestamp};

use crate::counters::{self, Work};
use crate::observe::Observe;
use crate::{clock, context, instances};

/// Epochs for which counters may be read after an interruption.
const EPOCHS: u64 = 1_000;

/// Runs `call` as one call from the host: a root of its own, or part of the trace that the host is in.
///
/// The parent is what [`Observe::set_parent`] named, else the current OpenTelemetry context. When `call` returns an error,
/// every frame that it left open closes with that error: a trap with its code and Wasm backtrace, `proc_exit` with its code,
/// fuel, epoch or a host error as such. The error itself is passed on as it is.
///
/// Scopes nest: a host function that calls back into the guest may open its own.
///
/// ```no_run
/// # use wasmtime::{Result, Store, TypedFunc};
/// # struct State { observe: waspect_wasmtime::Observe }
/// # fn run(store: &mut Store<State>, run: TypedFunc<(), i32>) -> Result<()> {
/// let answer = waspect_wasmtime::scope(store, |state| &mut state.observe, |store| run.call(store, ()))?;
/// # Ok(()) }
/// ```
pub fn scope<S, R>(
    mut store: S,
    get: impl Fn(&mut S::Data) -> &mut Observe + Copy,
    call: impl FnOnce(StoreContextMut<'_, S::Data>) -> Result<R>,
) -> Result<R>
where
    S: AsContextMut,
{
    let mut scope = Open::begin(store.as_context_mut(), get, true);
    let mut work = scope.due_gates();
    let _ = counters::run(scope.store.as_context_mut(), &mut work);
    scope.done(work);
    scope.open();
    let result = call(scope.store.as_context_mut());
    scope.close(result.as_ref().err());
    let mut work = scope.due_reads();
    if let Err(error) = counters::run(scope.store.as_context_mut(), &mut work)
        && counters::is_interrupt(&error)
    {
        work = scope.due_reads();
        let _ = counters::run(scope.grant_epochs().store.as_context_mut(), &mut work);
        scope.end_epochs();
    }
    scope.done(work);
    result
}

/// [`scope`] for a store that runs asynchronously. When the future is dropped, the open frames close as cancelled.
///
/// ```no_run
/// # use wasmtime::{Result, Store, TypedFunc};
/// # struct State { observe: waspect_wasmtime::Observe }
/// # async fn run(store: &mut Store<State>, run: TypedFunc<(), i32>) -> Result<()> {
/// let answer = waspect_wasmtime::scope_async(store, |state| &mut state.observe, async |store| {
///     run.call_async(store, ()).await
/// })
/// .await?;
/// # Ok(()) }
/// ```
pub async fn scope_async<S, R>(
    mut store: S,
    get: impl Fn(&mut S::Data) -> &mut Observe + Copy,
    call: impl AsyncFnOnce(StoreContextMut<'_, S::Data>) -> Result<R>,
) -> Result<R>
where
    S: AsContextMut<Data: Send>,
{
    let mut scope = Open::begin(store.as_context_mut(), get, false);
    let mut work = scope.due_gates();
    let _ = counters::run_async(scope.store.as_context_mut(), &mut work).await;
    scope.done(work);
    scope.open();
    let result = call(scope.store.as_context_mut()).await;
    scope.close(result.as_ref().err());
    let mut work = scope.due_reads();
    if let Err(error) = counters::run_async(scope.store.as_context_mut(), &mut work).await
        && counters::is_interrupt(&error)
    {
        work = scope.due_reads();
        let _ = counters::run_async(scope.grant_epochs().store.as_context_mut(), &mut work).await;
        scope.end_epochs();
    }
    scope.done(work);
    result
}

/// Reads every counter that [`scope`] would read, now.
///
/// A scope reads an instance's counters when it ends, unless it read them a moment ago and reading is slow: at most a part
/// in 64 of a store's time goes into it. Before a store is dropped, this brings in what may be left. Stores with one call each
/// need no such thing, nor do modules in mode `calls`, whose counters matter for untimed functions only.
pub fn collect<S: AsContextMut>(mut store: S, get: impl Fn(&mut S::Data) -> &mut Observe + Copy) -> Result<()> {
    let mut scope = Open::begin(store.as_context_mut(), get, true);
    let mut work = scope.all_reads();
    let result = counters::run(scope.store.as_context_mut(), &mut work);
    scope.done(work);
    result
}

/// [`collect`] for a store that runs asynchronously.
pub async fn collect_async<S: AsContextMut<Data: Send>>(
    mut store: S,
    get: impl Fn(&mut S::Data) -> &mut Observe + Copy,
) -> Result<()> {
    let mut scope = Open::begin(store.as_context_mut(), get, false);
    let mut work = scope.all_reads();
    let result = counters::run_async(scope.store.as_context_mut(), &mut work).await;
    scope.done(work);
    result
}

/// A scope from its beginning to its end. Dropped half-way, it closes what is open: so does a cancelled future, and a host
/// that panics.
struct Open<'a, T: 'static, G: Fn(&mut T) -> &mut Observe> {
    store: StoreContextMut<'a, T>,
    get: G,
    sync: bool,
    sync_before: bool,
    outermost: bool,
    token: Option<u32>,
    began: Timestamp,
}

impl<'a, T: 'static, G: Fn(&mut T) -> &mut Observe> Open<'a, T, G> {
    fn begin(mut store: StoreContextMut<'a, T>, get: G, sync: bool) -> Self {
        let (mut outermost, mut sync_before) = (false, false);
        if let Some((observer, state)) = get(store.data_mut()).parts() {
            state.refresh(observer);
            outermost = state.depth == 0;
            sync_before = std::mem::replace(&mut state.sync, sync);
            state.depth += 1;
        }
        Open { store, get, sync, sync_before, outermost, token: None, began: Timestamp::default() }
    }

    /// Opens the root, after everything that is not the guest's own work.
    fn open(&mut self) {
        let Some(state) = (self.get)(self.store.data_mut()).state() else { return };
        let parent = if self.outermost { state.parent.take().or_else(context::current) } else { None };
        let (wall, now) = (clock::wall_unix_ns(), clock::now());
        self.token = Some(state.caught_up(now).recorder().scope_begin(now, wall, parent.as_ref()));
        state.rings.set_running(now, true);
    }

    /// Closes every frame of the scope, with the outcome that the error tells.
    fn close(&mut self, error: Option<&wasmtime::Error>) {
        let now = clock::now();
        let Some(token) = self.token.take() else { return };
        let Some((observer, state)) = (self.get)(self.store.data_mut()).parts() else { return };
        let outcome = error.map_or(Outcome::Returned, |error| observer.outcome(error, &state.modules));
        state.caught_up(now).recorder().scope_end(now, token, &outcome);
    }

    fn due_gates(&mut self) -> Vec<Work> {
        self.began = clock::now();
        match (self.outermost, (self.get)(self.store.data_mut()).parts()) {
            (true, Some((observer, state))) => state.due_gates(observer),
            _ => Vec::new(),
        }
    }

    fn due_reads(&mut self) -> Vec<Work> {
        self.began = clock::now();
        match (self.outermost, (self.get)(self.store.data_mut()).state()) {
            (true, Some(state)) => state.instances.due_reads(self.began, false),
            _ => Vec::new(),
        }
    }

    fn all_reads(&mut self) -> Vec<Work> {
        self.began = clock::now();
        let state = (self.get)(self.store.data_mut()).state();
        state.map_or_else(Vec::new, |state| state.instances.due_reads(self.began, true))
    }

    fn done(&mut self, work: Vec<Work>) {
        if let Some(state) = (self.get)(self.store.data_mut()).state() {
            state.instances.done(&mut state.seat.recorder(), work, self.began, clock::now());
        }
    }

    /// After an interruption the deadline has passed, and not even a counter could be read.
    fn grant_epochs(&mut self) -> &mut Self {
        self.store.set_epoch_deadline(EPOCHS);
        self
    }

    fn end_epochs(&mut self) {
        self.store.set_epoch_deadline(0);
    }
}

impl<T: 'static, G: Fn(&mut T) -> &mut Observe> Drop for Open<'_, T, G> {
    fn drop(&mut self) {
        let now = clock::now();
        let token = self.token.take();
        let Some(state) = (self.get)(self.store.data_mut()).state() else { return };
        if let Some(token) = token {
            let outcome = match self.sync {
                true => Outcome::HostError { kind: "panic".into(), message: String::new(), backtrace: String::new() },
                false => Outcome::Cancelled,
            };
            state.caught_up(now).recorder().scope_end(now, token, &outcome);
        }
        state.sync = self.sync_before;
        state.depth = state.depth.saturating_sub(1);
        if self.outermost {
            state.rings.set_running(now, false);
            instances::measure(self.store.as_context_mut(), &self.get);
            if let Some((observer, state)) = (self.get)(self.store.data_mut()).parts() {
                observer.hand_over(state, now);
            }
        }
    }
}
