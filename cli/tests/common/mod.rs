//! What the tests of the binary share: guests, and running `waspect` with pipes.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A guest of `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(name).with_extension("wat")
}

/// `waspect` with these arguments and an empty environment.
pub fn waspect<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waspect"));
    // A `waspect up` of whoever runs the tests is none of theirs.
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end with this standard input.
pub fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A thread of its own, so that neither side waits for the other's full pipe.
    let writer = std::thread::spawn(move || {
        // A process that reads nothing closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The JSON in a file.
pub fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The function of this name in a summary.
pub fn function<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let named = |list: &str| summary[list].as_array().unwrap().iter().find(|function| function["name"] == name);
    named("functions").or_else(|| named("host_calls")).unwrap_or_else(|| panic!("no function `{name}` in {summary:#}"))
}
