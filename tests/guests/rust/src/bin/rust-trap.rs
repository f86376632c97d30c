//! Traps three calls deep, in the way that it is asked for.
//!
//! `rust-trap unreachable|panic|overflow`

use std::hint::black_box;

fn main() {
    let how = std::env::args().nth(1).unwrap_or_else(|| "unreachable".to_owned());
    println!("about to trap: {how}");
    outer(&how);
    println!("survived");
}

#[inline(never)]
fn outer(how: &str) {
    middle(black_box(how));
    black_box(());
}

#[inline(never)]
fn middle(how: &str) {
    innermost(black_box(how));
    black_box(());
}

#[inline(never)]
fn innermost(how: &str) {
    match how {
        "panic" => panic!("asked to panic"),
        "overflow" => println!("{}", descend(0)),
        _ => core::arch::wasm32::unreachable(),
    }
}

/// Recurses until the stack ends.
#[allow(unconditional_recursion)]
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    descend(depth + 1) + black_box(frame)[63]
}
