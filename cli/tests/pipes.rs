//! The guest's own streams, arguments, files and exit code are what they are without Waspect; modules pass through pipes.

mod common;

use common::{function, guest, json, stderr, waspect, with_input};

/// Bytes that no text mode survives.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn standard_streams_pass_through_byte_for_byte() {
    let input = noise(1 << 20);
    for mode in ["calls", "counts"] {
        let output = with_input(&mut waspect(["run", "--mode", mode, guest("cat").to_str().unwrap()]), &input);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(output.stdout == input, "{mode}: {} bytes came out", output.stdout.len());
        assert!(stderr(&output).contains("write_all"), "{}", stderr(&output));
    }
}

#[test]
fn arguments_environment_and_directories_reach_the_guest() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("note"), b"a note\n").unwrap();
    let module = guest("world");
    let dir = format!("{}::/data", directory.path().display());
    let arguments =
        ["run", "--dir", &dir, "--env", "A=1", "--env", "INHERITED", module.to_str().unwrap(), "--", "-x", "y z"];
    let output = waspect(arguments).env("INHERITED", "yes").env("HIDDEN", "no").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "world.wat\0-x\0y z\0A=1\0INHERITED=yes\0a note\n");

    let missing = waspect(["run", "--env", "MISSING", module.to_str().unwrap()]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("--env MISSING=VALUE"), "{}", stderr(&missing));
}

#[test]
fn nothing_is_styled_in_pipes() {
    let output = waspect(["run", guest("work").to_str().unwrap()]).output().unwrap();
    assert!(!output.stderr.contains(&0x1b), "{}", stderr(&output));
    let inspected = waspect(["inspect", guest("work").to_str().unwrap()]).output().unwrap();
    assert!(!inspected.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = waspect(["man"]).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn modules_pass_through_pipes_and_the_input_stays() {
    let directory = tempfile::tempdir().unwrap();
    let module = guest("work");
    let source = std::fs::read(&module).unwrap();
    let file = directory.path().join("out.wasm");
    let written =
        waspect(["instrument".as_ref(), module.as_os_str(), "-o".as_ref(), file.as_os_str()]).output().unwrap();
    assert!(written.status.success(), "{}", stderr(&written));
    let piped = with_input(&mut waspect(["instrument", "-", "-o", "-"]), &source);
    assert!(piped.status.success() && piped.stdout == std::fs::read(&file).unwrap());
    assert!(stderr(&piped).contains("standard input"), "{}", stderr(&piped));

    let again = waspect(["instrument".as_ref(), file.as_os_str(), "-o".as_ref(), file.as_os_str()]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("never overwritten"), "{}", stderr(&again));
    assert_eq!(std::fs::read(&file).unwrap(), piped.stdout);
    let twice = directory.path().join("twice.wasm");
    let twice = waspect(["instrument".as_ref(), file.as_os_str(), "-o".as_ref(), twice.as_os_str()]).output().unwrap();
    assert!(stderr(&twice).contains("already instrumented"), "{}", stderr(&twice));
}

#[test]
fn an_instrumented_module_runs_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    for (place, mode) in [("embed", "calls"), ("sidecar", "calls"), ("embed", "counts")] {
        let file = directory.path().join(format!("{place}-{mode}.wasm"));
        let summary = file.with_extension("json");
        let instrumented = waspect(["instrument", "--manifest", place, "--mode", mode, "-o"])
            .args([file.as_os_str(), guest("work").as_os_str()])
            .output()
            .unwrap();
        assert!(instrumented.status.success(), "{}", stderr(&instrumented));
        let run = waspect(["run", "--summary", "json", "--summary-file"])
            .args([summary.as_os_str(), file.as_os_str()])
            .output()
            .unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{}", stderr(&run));
        let summary = json(&summary);
        assert_eq!(summary["mode"], mode);
        assert_eq!(function(&summary, "fib")["calls"], 1973, "{place}, {mode}");
    }
    let orphan = directory.path().join("orphan.wasm");
    std::fs::copy(directory.path().join("sidecar-calls.wasm"), &orphan).unwrap();
    let run = waspect(["run".as_ref(), orphan.as_os_str()]).output().unwrap();
    assert!(run.status.success());
    assert!(stderr(&run).contains("functions have no names") && stderr(&run).contains("func["), "{}", stderr(&run));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = waspect(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("instrument") && script.contains("flamegraph"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    assert!(waspect(["man".as_ref(), directory.path().as_os_str()]).status().unwrap().success());
    let page = std::fs::read_to_string(directory.path().join("waspect-run.1")).unwrap();
    assert!(page.contains("min\\-duration") && page.contains(".TH"), "{page}");
    assert_eq!(waspect(["run"]).status().unwrap().code(), Some(2));
}
