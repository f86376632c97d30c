//! What a hook does besides recording: once at `module`, and then once in a while.
//!
//! It stays within what a hook may do: no lock is waited for, nothing fails because of the guest.

use std::sync::Arc;

use wasmtime::{AsContextMut, Caller, Extern, Result};
use waspect_abi::ring::RING_EXPORT;
use waspect_abi::{BASE_REFUSED, BuildId, COUNTER_GET_EXPORT, COUNTER_SET_EXPORT};
use waspect_recorder::Timestamp;

use crate::clock;
use crate::counters::{self, accessors};
use crate::instances::{Observed, SomeMemory};
use crate::modules::Known;
use crate::observe::Observe;

/// Time between two ticks: how quickly gates follow the governor during one long call.
const TICK_NS: u64 = 10_000_000;

/// Time until a store's second hand-over during one long call. Each pause is twice as long as the one before: a run of half a
/// second is governed too, and a long one is not drained more often than it pays.
pub(crate) const DRAIN_FIRST_NS: u64 = 10_000_000;

/// Longest time between two hand-overs during one long call.
const DRAIN_NS: u64 = 1_000_000_000;

/// Hook `module`: registers the instance, and finds its accessors and memories through the caller's exports.
///
/// A hook that a start function calls is the one place that sees base and instance together, so that nobody has to
/// [`attach`](crate::attach) in mode `calls`.
pub(crate) fn module<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut Observe,
    now: Timestamp,
    [abi, build_a, build_b, functions]: [u32; 4],
) -> u32 {
    let Some((observer, state)) = get(caller.data_mut()).parts() else { return BASE_REFUSED };
    let known = state.known(observer, BuildId::from_halves(build_a, build_b));
    let base = state.caught_up(now).recorder().module(now, abi, build_a, build_b, functions);
    if base < BASE_REFUSED {
        let instance = observed(caller, base, known);
        let ring = caller.get_export(RING_EXPORT);
        if let Some(state) = get(caller.data_mut()).state() {
            state.instances.add(instance);
            if state.rings.add(base, ring, now, state.depth > 0) {
                state.seat.sit_down();
            }
        }
    }
    base
}

fn observed<T: 'static>(caller: &mut Caller<'_, T>, base: u32, known: Option<Arc<Known>>) -> Observed {
    let mut instance = Observed::new(base);
    let getter = caller.get_export(COUNTER_GET_EXPORT).and_then(Extern::into_func);
    let setter = caller.get_export(COUNTER_SET_EXPORT).and_then(Extern::into_func);
    instance.identity = getter.map_or(0, |getter| getter.to_raw(&mut *caller).addr());
    instance.accessors = accessors(&mut *caller, getter, setter);
    let memories = known.as_ref().map_or(&[][..], |known| &known.memories);
    let memories = memories.iter().filter_map(|name| SomeMemory::from_extern(caller.get_export(name)?));
    instance.memories = memories.collect();
    instance.known = known;
    instance
}

/// Sets gates and hands over what was recorded, while the guest runs.
#[cold]
#[inline(never)]
pub(crate) fn tick<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut Observe,
    now: Timestamp,
) -> Result<()> {
    let Some((observer, state)) = get(caller.data_mut()).parts() else { return Ok(()) };
    state.tick_due = Timestamp(now.0 + TICK_NS);
    if now >= state.drain_due {
        state.drain_due = Timestamp(now.0 + state.drain_pause_ns);
        observer.hand_over(state, now);
        if state.drain_pause_ns < DRAIN_NS {
            state.drain_pause_ns = (2 * state.drain_pause_ns).min(DRAIN_NS);
            observer.ask_governor();
        }
    }
    // A store that runs on a fiber refuses synchronous calls: there, gates follow at the boundary.
    if state.ticking || !state.sync {
        return Ok(());
    }
    let mut work = state.due_gates(observer);
    if work.is_empty() {
        return Ok(());
    }
    state.ticking = true;
    let result = counters::run(caller.as_context_mut(), &mut work);
    if let Some(state) = get(caller.data_mut()).state() {
        state.ticking = false;
        state.instances.done(&mut state.seat.recorder(), work, now, clock::now());
    }
    match result {
        // An interruption that struck in the setter was meant for the guest; the host must get it.
        Err(error) if !counters::is_harmless(&error) => Err(error),
        _ => Ok(()),
    }
}
