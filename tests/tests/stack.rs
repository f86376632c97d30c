//! Bar F8: how much of the stack's depth is left after instrumentation, in wasmtime and in both tiers of V8.
//!
//! The worst case is a function that does nothing but call itself. The real one is QuickJS, whose script calls itself; its own limit
//! is out of reach here, the engine's stack ends first. Every gate is open. Depths are in calls, ratios within one run.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use wasmtime::{Config, Engine, Module};
use waspect_abi::hooks::{HOOK_MODULE, Hook, ValueType};
use waspect_tests::subject::Subject;
use waspect_tests::wasi::{self, Drive};
use waspect_tests::{assets, engine, node};

/// Stack of guests in wasmtime: its default.
const STACK_BYTES: usize = 512 << 10;

/// A function that does nothing but call itself.
const WORST: &str = r#"(module (func $down (export "down") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1))))))"#;

/// The share of it that is left where every function catches.
const LEFT_BY_CATCHING_MIN: f64 = 0.10;

/// A script that calls itself so deep.
const SCRIPT: &str = "function f(n) { return n === 0 ? 0 : 1 + f(n - 1); } console.log('reached ' + f(DEPTH));";

/// V8's tiers, and its stack: what Node gives by default, in KiB. A function must not change its tier, and so the size of its frame,
/// while it is measured, which `--no-wasm-tier-up` alone does not prevent.
const TIERS: [(&str, &[&str]); 2] = [
    (
        "V8 Liftoff",
        &["--no-warnings", "--stack-size=984", "--liftoff", "--no-wasm-tier-up", "--no-wasm-dynamic-tiering"],
    ),
    ("V8 TurboFan", &["--no-warnings", "--stack-size=984", "--no-liftoff"]),
];

/// A guest, and the share of its depth that should be left in mode `calls`.
struct Guest {
    name: &'static str,
    original: Vec<u8>,
    drive: &'static str,
    bar: f64,
    /// The share below which something got worse: less than the bar where the bar is not met.
    left_min: f64,
}

#[test]
fn enough_stack_is_left() {
    let guests = [
        Guest {
            name: "worst case",
            original: wat::parse_str(WORST).unwrap(),
            drive: "recurse",
            bar: 0.40,
            left_min: 0.30,
        },
        Guest {
            name: "quickjs",
            original: fs::read(assets::module("qjs-reactor")).expect("it can be read"),
            drive: "quickjs",
            bar: 0.75,
            left_min: 0.75,
        },
    ];
    let subjects = [Subject::original(), Subject::counts(), Subject::calls()];
    let mut short = Vec::new();
    for guest in &guests {
        let prepared: Vec<Vec<u8>> =
            subjects.iter().map(|it| it.prepare(&guest.original).expect("it is valid")).collect();
        let mut depths =
            vec![("wasmtime", prepared.iter().map(|bytes| in_wasmtime(guest, bytes)).collect::<Vec<u32>>())];
        for (tier, flags) in TIERS {
            depths.push((tier, in_node(guest, &prepared, flags)));
        }
        for (runtime, depths) in depths {
            let left = |depth: u32| f64::from(depth) / f64::from(depths[0]);
            println!(
                "F8: {:<10} {runtime:<12} {:>7} calls deep; counts {:>7} ({:.0}% left), calls {:>7} ({:.0}% left, bar {:.0}%)",
                guest.name,
                depths[0],
                depths[1],
                left(depths[1]) * 100.0,
                depths[2],
                left(depths[2]) * 100.0,
                guest.bar * 100.0,
            );
            if left(depths[2]) < guest.left_min {
                short.push(format!("{} in {runtime}", guest.name));
            }
        }
    }
    assert!(short.is_empty(), "too little stack is left: {}", short.join(", "));
}

/// A module that catches, so that what leaves a function can be thrown on.
#[test]
fn exact_unwinding_leaves_as_much() {
    let catches = r#"(func (block $caught (try_table (catch_all $caught) (drop (call $down (i32.const 0))))))"#;
    let module = format!("{} {catches})", WORST.strip_suffix(')').expect("it is a module"));
    let original = wat::parse_str(module).unwrap();
    let guest = Guest { name: "worst case", original, drive: "recurse", bar: 0.0, left_min: LEFT_BY_CATCHING_MIN };
    let subjects = [Subject::original(), Subject::calls(), Subject::calls().with_exact_unwind()];
    let [before, calls, exact] =
        subjects.map(|subject| f64::from(in_wasmtime(&guest, &subject.prepare(&guest.original).expect("it is valid"))));
    println!(
        "F8: worst case that catches, in wasmtime: {before} calls deep; calls {:.0}% left, with exact unwinding {:.0}%",
        calls / before * 100.0,
        exact / before * 100.0
    );
    assert!(exact / before >= guest.left_min, "{exact} of {before}");
}

/// The deepest recursion in wasmtime, optimised as an embedder has it.
fn in_wasmtime(guest: &Guest, bytes: &[u8]) -> u32 {
    let mut config = Config::new();
    config.max_wasm_stack(STACK_BYTES);
    engine::proposals(&mut config);
    let engine = Engine::new(&config).expect("wasmtime takes this configuration");
    let module = Module::new(&engine, bytes).expect("it compiles");
    deepest(|depth| {
        let script = SCRIPT.replace("DEPTH", &depth.to_string());
        let drive = match guest.drive {
            "recurse" => Drive::Invoke("down", depth as i32),
            _ => Drive::QuickJs(&["-e", &script]),
        };
        let ran = wasi::run_compiled(&module, &guest.original, drive).expect("it starts");
        let overflows = ran.end.contains("call stack exhausted");
        let reached = guest.drive == "recurse" || ran.output.contains(&format!("reached {depth}\n"));
        assert!(overflows || ran.end.is_empty() && reached, "depth {depth}: `{}` `{}`", ran.end, ran.output);
        !overflows
    })
}

/// The deepest recursions in one process of Node, of each module.
fn in_node(guest: &Guest, prepared: &[Vec<u8>], flags: &[&str]) -> Vec<u32> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |name: String, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file can be written");
        path
    };
    let hooks = write("hooks.wasm".into(), &wat::parse_str(quiet_hooks()).expect("it is valid"));
    let cases = prepared.iter().enumerate().map(|(at, bytes)| {
        json!({
            "name": at.to_string(),
            "path": write(format!("{at}.wasm"), bytes),
            "hook_module": HOOK_MODULE,
            "hooks": hooks,
            "drive": guest.drive,
            "script": SCRIPT,
        })
    });
    let list = write("cases.json".into(), json!(cases.collect::<Vec<_>>()).to_string().as_bytes());
    let printed = node::run(flags, "stack", &[&list]);
    let depth = |line: &str| line.split_once(' ')?.1.parse().ok();
    printed.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).filter_map(depth).collect()
}

/// The largest depth that is reached, to a half per cent.
fn deepest(reaches: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (1, 2);
    while reaches(high) {
        (low, high) = (high, high * 2);
    }
    while high - low > (low / 200).max(1) {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// A module of hooks that record nothing and give a token: every frame takes its whole way in and out.
fn quiet_hooks() -> String {
    let types = |keyword: &str, types: &[ValueType]| match types.is_empty() {
        true => String::new(),
        false => {
            let words = types.iter().map(|ty| if *ty == ValueType::I32 { "i32" } else { "i64" });
            format!("({keyword} {})", words.collect::<Vec<_>>().join(" "))
        }
    };
    let mut text = "(module ".to_owned();
    for hook in Hook::ALL {
        let (params, results) = (types("param", hook.params()), types("result", hook.results()));
        let result = if hook.results().is_empty() { "" } else { "(i32.const 1)" };
        write!(text, r#"(func (export "{}") {params} {results} {result})"#, hook.name()).expect("a string has room");
    }
    text + ")"
}
