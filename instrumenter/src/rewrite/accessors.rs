//! The exported accessor and setter of counters (rule C1), by original function index.
//!
//! Two levels, a root and leaves of [`LEAF_FUNCTIONS`]: a flat `br_table` of 60,000 arms took an engine 12 s to compile.

use wasm_encoder::{BlockType, Function, InstructionSink};
use waspect_abi::GATE_BIT;

use super::layout::{Access, Counter, InjectedKind, LEAF_FUNCTIONS, Layout};
use crate::info::ModuleInfo;

/// Functions that share one gate word.
const WORD: u32 = 32;

/// Finds the leaf and calls it.
pub(super) fn root(info: &ModuleInfo, layout: &Layout, access: Access) -> Function {
    let leaves = (info.functions.len() as u32).div_ceil(LEAF_FUNCTIONS);
    let mut targets = vec![None; leaves as usize];
    for (at, injected) in layout.injected.iter().enumerate() {
        if let InjectedKind::Leaf(of, leaf) = injected.kind
            && of == access
        {
            targets[leaf as usize] = Some(layout.injected_index(at));
        }
    }
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    let invert = |sink: &mut InstructionSink<'_>| {
        if let Some(gate) = layout.stored_gate() {
            sink.i64_const(gate).i64_xor();
        }
    };
    sink_table(&mut sink, LEAF_FUNCTIONS.ilog2(), 0, &targets, access, 0, |sink, target| {
        sink.local_get(0);
        if access == Access::Set {
            sink.local_get(1);
            invert(sink);
        }
        sink.call(target.0);
        if access == Access::Get {
            invert(sink);
        }
    });
    function
}

/// Reads or writes the counters of one run of functions.
pub(super) fn leaf(info: &ModuleInfo, layout: &Layout, access: Access, leaf: u32) -> Function {
    let run = leaf * LEAF_FUNCTIONS..(info.functions.len() as u32).min((leaf + 1) * LEAF_FUNCTIONS);
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    if layout.has_gates_only() {
        let words: Vec<_> = (run.start / WORD..run.end.div_ceil(WORD)).map(|word| layout.gate_word(word)).collect();
        sink_table(&mut sink, WORD.ilog2(), run.start / WORD, &words, access, 0, |sink, (global, mask)| match access {
            Access::Get => get_gate(sink, global),
            Access::Set => set_gate(sink, global, mask),
        });
    } else {
        // What the root turns into 0.
        let nothing = layout.stored_gate().unwrap_or(0);
        let counters: Vec<_> = run.clone().map(|index| layout.counter(index)).collect();
        sink_table(&mut sink, 0, run.start, &counters, access, nothing, |sink, counter| {
            let Counter::Full(global) = counter else { unreachable!("the layout has counters") };
            match access {
                Access::Get => sink.global_get(global),
                Access::Set => sink.local_get(1).global_set(global),
            };
        });
    }
    function
}

/// `br_table` on `(function >> shift) - first`, one arm a target that exists; anything else gives `nothing`, or does
/// nothing.
fn sink_table<T: Copy>(
    sink: &mut InstructionSink<'_>,
    shift: u32,
    first: u32,
    targets: &[Option<T>],
    access: Access,
    nothing: i64,
    mut arm: impl FnMut(&mut InstructionSink<'_>, T),
) {
    let mut arms = 0;
    let mut labels: Vec<Option<u32>> = Vec::with_capacity(targets.len());
    for target in targets {
        labels.push(target.map(|_| arms));
        arms += u32::from(target.is_some());
    }
    // The outermost block is the default's.
    for _ in 0..=arms {
        sink.block(BlockType::Empty);
    }
    sink.local_get(0);
    if shift > 0 {
        sink.i32_const(shift as i32).i32_shr_u();
    }
    if first > 0 {
        sink.i32_const(first as i32).i32_sub();
    }
    sink.br_table(labels.iter().map(|label| label.unwrap_or(arms)).collect::<Vec<_>>(), arms);
    for target in targets.iter().copied().flatten() {
        sink.end();
        arm(sink, target);
        sink.return_();
    }
    sink.end();
    if access == Access::Get {
        sink.i64_const(nothing);
    }
    sink.end();
}

/// The gate as bit 63. A shift takes its count modulo 32, which is the bit's place in the word.
fn get_gate(sink: &mut InstructionSink<'_>, global: u32) {
    sink.global_get(global).local_get(0).i32_shr_u().i32_const(1).i32_and();
    sink.i64_extend_i32_u().i64_const(i64::from(GATE_BIT.trailing_zeros())).i64_shl();
}

/// Clears the bit, then sets what bit 63 says; bits that are nobody's gate stay 0.
fn set_gate(sink: &mut InstructionSink<'_>, global: u32, mask: u32) {
    sink.global_get(global).i32_const(-2).local_get(0).i32_rotl().i32_and();
    sink.local_get(1).i64_const(i64::from(GATE_BIT.trailing_zeros())).i64_shr_u().i32_wrap_i64();
    sink.local_get(0).i32_shl().i32_const(mask as i32).i32_and().i32_or().global_set(global);
}
