//! The one state of the instance.

use alloc::vec::Vec;

use waspect_recorder::{Aggregator, Batch, Config, Recorder, Timestamp};

/// Everything that lives as long as the instance.
pub(crate) struct State {
    /// None until the first option.
    pub(crate) config: Option<Config>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) aggregator: Option<Aggregator>,
    /// Where bytes cross, in and out.
    pub(crate) buffer: Vec<u8>,
    /// Spans or data points in the request that was taken last.
    pub(crate) items: u32,
    /// The profile as it was when a piece of it was taken last.
    #[cfg(feature = "profile")]
    pub(crate) told: Option<waspect_recorder::Profile>,
}

impl State {
    /// Leaves a request for the host, or none; its length.
    pub(crate) fn give(&mut self, batch: Option<Batch>) -> u32 {
        let Batch { bytes, items } = batch.unwrap_or_default();
        (self.buffer, self.items) = (bytes, items as u32);
        self.buffer.len() as u32
    }
}

/// A static that hooks may die in. No `RefCell` and no lock: a hook that dies on the guest's exhausted stack would leave it
/// borrowed for ever (rule H1).
struct Cell(core::cell::UnsafeCell<State>);

// SAFETY: the module imports no shared memory, so it has one thread.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(core::cell::UnsafeCell::new(State {
    config: None,
    recorder: None,
    aggregator: None,
    buffer: Vec::new(),
    items: 0,
    #[cfg(feature = "profile")]
    told: None,
}));

/// Runs `f` on the state.
#[inline(always)]
pub(crate) fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    // SAFETY: one thread, and no export calls another while it holds the reference: the only calls that leave the module
    // are `now` and `boundary`, and those come before.
    let state = unsafe { &mut *STATE.0.get() };
    f(state)
}

#[link(wasm_import_module = "waspect/host")]
unsafe extern "C" {
    /// Milliseconds of a monotonic clock.
    #[link_name = "now"]
    safe fn read_clock() -> f64;

    /// The host seems to call in, over so many open frames. See [`knock`].
    #[link_name = "boundary"]
    safe fn boundary(frames: u32);
}

/// Says so to the host when a frame is about to open that nothing of the recorder's explains: on an empty lane, or, where
/// `begins`, over frames that did not call the host. The host may open a scope, or close what it knows to be dead, by calling in.
#[inline(always)]
pub(crate) fn knock(begins: bool) {
    let frames = with(|state| match &state.recorder {
        Some(recorder) if recorder.depth() == 0 || (begins && !recorder.awaits_host()) => Some(recorder.depth() as u32),
        _ => None,
    });
    if let Some(frames) = frames {
        boundary(frames);
    }
}

/// The time, in nanoseconds. What is no time is the beginning of time.
pub(crate) fn now() -> Timestamp {
    Timestamp(nanoseconds(read_clock()))
}

/// Milliseconds as nanoseconds, rounded; saturates.
pub(crate) fn nanoseconds(milliseconds: f64) -> u64 {
    (milliseconds * 1e6 + 0.5) as u64
}
