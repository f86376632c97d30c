//! The hooks of `waspect/hooks`, defined in a linker.
//!
//! A hook reads the clock, tells the recorder and returns. It never blocks, never locks, never grows anything without a
//! bound, and knows nothing of exporters.

use wasmtime::{Caller, Linker, Result};
use waspect_abi::hooks::{HOOK_MODULE, Hook};

use crate::observe::Observe;
use crate::{clock, tick};

/// Defines every hook of the ABI in `linker`.
///
/// `get` finds the [`Observe`] in the store's data, as `wasmtime_wasi::p1::add_to_linker_sync` finds its context. It runs at
/// every hook call: keep it a field access. Call this once a linker, before instantiation; modules without hooks (not
/// instrumented, or in mode `counts`) are not touched by it.
///
/// The hooks are plain host functions: they serve synchronous and asynchronous stores alike, and none of them ever waits.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut Observe + Copy + Send + Sync + 'static,
) -> Result<()> {
    for hook in Hook::ALL {
        define(linker, hook, get)?;
    }
    Ok(())
}

/// One arm a hook: `func_wrap` needs the types at compile time, and is six times as quick as `func_new`, which does not.
fn define<T: 'static>(
    linker: &mut Linker<T>,
    hook: Hook,
    get: impl Fn(&mut T) -> &mut Observe + Copy + Send + Sync + 'static,
) -> Result<()> {
    let name = hook.name();
    let clock = clock::get();
    match hook {
        Hook::Module => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, abi: u32, build_a: u32, build_b: u32, functions: u32| -> u32 {
                let now = clock.now();
                tick::module(&mut caller, get, now, [abi, build_a, build_b, functions])
            },
        ),
        Hook::Enter => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32| -> Result<u32> {
                let now = clock.now();
                let Some(state) = get(caller.data_mut()).state() else { return Ok(0) };
                let token = state.caught_up(now).enter(now, func);
                match now >= state.tick_due {
                    true => tick::tick(&mut caller, get, now).map(|()| token),
                    false => Ok(token),
                }
            })
        }
        Hook::EnterOrResume => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, point: u32, stack: u32, height: u32| -> Result<u32> {
                let now = clock::now();
                let Some(state) = get(caller.data_mut()).state() else { return Ok(0) };
                let token = state.caught_up(now).enter_or_resume(now, func, point, stack, height);
                match now >= state.tick_due {
                    true => tick::tick(&mut caller, get, now).map(|()| token),
                    false => Ok(token),
                }
            },
        ),
        Hook::ExitOrSuspend => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32, way: u32| {
                let now = clock::now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).exit_or_suspend(now, token, way);
                }
            })
        }
        Hook::Begin => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32| -> u32 {
            let now = clock.now();
            let Some(state) = get(caller.data_mut()).state() else { return 0 };
            state.begin(now, func)
        }),
        Hook::Exit => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            let now = clock.now();
            if let Some(state) = get(caller.data_mut()).state() {
                state.caught_up(now).exit(now, token);
            }
        }),
        Hook::Unwind => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            let now = clock.now();
            if let Some(state) = get(caller.data_mut()).state() {
                state.caught_up(now).unwind(now, token);
            }
        }),
        Hook::Unwound => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            let now = clock.now();
            if let Some(state) = get(caller.data_mut()).state() {
                state.caught_up(now).unwound(now, token);
            }
        }),
        Hook::End => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            let now = clock.now();
            if let Some(state) = get(caller.data_mut()).state() {
                state.end(now, token);
            }
        }),
        Hook::Alloc => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, old: u32, new: u32, size: u32| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).alloc(now, func, old, new, size);
                }
            },
        ),
        Hook::Alloc64 => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, old: u64, new: u64, size: u64| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).alloc64(now, func, old, new, size);
                }
            },
        ),
        Hook::Grow => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, memory: u32, delta: u32, result: u32| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).grow(now, func, memory, delta, result);
                }
            },
        ),
        Hook::Grow64 => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, memory: u32, delta: u64, result: u64| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).grow64(now, func, memory, delta, result);
                }
            },
        ),
        Hook::Flush => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, base: u32| -> Result<()> {
            let now = clock.now();
            let Some(state) = get(caller.data_mut()).state() else { return Ok(()) };
            state.caught_up(now).flush(now, base);
            match now >= state.tick_due {
                true => tick::tick(&mut caller, get, now),
                false => Ok(()),
            }
        }),
        Hook::UnwoundRing => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32, token: u32| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).unwound_ring(now, func, token);
                }
            })
        }
        Hook::UnwindRing => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32, token: u32| {
                let now = clock.now();
                if let Some(state) = get(caller.data_mut()).state() {
                    state.caught_up(now).unwind_ring(now, func, token);
                }
            })
        }
    }?;
    Ok(())
}
