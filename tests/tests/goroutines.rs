//! Go's functions are left and gone on with: every call counts once, and hangs under its own goroutine, however often that waits.
//!
//! `go-lanes` keeps its own books of how often its functions begin; nothing here knows what the right numbers are.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use wasmparser::{Parser, Payload};
use waspect_instrumenter::{Mode, ModuleInfo, Options, instrument};
use waspect_tests::mock::FIRST_BASE;
use waspect_tests::wasi::{self, Drive};
use waspect_tests::{assets, programs};

/// Functions by the goroutines that run them: no call of one family is ever under one of another.
const FAMILIES: [&[&str]; 6] = [
    &["main.pings", "main.pingSend"],
    &["main.pongs", "main.pongSend"],
    &["main.turnA"],
    &["main.turnB"],
    &["main.leave"],
    &["main.stay"],
];

/// The guest's own books name a closure by the function that makes it.
const CLOSURES: [(&str, &str); 1] = [("main.growClosure", "main.growClosure.func1")];

/// Suspended calls that went on when this test was written; fewer means that the guest does not do what it is for.
const RESUMED_MIN: u64 = 5_000;

#[test]
fn every_call_counts_once() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let stripped = folder.path().join("stripped.wasm");
    fs::write(&stripped, strip(&fs::read(programs::find("go-lanes")).expect("it can be read")))
        .expect("it can be written");
    for (module, mode) in [(&programs::find("go-lanes"), "calls"), (&stripped, "calls"), (&stripped, "counts")] {
        let ran = run(module, folder.path(), &["--mode", mode]);
        assert!(ran.books.len() >= 15, "{} books", ran.books.len());
        for (name, begun) in &ran.books {
            assert_eq!(ran.calls.get(name), Some(begun), "{} in mode {mode}: calls of {name}", module.display());
        }
        println!("{}, mode {mode}: {} functions, their calls as they count them", module.display(), ran.books.len());
    }
}

#[test]
fn suspended_calls_go_on_and_none_is_a_fragment() {
    let original = fs::read(programs::find("go-lanes")).expect("it can be read");
    let info = ModuleInfo::parse(&original).expect("it is a module");
    let bytes = instrument(&original, &Options { mode: Mode::Calls, ..Options::default() }).expect("it is taken").bytes;
    let ran = wasi::run(&wasi::engine(), &original, &bytes, Drive::Command(&[])).expect("it runs");
    let mut mock = ran.mock;
    let (faults, count) = mock.take_faults();
    assert!(count == 0, "{count} broken rules, the first of them:\n{}", faults.join("\n"));
    let begun: HashMap<&str, u64> = (0..info.functions.len() as u32)
        .map(|index| (info.functions[index as usize].name.as_str(), mock.enters(FIRST_BASE + index)))
        .collect();
    for (name, expected) in books(&ran.output) {
        assert_eq!(begun.get(name.as_str()), Some(&expected), "{name}");
    }
    let laps = mock.laps();
    println!("{laps:?}");
    assert_eq!(laps.fragments, 0);
    assert!(laps.resumed >= RESUMED_MIN && laps.not_begun > 0 && laps.in_the_middle > 0 && laps.left > 0, "{laps:?}");
}

#[test]
fn a_call_hangs_under_its_own_goroutine() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (folded, trace) = (folder.path().join("folded"), folder.path().join("trace"));
    let [folded_path, trace_path] = [&folded, &trace].map(|path| path.to_str().expect("a plain path"));
    let options = ["--folded", folded_path, "--flamegraph-by", "calls", "--trace", trace_path];
    let ran = run(&programs::find("go-lanes"), folder.path(), &options);

    let stacks = fs::read_to_string(&folded).expect("it was written");
    let mut seen = [0_u32; FAMILIES.len()];
    for stack in stacks.lines().filter_map(|line| line.rsplit_once(' ')).map(|(stack, _)| stack) {
        let families = families(stack.split(';'));
        assert!(families.len() < 2, "{stack}");
        families.iter().for_each(|family| seen[*family] += 1);
    }
    assert!(seen.iter().all(|stacks| *stacks > 0), "{seen:?}");

    let spans = spans(&trace);
    let mut longest = 0;
    for span in spans.values() {
        let (mut depth, mut top) = (1, span);
        while let Some(above) = top.parent.as_ref().and_then(|id| spans.get(id)) {
            (depth, top) = (depth + 1, above);
            assert!(depth <= spans.len(), "a span is above itself");
            let both = families([span.name.as_str(), above.name.as_str()].into_iter());
            assert!(both.len() < 2, "{} is under {}", span.name, above.name);
        }
        longest = longest.max(depth);
        assert_eq!(top.name, "_rt0_wasm_wasip1", "{} has another root", span.name);
    }
    println!("{} stacks, {} spans, {longest} under each other", stacks.lines().count(), spans.len());
    assert!(longest > 5 && spans.len() > 10, "{} spans, {longest} under each other", spans.len());

    // Whoever waits has no time of his own: all own times together are what the call of `_start` took.
    let (own, busy) = (ran.summary["functions"].as_array().into_iter().chain(ran.summary["host_calls"].as_array()))
        .flatten()
        .fold((0, ran.summary["busy_ns"].as_u64().expect("a number")), |(own, busy), function| {
            (own + function["self_ns"].as_u64().expect("a number"), busy)
        });
    println!("{own} ns of own time in {busy} ns");
    assert!(own <= busy && own > busy / 2, "{own} ns of own time in {busy} ns");
}

/// The families of these functions, each once.
fn families<'a>(functions: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut found: Vec<usize> =
        functions.filter_map(|name| FAMILIES.iter().position(|family| family.contains(&name))).collect();
    found.sort_unstable();
    found.dedup();
    found
}

struct Ran {
    /// What the guest says of how often its functions began.
    books: BTreeMap<String, u64>,
    /// What the summary says, by name.
    calls: HashMap<String, u64>,
    summary: Value,
}

/// Runs a module as a user would.
fn run(module: &Path, folder: &Path, options: &[&str]) -> Ran {
    let summary = folder.join("summary.json");
    let mut command = Command::new(assets::waspect());
    command
        .arg("run")
        .args(["--summary", "json", "--top", "0", "--summary-file"])
        .arg(&summary)
        .args(options)
        .arg(module);
    let output = command.env_clear().output().expect("it can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{errors}", module.display(), output.status);
    let summary: Value = serde_json::from_slice(&fs::read(&summary).expect("it was written")).expect("it is JSON");
    let mut calls = HashMap::new();
    for function in summary["functions"].as_array().expect("a list") {
        let name = function["name"].as_str().expect("a text").to_owned();
        *calls.entry(name).or_insert(0) += function["calls"].as_u64().expect("a number");
    }
    Ran { books: books(&String::from_utf8_lossy(&output.stdout)), calls, summary }
}

fn books(output: &str) -> BTreeMap<String, u64> {
    let lines = output.lines().filter_map(|line| line.strip_prefix("begun ")?.split_once(' '));
    let renamed = |name: &str| {
        let closure = CLOSURES.iter().find(|(maker, _)| *maker == name).map(|(_, closure)| (*closure).to_owned());
        closure.unwrap_or_else(|| name.to_owned())
    };
    lines.map(|(name, count)| (renamed(name), count.parse().expect("a number"))).collect()
}

struct Span {
    name: String,
    parent: Option<String>,
}

/// The spans of a file of OTLP/JSON lines, by id.
fn spans(trace: &Path) -> HashMap<String, Span> {
    let lines = fs::read_to_string(trace).expect("it was written");
    let mut spans = HashMap::new();
    for line in lines.lines() {
        let batch: Value = serde_json::from_str(line).expect("a line is JSON");
        let lists = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let scopes = lists(&batch, "resourceSpans").into_iter().flat_map(|resource| lists(&resource, "scopeSpans"));
        for span in scopes.flat_map(|scope| lists(&scope, "spans")) {
            let text = |name: &str| span[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            let (id, name) = (text("spanId").expect("an id"), text("name").expect("a name"));
            spans.insert(id, Span { name, parent: text("parentSpanId") });
        }
    }
    spans
}

/// A module without its custom sections: no names and no producers.
fn strip(module: &[u8]) -> Vec<u8> {
    let mut bytes = module[..8].to_vec();
    let mut from = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.expect("it is valid");
        let Some((_, range)) = payload.as_section() else { continue };
        if !matches!(payload, Payload::CustomSection(_)) {
            bytes.extend_from_slice(&module[from..range.end as usize]);
        }
        from = range.end as usize;
    }
    bytes
}
