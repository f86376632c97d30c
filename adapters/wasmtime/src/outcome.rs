//! From a Wasmtime error to the outcome of a scope (rule B4).
//!
//! It knows how Wasmtime says why a call ended, and nothing of recorders or spans.

use std::sync::Arc;

use wasmtime::{Error, ThrownException, Trap, WasmBacktrace};
use waspect_recorder::{Interrupt, Outcome};

use crate::backtrace;
use crate::modules::Modules;

/// Tells the code of an exit from an error, where the host has errors of its own for that.
pub(crate) type ExitCode = Arc<dyn Fn(&Error) -> Option<i32> + Send + Sync>;

/// The outcome of a call that returned `error`.
pub(crate) fn of(error: &Error, modules: &Modules, exit_code: Option<&ExitCode>) -> Outcome {
    if let Some(code) = exit_code.and_then(|exit_code| exit_code(error)).or_else(|| wasi_exit_code(error)) {
        return Outcome::Exited(code);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let backtrace = backtrace.map(|backtrace| backtrace::render(backtrace, modules)).unwrap_or_default();
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Outcome::Interrupted(Interrupt::Fuel),
        Some(Trap::Interrupt) => Outcome::Interrupted(Interrupt::Epoch),
        Some(trap) => Outcome::Trapped { code: code(*trap).into(), message: trap.to_string(), backtrace },
        None => Outcome::HostError { kind: kind(error).into(), message: error.root_cause().to_string(), backtrace },
    }
}

#[cfg(feature = "wasi")]
fn wasi_exit_code(error: &Error) -> Option<i32> {
    error.downcast_ref::<wasmtime_wasi::I32Exit>().map(|exit| exit.0)
}

#[cfg(not(feature = "wasi"))]
fn wasi_exit_code(_: &Error) -> Option<i32> {
    None
}

fn kind(error: &Error) -> &'static str {
    match error.is::<ThrownException>() {
        true => "uncaught_exception",
        false => "",
    }
}

/// The trap's code in words that are the same for every runtime: those of the WebAssembly specification, in snake case.
fn code(trap: Trap) -> &'static str {
    match trap {
        Trap::StackOverflow => "stack_overflow",
        Trap::MemoryOutOfBounds => "memory_out_of_bounds",
        Trap::HeapMisaligned => "unaligned_atomic",
        Trap::TableOutOfBounds => "table_out_of_bounds",
        Trap::IndirectCallToNull => "uninitialized_element",
        Trap::BadSignature => "indirect_call_type_mismatch",
        Trap::IntegerOverflow => "integer_overflow",
        Trap::IntegerDivisionByZero => "integer_divide_by_zero",
        Trap::BadConversionToInteger => "invalid_conversion_to_integer",
        Trap::UnreachableCodeReached => "unreachable",
        Trap::AtomicWaitNonSharedMemory => "atomic_wait_on_unshared_memory",
        Trap::NullReference => "null_reference",
        Trap::ArrayOutOfBounds => "array_out_of_bounds",
        Trap::AllocationTooLarge => "allocation_too_large",
        Trap::CastFailure => "cast_failure",
        Trap::UnhandledTag => "unhandled_tag",
        Trap::ContinuationAlreadyConsumed => "continuation_already_consumed",
        _ => "trap",
    }
}
