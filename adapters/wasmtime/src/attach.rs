//! Making instances known that do not make themselves known: those of mode `counts`, which import nothing.

use wasmtime::{AsContextMut, Instance};
use waspect_abi::{COUNTER_GET_EXPORT, COUNTER_SET_EXPORT};

use crate::clock;
use crate::counters::accessors;
use crate::error::Error;
use crate::instances::{Observed, SomeMemory};
use crate::observe::Observe;

/// Lets an instance's counters and memories be read at the boundary.
///
/// In mode `counts` this is all that observation needs, besides a [`scope`](crate::scope) around each call: no hooks, no
/// linker. In mode `calls` an instance makes itself known when it starts, and this call only completes it.
/// Its module must be known to the [`Observer`](crate::Observer).
pub fn attach<S: AsContextMut>(
    mut store: S,
    instance: &Instance,
    get: impl Fn(&mut S::Data) -> &mut Observe,
) -> Result<(), Error> {
    let mut store = store.as_context_mut();
    let Some((observer, state)) = get(store.data_mut()).parts() else { return Ok(()) };
    state.refresh(observer);
    let modules = state.modules.clone();
    let known = modules.module(instance.module(&store)).ok_or(Error::UnknownModule)?.clone();
    let getter = instance.get_func(&mut store, COUNTER_GET_EXPORT).ok_or(Error::NoCounters)?;
    let setter = instance.get_func(&mut store, COUNTER_SET_EXPORT);
    let identity = getter.to_raw(&mut store).addr();
    let accessors = accessors(&store, Some(getter), setter).ok_or(Error::NoCounters)?;
    let memories =
        known.memories.iter().filter_map(|name| SomeMemory::from_extern(instance.get_export(&mut store, name)?));
    let memories = memories.collect();

    let Some((observer, state)) = get(store.data_mut()).parts() else { return Ok(()) };
    if let Some(instance) = state.instances.find(identity) {
        instance.memories = memories;
        instance.known = Some(known);
        return Ok(());
    }
    let build = known.manifest.build_id();
    state.known(observer, build);
    let (high, low) = build.halves();
    let base = state.seat.recorder().module(clock::now(), known.manifest.abi, high, low, known.manifest.function_count);
    if base < waspect_abi::BASE_REFUSED {
        let mut instance = Observed::new(base);
        instance.identity = identity;
        instance.accessors = Some(accessors);
        instance.known = Some(known);
        instance.memories = memories;
        state.instances.add(instance);
    }
    Ok(())
}
