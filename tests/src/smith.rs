//! Modules that wasm-smith makes from a seed: valid, odd, and with every proposal that wasmtime runs.

use arbitrary::{Arbitrary, Unstructured};
use wasm_smith::{Config, Module};

use crate::random::Random;

/// Random bytes that a module is made of: enough for a few dozen functions.
const ENTROPY_BYTES: usize = 8 << 10;
/// Function entries and loop rounds that one of two modules grant themselves. Their own count ends them at the same
/// point before and after, which a runtime's fuel cannot.
const STEPS: u32 = 500;

/// The module of a seed; none where wasm-smith runs out of bytes.
pub fn module(seed: u64) -> Option<Vec<u8>> {
    from_bytes(&Random::new(seed).bytes(ENTROPY_BYTES), seed.is_multiple_of(2))
}

/// The module that these bytes make; `ends` makes it end its own runs.
///
/// Proposals are switched at random (swarm testing): a module with everything in it rarely has much of anything.
pub fn from_bytes(bytes: &[u8], ends: bool) -> Option<Vec<u8>> {
    let mut entropy = Unstructured::new(bytes);
    let config = config(&mut entropy).ok()?;
    let mut module = Module::new(config, &mut entropy).ok()?;
    if ends {
        module.ensure_termination(STEPS).ok()?;
    }
    Some(module.to_bytes())
}

/// A module that Node 20 runs, from a seed: without the proposals that its V8 lacks, and always ending by itself.
pub fn for_node(seed: u64) -> Option<Vec<u8>> {
    let bytes = Random::new(seed).bytes(ENTROPY_BYTES);
    let mut entropy = Unstructured::new(&bytes);
    let config = config(&mut entropy).ok()?;
    let config = Config {
        canonicalize_nans: true,
        max_memories: config.max_memories.min(1),
        // Nothing bounds what a guest takes in Node but what it declares.
        max_memory32_bytes: 2 << 16,
        memory_max_size_required: true,
        table_max_size_required: true,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        relaxed_simd_enabled: false,
        // A wait in JavaScript's only thread never ends.
        threads_enabled: false,
        ..config
    };
    let mut module = Module::new(config, &mut entropy).ok()?;
    module.ensure_termination(STEPS).ok()?;
    Some(module.to_bytes())
}

fn config(entropy: &mut Unstructured<'_>) -> arbitrary::Result<Config> {
    let swarm = Config::arbitrary(entropy)?;
    let config = Config {
        min_funcs: entropy.int_in_range(1..=8)?,
        max_funcs: 16,
        min_types: 4,
        max_types: 24,
        min_exports: 1,
        max_imports: entropy.int_in_range(0..=12)?,
        max_globals: 12,
        max_tags: 4,
        max_tables: if swarm.reference_types_enabled { 3 } else { 1 },
        max_memories: swarm.max_memories.min(3),
        max_element_segments: 6,
        max_elements: 12,
        max_data_segments: 6,
        min_elements: 0,
        max_instructions: 120,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_table_elements: 100,
        table_max_size_required: false,
        export_everything: true,
        allow_start_export: true,
        disallow_traps: entropy.ratio(1, 2)?,
        allow_floats: true,
        generate_custom_sections: entropy.ratio(1, 4)?,
        allowed_instructions: wasm_smith::InstructionKinds::all(),
        custom_page_sizes_enabled: entropy.arbitrary()?,
        wide_arithmetic_enabled: entropy.arbitrary()?,
        // wasmtime 48 has none of these.
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        shared_everything_threads_enabled: false,
        acquire_release_atomics_enabled: false,
        multibyte_array_access_enabled: false,
        ..swarm
    };
    Ok(config)
}
