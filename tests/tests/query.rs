//! The collector's queries beside a real Jaeger's, on the same spans: the same answers.
//!
//! The collector forwards all that it gets to a Jaeger, and both are asked the same. Requests are a line each in `query/requests.txt`,
//! what is sent is in `query/*.json`.
//!
//! What may differ, and nothing else:
//! - the order of names, of spans and of traces: Jaeger takes them out of hash maps; so which traces a limit
//!   leaves out is chance there, and which of two spans of one id is warned of;
//! - the names of processes (`p1`), which follow that order: they are put in their place;
//! - the words of an error whose status is 400: they name another language's parser;
//! - what is said of a link that leads nowhere: Jaeger prints a structure of Go's;
//! - in OTLP/JSON, fields at their defaults, which a writer may leave out; resources of which every span was sent twice, which Jaeger
//!   shows without spans; the order of a resource's attributes, which Jaeger's store in memory changes when it is asked.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waspect_tests::assets;
use waspect_tests::back_ends::{Answer, Collect, Jaeger, canonical, get, post_json};

/// How soon what was acknowledged is found.
const BY_SEARCH: Duration = Duration::from_secs(5);

/// How long Jaeger may take: a guard against waiting for ever.
const JAEGER: Duration = Duration::from_secs(60);

fn file(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/query")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Paths with their queries.
fn requests(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with('/')).collect()
}

/// A collector that forwards to a Jaeger, both with the spans of the files.
struct Both {
    jaeger: Jaeger,
    collect: Collect,
    _store: tempfile::TempDir,
}

impl Both {
    fn start() -> Both {
        let store = tempfile::tempdir().expect("a folder can be made");
        let jaeger = Jaeger::start();
        let collect = Collect::start(store.path(), &format!("{{otlphttp: {{endpoint: {:?}}}}}", jaeger.http_url()));
        Both { jaeger, collect, _store: store }
    }

    /// Sends a file; how many spans it has.
    fn send(&self, name: &str) -> u64 {
        let body = file(name);
        let answer = post_json(self.collect.http_address(), "/v1/traces", &body);
        assert_eq!((answer.status, &*answer.body), (200, "{}"), "{name}");
        body.matches("\"startTimeUnixNano\"").count() as u64
    }

    /// Waits until Jaeger has so many spans.
    fn wait_until_forwarded(&self, spans: u64) {
        let sent = || self.collect.figure("waspect_collector_forward_sent_total");
        wait(JAEGER, &format!("{spans} spans are forwarded"), || sent() == spans);
    }

    fn ours(&self, path: &str) -> Answer {
        get(self.collect.query_address(), path)
    }

    fn answers(&self, path: &str) -> [(u16, Value); 2] {
        answers([self.collect.query_address(), self.jaeger.query_address()], path)
    }
}

/// The answers of two, as far as they must be equal.
fn answers(addresses: [&str; 2], path: &str) -> [(u16, Value); 2] {
    addresses.map(|address| {
        let Answer { status, body } = get(address, path);
        let body = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
        (status, normal(status, body))
    })
}

fn wait(longest: Duration, what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < longest, "{what}: not within {longest:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An answer in the form of which this file's head speaks.
fn normal(status: u16, mut body: Value) -> Value {
    if status == 400 {
        let shape = |error: &Value| error.as_object().map(|error| error.keys().cloned().collect::<Vec<_>>());
        return json!([shape(&body), shape(&body["error"]), shape(&body["errors"][0])]);
    }
    if let Some(resources) = body["result"]["resourceSpans"].as_array_mut() {
        let spans = |scope: &Value| scope["spans"].as_array().is_some_and(|spans| !spans.is_empty());
        resources.retain(|resource| resource["scopeSpans"].as_array().is_some_and(|scopes| scopes.iter().any(spans)));
        for resource in resources.iter_mut() {
            let attributes = resource["resource"]["attributes"].as_array_mut();
            attributes.into_iter().for_each(|attributes| attributes.sort_by_key(Value::to_string));
        }
        let mut resources: Vec<_> = resources.iter().map(canonical).collect();
        resources.sort();
        return resources.into();
    }
    for key in ["services", "operations", "data"] {
        if let Some(list) = body.get_mut(key).and_then(Value::as_array_mut) {
            list.iter_mut().for_each(normal_trace);
            list.sort_by_key(Value::to_string);
        }
    }
    body
}

/// A trace, if it is one: each span with its process, in the order of the spans.
fn normal_trace(trace: &mut Value) {
    let processes = trace.get("processes").cloned().unwrap_or_default();
    let Some(spans) = trace.get_mut("spans").and_then(Value::as_array_mut) else { return };
    for span in spans.iter_mut() {
        let id = span["processID"].as_str().expect("a span has a process").to_owned();
        span["processID"] = processes[&id].clone();
        for warning in span["warnings"].as_array_mut().into_iter().flatten() {
            if warning.as_str().is_some_and(|text| text.starts_with("Invalid span reference removed ")) {
                *warning = "Invalid span reference removed".into();
            }
        }
    }
    spans.sort_by_key(Value::to_string);
    trace["processes"] = processes.as_object().map_or(0, |processes| processes.len()).into();
}

#[test]
fn answers_are_jaegers() {
    let both = Both::start();
    let spans = ["shop.json", "later.json", "odd.json"].map(|name| both.send(name)).iter().sum();
    both.wait_until_forwarded(spans);
    wait(BY_SEARCH, "the last span is found", || both.ours("/api/traces/5").status == 200);
    let (text, mut different) = (file("requests.txt"), 0);
    let requests = requests(&text);
    for path in &requests {
        let [ours, jaegers] = both.answers(path);
        if ours != jaegers {
            different += 1;
            eprintln!("{path}\n  ours   {} {}\n  Jaeger {} {}", ours.0, ours.1, jaegers.0, jaegers.1);
        }
    }
    assert_eq!(different, 0, "of {} answers", requests.len());
    println!("{} requests, the same answers as Jaeger's", requests.len());
}

/// Two real Jaegers get the same spans: one keeps them in its own memory, the other one in our collector.
#[test]
fn a_jaeger_that_stores_here_answers_as_with_its_own_memory() {
    let store = tempfile::tempdir().expect("a folder can be made");
    let collect = Collect::start(store.path(), "{}");
    let [memory, remote] = [Jaeger::start(), Jaeger::start_on(collect.storage_address())];
    let mut spans = 0;
    for name in ["shop.json", "later.json", "odd.json"] {
        let body = file(name);
        spans += body.matches("\"startTimeUnixNano\"").count() as u64;
        for jaeger in [&memory, &remote] {
            let answer = post_json(jaeger.http_address(), "/v1/traces", &body);
            assert_eq!((answer.status, &*answer.body), (200, r#"{"partialSuccess":{}}"#), "{name}");
        }
    }
    let stored = || collect.figure("waspect_collector_accepted_total");
    wait(JAEGER, "all of it is stored", || stored() == spans);
    wait(BY_SEARCH, "the last span is found", || get(remote.query_address(), "/api/traces/5").status == 200);
    let (text, mut different) = (file("requests.txt"), 0);
    let requests = requests(&text);
    for path in &requests {
        let [ours, its_own] = answers([remote.query_address(), memory.query_address()], path);
        if ours != its_own {
            different += 1;
            eprintln!("{path}\n  in our store {} {}\n  in its own   {} {}", ours.0, ours.1, its_own.0, its_own.1);
        }
    }
    assert_eq!(different, 0, "of {} answers", requests.len());
    println!("{} requests to Jaeger, the same answers from our store as from its own", requests.len());
}

#[test]
fn spans_of_the_python_sdk_are_answered_as_jaeger_answers_them() {
    let both = Both::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/spans.py");
    let url = both.collect.http_url();
    let output = Command::new(assets::python()).args([script, "http", &url, "by-python", "40"]).output();
    let output = output.expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    both.wait_until_forwarded(80);
    wait(BY_SEARCH, "all of it is found", || both.ours("/api/traces?service=by-python").body.contains("\"call 39\""));
    let ids = String::from_utf8(output.stdout).expect("ids are ASCII");
    let traces = ids.lines().step_by(2).map(|line| format!("/api/traces/{}", &line[..32]));
    let searches = ["/api/traces?service=by-python", "/api/traces?service=by-python&tag=number:7", "/api/services"];
    for path in traces.chain(searches.map(str::to_owned)) {
        let [ours, jaegers] = both.answers(&path);
        assert_eq!(ours, jaegers, "{path}");
    }
}
