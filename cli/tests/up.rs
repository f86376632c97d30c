//! `waspect up` and the `waspect run` that finds it: nothing is configured, and what ran is there to be seen.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use common::{guest, stderr, waspect, with_input};

/// A `waspect up` of a user whose state is in `home`, and the URLs that it prints.
struct Up {
    child: Child,
    otlp: String,
    query: String,
}

impl Up {
    fn start(home: &Path) -> Up {
        let mut command = waspect(["up"]);
        for place in ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"]
        {
            command.env(format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0");
        }
        let mut child = command.env("XDG_STATE_HOME", home).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let mut urls = Vec::new();
        for line in lines.take_while(|line| line != "Ctrl-C ends it.") {
            let url = line.find("http://").map(|start| line[start..].split([' ', '/']).nth(2).unwrap().to_owned());
            urls.extend(url);
        }
        urls.dedup();
        let [otlp, query] = <[String; 2]>::try_from(urls).expect("where to send, and where to look");
        Up { child, otlp, query }
    }

    /// Asks it until the answer has a text: what was acknowledged is found soon.
    fn wait_for(&self, path: &str, text: &str) {
        let start = Instant::now();
        while !self.get(path).contains(text) {
            assert!(start.elapsed() < Duration::from_secs(60), "{}", self.get(path));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.query).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs guest `cat` as that user.
fn run(home: &Path, options: &[&str], variables: &[(&str, &str)]) -> Output {
    run_file(home, &guest("cat"), options, variables)
}

fn run_file(home: &Path, file: &Path, options: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = waspect(["run", "--min-duration", "0us"]);
    command.args(options).arg(file).env("XDG_STATE_HOME", home).envs(variables.iter().copied());
    let output = with_input(&mut command, b"hello");
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

#[test]
fn what_runs_is_seen_without_a_setting() {
    let home = tempfile::tempdir().unwrap();
    let up = Up::start(home.path());
    // What the environment says of another endpoint is not for this one: it would be spoken to in gRPC.
    let other = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")];
    for (options, variables) in [(&[][..], &other[..]), (&["--otlp"], &[])] {
        let told = stderr(&run(home.path(), options, variables));
        let sent = told.lines().find(|line| line.starts_with("sent: ")).unwrap_or_else(|| panic!("{told}"));
        assert!(sent.contains(&up.otlp) && !sent.contains("dropped"), "{sent}");
    }
    up.wait_for("/api/services", "\"cat\"");
    up.wait_for("/api/traces?service=cat", "\"write_all\"");
    // A profile each, and both as one.
    up.wait_for("/api/profiles?service=cat", "},{\"build\"");

    let elsewhere = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let told = stderr(&run(home.path(), &["--otlp"], &elsewhere));
    assert!(told.contains("to http://127.0.0.1:9"), "{told}");
    let told = stderr(&run(home.path(), &["--no-otlp"], &[]));
    assert!(!told.contains("sent: "), "{told}");
}

#[test]
fn names_that_never_shipped_come_by_a_manifest() {
    let home = tempfile::tempdir().unwrap();
    let module = home.path().join("cat.wasm");
    let arguments = ["instrument", "--manifest", "sidecar", "--output"];
    let instrumented = waspect(arguments).arg(&module).arg(guest("cat")).output().unwrap();
    assert!(instrumented.status.success(), "{}", stderr(&instrumented));
    // The names stay here, the module goes.
    let sidecar = home.path().join("names");
    std::fs::rename(home.path().join("cat.wasm.waspect"), &sidecar).unwrap();
    let push = |file: &Path, to: &[&str]| {
        let mut command = waspect(["manifest", "push"]);
        command.arg(file).args(to).env("XDG_STATE_HOME", home.path()).output().unwrap()
    };
    let refused = push(&sidecar, &["--to", "http://127.0.0.1:9"]);
    let why = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(why.contains("is `waspect up` or `waspect collect` running?"), "{why}");
    let none = stderr(&push(&module, &[]));
    assert!(none.contains("has no manifest, and there is none at `"), "{none}");
    let other = stderr(&push(Path::new("/dev/null"), &[]));
    assert!(other.contains("`/dev/null` is empty; give a sidecar"), "{other}");

    let up = Up::start(home.path());
    let told = stderr(&run_file(home.path(), &module, &[], &[]));
    assert!(told.contains("functions have no names"), "{told}");
    up.wait_for("/api/traces?service=cat", "\"func[");
    assert!(!up.get("/api/traces?service=cat").contains("write_all"));
    let pushed = push(&sidecar, &[]);
    let said = String::from_utf8(pushed.stdout.clone()).unwrap();
    assert!(pushed.status.success() && said.contains("functions of build "), "{said}{}", stderr(&pushed));
    for path in ["/api/traces?service=cat", "/api/traces?service=cat&operation=write_all", "/metrics"] {
        up.wait_for(path, "write_all");
    }
    up.wait_for("/api/services/cat/operations", "write_all");
    // With the manifest in the module, and sent from there.
    let embedded = home.path().join("again.wasm");
    let again = waspect(["instrument", "--output"]).arg(&embedded).arg(guest("cat")).output().unwrap();
    assert!(again.status.success(), "{}", stderr(&again));
    let pushed = push(&embedded, &["--json"]);
    let said: serde_json::Value = serde_json::from_slice(&pushed.stdout).unwrap();
    assert!(said[0]["functions"].as_u64() > Some(2) && said[0]["build"].is_string(), "{said}");
    assert!(up.get("/api/manifests").contains(said[0]["build"].as_str().unwrap()));
}

#[test]
fn one_that_was_killed_is_not_looked_for_and_its_store_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let mut up = Up::start(home.path());
    run(home.path(), &[], &[]);
    let second = waspect(["up"]).env("XDG_STATE_HOME", home.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("belongs to another collector"), "{}", stderr(&second));

    up.child.kill().unwrap();
    up.child.wait().unwrap();
    let told = stderr(&run(home.path(), &[], &[]));
    assert!(!told.contains("sent: "), "{told}");
    Up::start(home.path()).wait_for("/api/services", "\"cat\"");
}

#[test]
fn pages_on_this_machine_may_send_and_no_others() {
    let home = tempfile::tempdir().unwrap();
    let up = Up::start(home.path());
    for (origin, may) in [("http://localhost:5173", true), ("https://evil.example", false)] {
        let mut stream = TcpStream::connect(&up.otlp).unwrap();
        write!(
            stream,
            "OPTIONS /v1/traces HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
             connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.contains(&format!("access-control-allow-origin: {origin}\r\n")), may, "{answer}");
    }
}
