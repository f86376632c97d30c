//! The one state of the instance.

use waspect_recorder::{Aggregator, Config, Recorder, Timestamp};

/// Everything that lives as long as the instance.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) aggregator: Option<Aggregator>,
    /// Where bytes cross, in and out.
    pub(crate) buffer: Vec<u8>,
}

/// A static that hooks may die in. No `RefCell` and no lock: a hook that dies on the guest's exhausted stack would leave it
/// borrowed for ever (rule H1).
struct Cell(core::cell::UnsafeCell<Option<State>>);

// SAFETY: the module imports no shared memory, so it has one thread.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(core::cell::UnsafeCell::new(None));

/// Runs `f` on the state.
#[inline(always)]
pub(crate) fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    // SAFETY: one thread, and no export calls another while it holds the reference: the only call that leaves the module is
    // `now`, which is read before.
    let state = unsafe { &mut *STATE.0.get() };
    f(state.get_or_insert_with(State::default))
}

#[link(wasm_import_module = "waspect/host")]
unsafe extern "C" {
    /// Milliseconds of a monotonic clock.
    #[link_name = "now"]
    safe fn read_clock() -> f64;
}

/// The time, in nanoseconds. What is no time is the beginning of time.
pub(crate) fn now() -> Timestamp {
    Timestamp(nanoseconds(read_clock()))
}

/// Milliseconds as nanoseconds, rounded; saturates.
pub(crate) fn nanoseconds(milliseconds: f64) -> u64 {
    (milliseconds * 1e6 + 0.5) as u64
}
