//! The exported accessor and setter of counters (rule C1), by original function index.
//!
//! A module has no array of globals, so every counter needs code that names it. A `br_table` arm for reading and another for
//! writing take 20 bytes a function. Here each counter is named once, in 9: a *leaf* hands its counters to *exchange* one after
//! another and stores what that returns, which is the same value for all but the one in question. Leaves are short, since
//! whoever wants one counter walks a whole leaf. One that dies half-way has changed nothing: every store is of a value that
//! was just read.
//!
//! ```wat
//! (func $leaf (global.set 7 (call $exchange (global.get 7))) (global.set 8 (call $exchange (global.get 8))) ...)
//! ```

use wasm_encoder::{BlockType, Function, InstructionSink};
use waspect_abi::GATE_BIT;

use super::layout::{Access, Layout, Scratch};

const GATE_SHIFT: i64 = GATE_BIT.trailing_zeros() as i64;

/// One of the functions that an accessor is made of.
pub(super) fn part(layout: &Layout, part: Access) -> Function {
    match part {
        Access::Get => get(layout),
        Access::Set => set(layout),
        Access::Reach => reach(layout),
        Access::Exchange => exchange(layout),
        Access::Leaf(leaf) => walk(layout, leaf),
    }
}

/// The accessor: leaves everything as it is, and gives what was there.
fn get(layout: &Layout) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    // A function without a counter reads as this.
    sink.i64_const(layout.stored_gate().unwrap_or(0)).global_set(layout.scratch(Scratch::Old));
    sink.i64_const(-1).global_set(layout.scratch(Scratch::Keep));
    sink.i64_const(0).global_set(layout.scratch(Scratch::New));
    call_reach(&mut sink, layout);
    sink.global_get(layout.scratch(Scratch::Old));
    if layout.has_gates_only() {
        // A shift takes its count modulo 32, which is the bit's place in the word.
        sink.i32_wrap_i64().local_get(0).i32_shr_u().i32_const(1).i32_and();
        sink.i64_extend_i32_u().i64_const(GATE_SHIFT).i64_shl();
    }
    invert(&mut sink, layout);
    sink.end();
    function
}

/// The setter: of a counter it keeps nothing, of a word of gates all bits but one.
fn set(layout: &Layout) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    if layout.has_gates_only() {
        sink.i32_const(-2).local_get(0).i32_rotl().i64_extend_i32_u().global_set(layout.scratch(Scratch::Keep));
        sink.local_get(1).i64_const(GATE_SHIFT).i64_shr_u().i32_wrap_i64();
        sink.local_get(0).i32_shl().i64_extend_i32_u();
    } else {
        sink.i64_const(0).global_set(layout.scratch(Scratch::Keep));
        sink.local_get(1);
        invert(&mut sink, layout);
    }
    sink.global_set(layout.scratch(Scratch::New));
    call_reach(&mut sink, layout);
    sink.end();
    function
}

fn invert(sink: &mut InstructionSink<'_>, layout: &Layout) {
    if let Some(gate) = layout.stored_gate() {
        sink.i64_const(gate).i64_xor();
    }
}

fn call_reach(sink: &mut InstructionSink<'_>, layout: &Layout) {
    sink.local_get(0);
    if layout.has_gates_only() {
        sink.i32_const(32_u32.ilog2() as i32).i32_shr_u();
    }
    sink.call(layout.access(Access::Reach).0);
}

/// Finds the leaf of a counter, by the counter's place, and walks it.
fn reach(layout: &Layout) -> Function {
    let leaf_bits = layout.leaf_counters().ilog2() as i32;
    let leaves = layout.leaves();
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    sink.local_get(0).i32_const((1 << leaf_bits) - 1).i32_and().global_set(layout.scratch(Scratch::Left));
    // One arm a leaf that exists; the outermost block is the default's, which does nothing.
    let arms: Vec<_> = leaves.iter().copied().flatten().collect();
    for _ in 0..=arms.len() {
        sink.block(BlockType::Empty);
    }
    sink.local_get(0).i32_const(leaf_bits).i32_shr_u();
    let mut next = 0;
    let labels: Vec<u32> = leaves
        .iter()
        .map(|leaf| {
            next += u32::from(leaf.is_some());
            if leaf.is_some() { next - 1 } else { arms.len() as u32 }
        })
        .collect();
    sink.br_table(labels, arms.len() as u32);
    for leaf in arms {
        sink.end().call(leaf.0).return_();
    }
    sink.end().end();
    function
}

/// Hands the counters of a leaf, or its words of gates, to `exchange`.
fn walk(layout: &Layout, leaf: u32) -> Function {
    let exchange = layout.access(Access::Exchange).0;
    let left = layout.scratch(Scratch::Left);
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    let mut missing = 0;
    let first = leaf * layout.leaf_counters();
    for place in first..first + layout.leaf_counters() {
        let Some((global, mask)) = layout.counter_global(place) else {
            missing += 1;
            continue;
        };
        if missing > 0 {
            sink.global_get(left).i32_const(missing).i32_sub().global_set(left);
            missing = 0;
        }
        sink.global_get(global);
        match mask {
            None => sink.call(exchange),
            Some(mask) => {
                // Bits that are nobody's gate stay 0.
                sink.i64_extend_i32_u().call(exchange).i32_wrap_i64().i32_const(mask as i32).i32_and()
            }
        };
        sink.global_set(global);
    }
    sink.end();
    function
}

/// Counts down to the counter in question: keeps what it was, and returns what it becomes. Others return as they came.
fn exchange(layout: &Layout) -> Function {
    let left = layout.scratch(Scratch::Left);
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    sink.global_get(left).i32_eqz().if_(BlockType::Empty);
    sink.local_get(0).global_set(layout.scratch(Scratch::Old));
    sink.local_get(0).global_get(layout.scratch(Scratch::Keep)).i64_and();
    sink.global_get(layout.scratch(Scratch::New)).i64_or().local_set(0);
    sink.end();
    sink.global_get(left).i32_const(1).i32_sub().global_set(left);
    sink.local_get(0).end();
    function
}
