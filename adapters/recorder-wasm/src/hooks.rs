//! The hooks, under their ABI names. Each reads the clock before it touches anything (rule H1). Before `host::configure` they
//! record nothing.

use crate::state::{knock, now, with};

/// Declares an export that passes its arguments to the recorder's method of the same name.
macro_rules! hook {
    ($name:ident($($argument:ident: $type:ty => $as:ty),*) -> u32, $refused:expr $(, $first:expr)?) => {
        // SAFETY: the name is exported by no other item of the module.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> u32 {
            $($first;)?
            let now = now();
            with(|state| match &mut state.recorder {
                Some(recorder) => recorder.$name(now, $($argument as $as),*),
                None => $refused,
            })
        }
    };
    ($name:ident($($argument:ident: $type:ty => $as:ty),*)) => {
        // SAFETY: the name is exported by no other item of the module.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) {
            let now = now();
            with(|state| {
                if let Some(recorder) = &mut state.recorder {
                    recorder.$name(now, $($argument as $as),*);
                }
            })
        }
    };
}

hook!(module(abi: u32 => u32, a: u32 => u32, b: u32 => u32, functions: u32 => u32) -> u32, waspect_abi::BASE_REFUSED);
hook!(enter(func: u32 => u32) -> u32, 0, knock(false));
hook!(exit(token: u32 => u32));
hook!(unwind(token: u32 => u32));
hook!(unwound(token: u32 => u32));
#[cfg(feature = "stacks")]
hook!(enter_or_resume(func: u32 => u32, point: u32 => u32, stack: u32 => u32, height: u32 => u32) -> u32, 0, knock(false));
#[cfg(feature = "stacks")]
hook!(exit_or_suspend(token: u32 => u32, way: u32 => u32));
hook!(begin(func: u32 => u32) -> u32, 0, knock(true));
hook!(end(token: u32 => u32));
hook!(alloc(func: u32 => u32, old: u32 => u32, new: u32 => u32, size: u32 => u32));
hook!(alloc64(func: u32 => u32, old: i64 => u64, new: i64 => u64, size: i64 => u64));
hook!(grow(func: u32 => u32, memory: u32 => u32, delta: u32 => u32, result: u32 => u32));
hook!(grow64(func: u32 => u32, memory: u32 => u32, delta: i64 => u64, result: i64 => u64));
