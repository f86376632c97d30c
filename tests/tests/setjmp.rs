//! `longjmp` leaves functions behind: they close, and what the program calls then hangs under whoever called it.
//!
//! `c-setjmp` jumps out of nested calls by the exceptions that clang makes of it. Where Emscripten lets the host throw instead, the
//! conformance suite shows the same (`longjmp-through-host`).

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;
use waspect_tests::{assets, programs};

/// How often the program jumps.
const ROUNDS: u64 = 50;

#[test]
fn what_is_jumped_over_closes_and_what_follows_has_its_own_parent() {
    for options in [&["--mode", "calls"][..], &["--mode", "ring"], &["--exact-unwind"]] {
        let (stacks, summary) = run(options);
        let calls = |stack: &str| stacks.get(stack).copied().unwrap_or(0);
        let attempt = "_start;__main_void;main;attempt";
        assert_eq!(calls(attempt), ROUNDS, "{options:?}: {stacks:#?}");
        for callee in ["__wasm_setjmp", "descend"] {
            assert_eq!(calls(&format!("{attempt};{callee}")), ROUNDS, "{options:?}: calls of {callee}");
        }
        let jumps = format!("{attempt};descend;__wasm_longjmp");
        assert_eq!(calls(&jumps), ROUNDS, "{options:?}");
        let under = stacks.keys().find(|stack| stack.starts_with(&format!("{jumps};")));
        assert_eq!(under, None, "{options:?}: nothing runs where the program jumped away");
        let printed =
            stacks.keys().any(|stack| stack.starts_with("_start;__main_void;main;") && stack.contains("printf"));
        assert!(printed, "{options:?}: what comes last is under main: {stacks:#?}");
        let functions = summary["functions"].as_array().expect("a list");
        let unwound = |name: &str| {
            let function = functions.iter().find(|function| function["name"] == name).expect("it ran");
            function["unwound"].as_u64().expect("a number")
        };
        assert_eq!(
            ["descend", "__wasm_longjmp", "attempt", "main"].map(unwound),
            [ROUNDS, ROUNDS, 0, 0],
            "{options:?}"
        );
    }
}

/// Calls by stack, and the summary.
fn run(options: &[&str]) -> (BTreeMap<String, u64>, Value) {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let [folded, summary] = ["folded", "summary"].map(|name| folder.path().join(name));
    let mut command = Command::new(assets::waspect());
    command.args(["run", "--flamegraph-by", "calls", "--folded"]).arg(&folded).args(options);
    command.args(["--summary", "json", "--top", "0", "--summary-file"]).arg(&summary);
    let output = command.arg(programs::find("c-setjmp")).args(["--", &ROUNDS.to_string()]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stacks = fs::read_to_string(&folded).expect("it was written");
    let stacks = stacks.lines().filter_map(|line| line.rsplit_once(' '));
    let stacks = stacks.map(|(stack, calls)| (stack.to_owned(), calls.parse().expect("a number"))).collect();
    (stacks, serde_json::from_slice(&fs::read(&summary).expect("it was written")).expect("it is JSON"))
}
