//! Ctrl-C and SIGTERM still give the summary; the second one ends the process at once.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::{function, guest, json, waspect};

/// Starts a guest and waits until it wrote `ready`.
fn started(name: &str, summary: &std::path::Path) -> Child {
    let mut child = waspect(["run", "--summary", "json", "--summary-file"])
        .args([summary.as_os_str(), guest(name).as_os_str()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_guest_that_computes_is_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let file = directory.path().join(name);
        let mut child = started("spin", &file);
        signal(&child, &format!("-{name}"));
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let summary = json(&file);
        assert_eq!(summary["ending"]["kind"], "interrupted");
        assert_eq!(summary["ending"]["signal"], format!("SIG{name}"));
        assert_eq!(function(&summary, "main")["calls"], 1);
        assert_eq!(summary["host_calls"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_guest_that_waits_for_input_is_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary");
    let mut child = started("prompt", &file);
    // `wait` would close it, and a guest that reads its end just returns.
    let _open = child.stdin.take();
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // The signal finds the guest in the host call, or on its way there: either way `main` was open, and is closed by it.
    // A guest that could not be interrupted would be given up, with `main` still open.
    let summary = json(&file);
    assert_eq!(summary["ending"]["signal"], "SIGINT");
    assert_eq!(function(&summary, "main")["errors"], 1);
}

#[test]
fn a_host_call_that_blocks_does_not_cost_the_summary() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary");
    let mut child = started("sleep", &file);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(json(&file)["ending"]["signal"], "SIGINT");
}

#[test]
fn the_second_signal_ends_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary");
    let mut child = started("sleep", &file);
    signal(&child, "-INT");
    // Signals of one kind merge while they wait; another kind cannot.
    signal(&child, "-TERM");
    let code = child.wait().unwrap().code();
    assert!(code == Some(143) || code == Some(130), "{code:?}");
    assert!(!file.exists(), "the first signal's grace had not passed");
}
