//! Connects the [`Mock`] to wasmtime as the hooks of the ABI, by the table in `waspect_abi`.

use wasmtime::{Caller, Extern, Linker, Result};
use waspect_abi::Hook;
use waspect_abi::hooks::HOOK_MODULE;
use waspect_abi::ring::RING_EXPORT;

use crate::mock::Mock;
use crate::rings::Ring;

/// Defines every hook in the linker; `get` finds the mock in the store's data.
pub fn link<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> &mut Mock) -> Result<()> {
    for hook in Hook::ALL {
        link_hook(linker, get, hook)?;
    }
    Ok(())
}

fn link_hook<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> &mut Mock, hook: Hook) -> Result<()> {
    let name = hook.name();
    match hook {
        Hook::Module => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, abi: u32, a: u32, b: u32, functions: u32| {
                let base = get(caller.data_mut()).module(abi, a, b, functions);
                if let Some(memory) = caller.get_export(RING_EXPORT).and_then(Extern::into_shared_memory) {
                    get(caller.data_mut()).ring(Ring::new(base, memory));
                }
                base
            },
        )?,
        Hook::Enter => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32| {
            get(caller.data_mut()).enter(func)
        })?,
        Hook::EnterOrResume => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, point: u32, stack: u32, height: u32| {
                get(caller.data_mut()).enter_or_resume(func, point, stack, height)
            },
        )?,
        Hook::ExitOrSuspend => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32, way: u32| {
                get(caller.data_mut()).exit_or_suspend(token, way)
            })?
        }
        Hook::Begin => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32| {
            get(caller.data_mut()).begin(func)
        })?,
        Hook::Exit => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            get(caller.data_mut()).exit(token)
        })?,
        Hook::Unwind => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            get(caller.data_mut()).unwind(token)
        })?,
        Hook::End => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            get(caller.data_mut()).end(token)
        })?,
        Hook::Alloc => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, old: u32, new: u32, size: u32| {
                get(caller.data_mut()).alloc(func, old.into(), new.into(), size.into())
            },
        )?,
        Hook::Alloc64 => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, old: u64, new: u64, size: u64| {
                get(caller.data_mut()).alloc(func, old, new, size)
            },
        )?,
        Hook::Grow => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, memory: u32, delta: u32, result: u32| {
                get(caller.data_mut()).grow(func, memory, delta.into(), result.into())
            },
        )?,
        Hook::Grow64 => linker.func_wrap(
            HOOK_MODULE,
            name,
            move |mut caller: Caller<'_, T>, func: u32, memory: u32, delta: u64, result: u64| {
                get(caller.data_mut()).grow(func, memory, delta, result)
            },
        )?,
        Hook::Flush => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, base: u32| {
            get(caller.data_mut()).flush(base)
        })?,
        Hook::Unwound => linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, token: u32| {
            get(caller.data_mut()).unwound(token)
        })?,
        Hook::UnwoundRing => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32, token: u32| {
                get(caller.data_mut()).unwound_ring(func, token)
            })?
        }
        Hook::UnwindRing => {
            linker.func_wrap(HOOK_MODULE, name, move |mut caller: Caller<'_, T>, func: u32, token: u32| {
                get(caller.data_mut()).unwind_ring(func, token)
            })?
        }
    };
    Ok(())
}
