//! The real `waspect run`, as a person would start it, and all that it left behind.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::Telemetry;
use crate::assets;

/// A run that has ended.
pub struct Run {
    /// Its exit code.
    pub code: Option<i32>,
    /// What the guest printed.
    pub stdout: String,
    /// `--summary json`.
    pub summary: Value,
    /// `--trace FILE`, read.
    pub trace: Telemetry,
    /// Where that file is.
    pub trace_file: std::path::PathBuf,
    _folder: TempDir,
}

/// Runs a guest of ours under `waspect run`, whose own options stand before the module.
#[track_caller]
pub fn run(guest: &str, arguments: &[&str], input: &str, options: &[String], environment: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let [trace_file, summary_file] = ["trace.jsonl", "summary.json"].map(|name| folder.path().join(name));
    let mut command = Command::new(assets::waspect());
    // The environment decides where telemetry goes: only the options do here.
    for (name, _) in std::env::vars() {
        if ["OTEL_", "WASPECT_", "TRACE"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    // A `waspect up` of whoever runs the tests is none of theirs.
    command.env("XDG_STATE_HOME", folder.path());
    command.envs(environment.iter().copied());
    command.arg("run").arg("--trace").arg(&trace_file);
    command.args(["--summary", "json", "--summary-file"]).arg(&summary_file).args(options);
    command.arg(assets::guest(guest)).arg("--").args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("waspect can be started");
    child
        .stdin
        .take()
        .expect("its input is piped")
        .write_all(input.as_bytes())
        .expect("the guest's input can be written");
    let output = child.wait_with_output().expect("waspect ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let read = |path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}; waspect said:\n{stderr}"));
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("our guests print UTF-8"),
        summary: serde_json::from_str(&read(&summary_file)).expect("the summary is JSON"),
        trace: Telemetry::parse(&read(&trace_file)),
        trace_file,
        _folder: folder,
    }
}
