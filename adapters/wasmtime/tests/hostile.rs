//! 10 million garbage hook calls: no panic, no trap, no growth, all counted (bar R1, rules Z1 and Z2).
//!
//! A process of its own, because it looks at the memory of the process.

#[allow(dead_code)]
#[path = "suite/support.rs"]
mod support;

use support::{Guest, Seen, call, linker, observe, start, store};
use wasmtime::{Engine, Module};

const CALLS: u64 = 10_000_000;
const RSS_GROWTH_MAX: u64 = 16 << 20;

/// Calls every hook with values from a linear congruential generator: some plausible, most not.
const WAT: &str = r#"(module
    (import "waspect/hooks" "module" (func $module (param i32 i32 i32 i32) (result i32)))
    (import "waspect/hooks" "enter" (func $enter (param i32) (result i32)))
    (import "waspect/hooks" "exit" (func $exit (param i32)))
    (import "waspect/hooks" "unwind" (func $unwind (param i32)))
    (import "waspect/hooks" "begin" (func $begin (param i32) (result i32)))
    (import "waspect/hooks" "end" (func $end (param i32)))
    (import "waspect/hooks" "alloc" (func $alloc (param i32 i32 i32 i32)))
    (import "waspect/hooks" "alloc64" (func $alloc64 (param i32 i64 i64 i64)))
    (import "waspect/hooks" "grow" (func $grow (param i32 i32 i32 i32)))
    (import "waspect/hooks" "grow64" (func $grow64 (param i32 i32 i64 i64)))
    (global $seed (mut i64) (i64.const 88172645463325252))
    (global $base (mut i32) (i32.const 0))
    (func $wild (result i32)
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 13))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 7))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 17))))
        (i32.wrap_i64 (i64.shr_u (global.get $seed) (i64.const 32))))
    ;; Half of the ids lie close to a base that was given.
    (func $id (result i32) (local $wild i32)
        (local.set $wild (call $wild))
        (if (result i32) (i32.and (local.get $wild) (i32.const 1))
            (then (i32.add (global.get $base) (i32.and (i32.shr_u (local.get $wild) (i32.const 1)) (i32.const 127))))
            (else (local.get $wild))))
    (func (export "run") (param $left i32)
        (loop $again
            (block $done
                (block $grow64
                (block $grow
                (block $alloc64
                (block $alloc
                (block $end
                (block $begin
                (block $unwind
                (block $exit
                (block $enter
                (block $module
                    (br_table $module $enter $exit $unwind $begin $end $alloc $alloc64 $grow $grow64
                        $enter $exit $enter $exit $unwind $enter
                        (i32.and (call $wild) (i32.const 15))))
                (global.set $base (call $module
                    (i32.and (call $wild) (i32.const 1)) (call $wild) (call $wild)
                    (i32.shr_u (call $wild) (i32.and (call $wild) (i32.const 31)))))
                (br $done))
                (drop (call $enter (call $id)))
                (br $done))
                (call $exit (call $wild))
                (br $done))
                (call $unwind (i32.and (call $wild) (i32.const 255)))
                (br $done))
                (drop (call $begin (call $id)))
                (br $done))
                (call $end (call $wild))
                (br $done))
                (call $alloc (call $id) (i32.and (call $wild) (i32.const 65535)) (call $wild) (call $wild))
                (br $done))
                (call $alloc64 (call $id)
                    (i64.extend_i32_u (call $wild)) (i64.extend_i32_s (call $wild)) (i64.extend_i32_s (call $wild)))
                (br $done))
                (call $grow (call $id) (call $wild) (call $wild) (call $wild))
                (br $done))
                (call $grow64 (call $id) (call $wild) (global.get $seed) (global.get $seed)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))))"#;

const VICTIM: &str = r#"(module (func $leaf) (func $run (export "run") call $leaf call $leaf))"#;

#[test]
fn garbage_is_survived_within_bounds_and_changes_nothing_for_others() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let victim = Guest::new(&seen, &engine, VICTIM);
    let (mut other, other_instance) = start(&seen, &engine, &victim);
    call(&mut other, &other_instance, "run").unwrap();

    let module = Module::new(&engine, WAT).unwrap();
    let mut store = store(&seen, &engine);
    let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run").unwrap();
    let mut garbage = |calls: u64| {
        waspect_wasmtime::scope(&mut store, observe, |store| run.call(store, calls as i32)).unwrap();
    };
    // The first calls fill the tables up to their limits.
    garbage(CALLS / 10);
    let before = rss();
    for _ in 0..9 {
        garbage(CALLS / 10);
    }
    drop(seen.spans());
    let after = rss();
    assert!(after <= before + RSS_GROWTH_MAX, "memory grew from {before} to {after} bytes");

    let drops = seen.snapshot().drops;
    let dropped: u64 = drops.iter().map(|(_, count)| count).sum();
    assert!(dropped > CALLS / 2, "{drops:?}");
    drop(store);

    call(&mut other, &other_instance, "run").unwrap();
    assert_eq!(seen.calls("leaf"), 4);
    assert_eq!(seen.calls("run"), 2);
    assert_eq!(seen.spans().iter().filter(|span| span.name == "leaf").count(), 4);
}

/// Resident memory of this process, in bytes.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}
