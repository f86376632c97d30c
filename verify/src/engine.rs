//! The engine that runs modules before and after: every proposal that wasmtime knows, compiled as quickly as it can be.

use wasmtime::{Config, Engine, OptLevel};

/// Stack of a thread that runs guests: the guest's own, and room for the host and for deeply nested WAT.
pub const THREAD_STACK_BYTES: usize = 16 << 20;

/// An engine with fuel, all proposals, and results that do not depend on the code around an instruction.
///
/// NaN bits may differ between two correct compilations of one function, since the operands of a commutative instruction
/// may swap: canonical NaNs and deterministic relaxed SIMD make 'the same result' mean the same bits. Optimisation is off:
/// it is the rewriter that is tested, and compiling is nearly all of the time. The guest has `stack_bytes` of stack.
pub fn fidelity(stack_bytes: usize) -> Engine {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .cranelift_opt_level(OptLevel::None)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .parallel_compilation(false)
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(None)
        .max_wasm_stack(stack_bytes)
        .async_stack_size(2 * stack_bytes)
        .memory_init_cow(false)
        .shared_memory(true);
    proposals(&mut config);
    Engine::new(&config).expect("wasmtime takes this configuration")
}

/// Switches on every proposal that wasmtime can run.
pub fn proposals(config: &mut Config) {
    config
        .wasm_threads(true)
        .wasm_shared_everything_threads(false)
        .wasm_function_references(true)
        .wasm_wide_arithmetic(true)
        .wasm_gc(true)
        .wasm_relaxed_simd(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_extended_const(true)
        .wasm_tail_call(true)
        .wasm_custom_page_sizes(true)
        .wasm_exceptions(true);
}
