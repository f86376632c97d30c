//! The conformance vectors (`spec/vectors`), run by the native recorder.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use waspect_abi::Manifest;
use waspect_abi::manifest::{Function, Kind, Memory};
use waspect_abi::ring::{self, Record};
use waspect_recorder::{Aggregator, Config, Interrupt, Outcome, Parent, Recorder, Resource, Timestamp};

const CALENDAR_NS: u64 = 1_000_000_000_000_000;
const BUILD: u64 = 0x0123_4567_89ab_cdef;
/// Later than every step.
const END_NS: u64 = 10_000_000_000;
const HOST_SPAN: [u8; 8] = [9; 8];

#[test]
fn every_case_gives_what_the_rules_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let (mut cases, mut failures) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let list: Vec<Json> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for case in list {
            cases += 1;
            if let Err(difference) = run(&case) {
                failures.push(format!("{}: {}: {difference}", file.display(), case["name"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases >= 35, "only {cases} cases were found");
    println!("{cases} cases");
}

fn run(case: &Json) -> Result<(), String> {
    let config = config(case);
    let mut recorder = Recorder::new(&config, Some([5; 16]));
    let mut aggregator = Aggregator::new(&config, Resource::default(), CALENDAR_NS);
    let functions = match &case["functions"] {
        Json::Array(names) => {
            recorder.add_manifest(Arc::new(manifest(names)));
            names.len() as u64
        }
        count => count.as_u64().unwrap(),
    };
    recorder.module(Timestamp(0), 0, (BUILD >> 32) as u32, BUILD as u32, functions as u32);
    let mut tokens = BTreeMap::new();
    for step in case["steps"].as_array().unwrap() {
        take_step(&mut recorder, &mut aggregator, &mut tokens, step.as_array().unwrap())?;
    }
    aggregator.merge(recorder.drain(Timestamp(END_NS)));
    let spans = aggregator.take_traces().map(|batch| spans(&batch.bytes)).unwrap_or_default();
    same("spans", &json!(spans), &case["spans"])?;
    let metrics = support::metrics(&aggregator.metrics(CALENDAR_NS + 1).bytes);
    let points = |name: &str| json!(metrics.get(name).map(support::points).unwrap_or_default());
    for (name, expected) in case["metrics"].as_object().unwrap() {
        same(name, &points(name), expected)?;
    }
    same("drops", &points("waspect.drops"), &case["drops"])
}

fn same(what: &str, found: &Json, expected: &Json) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}:\n  expected {expected}\n  found    {found}")) }
}

fn config(case: &Json) -> Config {
    let option = |name: &str, default: u64| case.get(name).map_or(default, |value| value.as_u64().unwrap());
    let mut config = Config { leak_age_ns: option("leak_age_ns", 1_000_000_000_000), ..Config::default() };
    config.spans.min_duration_ns = 100;
    config.spans.open_root_ns = option("open_root_ns", 1_000_000_000_000);
    config.spans.per_root_max = option("per_root_max", 1_000) as usize;
    config.limits.depth_max = option("depth_max", 1_000) as usize;
    config
}

fn manifest(names: &[Json]) -> Manifest {
    let function = |(index, name): (usize, &Json)| {
        let text = name.as_str().unwrap();
        Function {
            index: index as u32,
            name: text.trim_end_matches(['!', '@']).to_owned(),
            kind: if text.ends_with('@') { Kind::Import as i32 } else { Kind::Guest as i32 },
            hooked: true,
            boundary: text.ends_with('!'),
            ..Function::default()
        }
    };
    Manifest {
        build: BUILD,
        name: "m".to_owned(),
        function_count: names.len() as u32,
        functions: names.iter().enumerate().map(function).collect(),
        memories: vec![Memory { page_size_log2: 16, ..Memory::default() }],
        ..Manifest::default()
    }
}

fn take_step(
    recorder: &mut Recorder,
    aggregator: &mut Aggregator,
    tokens: &mut BTreeMap<String, u32>,
    step: &[Json],
) -> Result<(), String> {
    let number = |at: usize| step[at].as_u64().unwrap_or_else(|| panic!("{step:?}: {at} is no number"));
    let id = |at: usize| number(at) as u32;
    let time = |at: usize| Timestamp(number(at));
    let token = |at: usize| step[at].as_u64().map_or_else(|| tokens[step[at].as_str().unwrap()], |token| token as u32);
    let mut opened = None;
    match step[0].as_str().unwrap() {
        "module" => {
            let base = recorder.module(time(1), id(2), (BUILD >> 32) as u32, BUILD as u32, id(3));
            same("base", &json!(base), &step[4])?;
        }
        "enter" => opened = Some((recorder.enter(time(1), id(2)), &step[3])),
        "begin" => opened = Some((recorder.begin(time(1), id(2)), &step[3])),
        "exit" => recorder.exit(time(1), token(2)),
        "end" => recorder.end(time(1), token(2)),
        "enter_or_resume" => {
            opened = Some((recorder.enter_or_resume(time(1), id(2), id(3), id(4), id(5)), &step[6]));
        }
        "exit_or_suspend" => recorder.exit_or_suspend(time(1), token(2), id(3)),
        "unwind" => recorder.unwind(time(1), token(2)),
        "unwound" => recorder.unwound(time(1), token(2)),
        "ring" => recorder.ring(time(1), id(2), id(3), &records(&step[4])),
        "unwind_ring" => recorder.unwind_ring(time(1), id(2), ring::token(id(3))),
        "unwound_ring" => recorder.unwound_ring(time(1), id(2), ring::token(id(3))),
        "flush" => recorder.flush(time(1), id(2)),
        "alloc" => recorder.alloc(time(1), id(2), id(3), id(4), id(5)),
        "grow" => recorder.grow(time(1), id(2), id(3), id(4), id(5)),
        "scope" => {
            let flags = step.get(3).map(|kind| u8::from(kind == "sampled"));
            let parent =
                flags.map(|flags| Parent { trace_id: [8; 16], span_id: HOST_SPAN, flags, ..Parent::default() });
            opened = Some((recorder.scope_begin(time(1), CALENDAR_NS + number(1), parent.as_ref()), &step[2]));
        }
        "scope_end" => recorder.scope_end(time(1), token(2), &outcome(&step[3])),
        "anchor" => recorder.anchor(time(1), CALENDAR_NS + number(1)),
        "lane" => recorder.lane(id(1)),
        "context" => assert!(recorder.context().is_some()),
        "counts" => recorder.counts(0, id(1), number(2)),
        "instance_end" => recorder.instance_end(time(1), id(2), number(3)),
        "drain" => aggregator.merge(recorder.drain(time(1))),
        other => panic!("no step {other}"),
    }
    if let Some((token, name)) = opened {
        match name.as_str() {
            Some(_) if token == 0 => return Err(format!("{step:?}: the token is 0")),
            Some(name) => drop(tokens.insert(name.to_owned(), token)),
            None => same("token", &json!(token), name)?,
        }
    }
    Ok(())
}

/// Records as they stand in a ring.
fn records(list: &Json) -> Vec<u64> {
    let record = |record: &Json| {
        let number = |at: usize| record[at].as_u64().unwrap();
        let what = match record[1].as_str().unwrap() {
            "enter" => Record::Enter(number(2) as u32),
            "exit" => Record::Exit(ring::token(number(2) as u32)),
            other => panic!("no record {other}"),
        };
        u64::from(ring::clock(number(0))) | u64::from(what.word()) << 32
    };
    list.as_array().unwrap().iter().map(record).collect()
}

fn outcome(name: &Json) -> Outcome {
    let message = "a message".to_owned();
    let backtrace = "a backtrace".to_owned();
    if let Some((kind, value)) = name.as_object().and_then(|object| object.iter().next()) {
        let text = value.as_str().unwrap_or_default().to_owned().into();
        return match kind.as_str() {
            "trapped" => Outcome::Trapped { code: text, message, backtrace },
            "host_error" => Outcome::HostError { kind: text, message, backtrace },
            "exited" => Outcome::Exited(value.as_i64().unwrap() as i32),
            other => panic!("no outcome {other}"),
        };
    }
    match name.as_str().unwrap() {
        "returned" => Outcome::Returned,
        "fuel" => Outcome::Interrupted(Interrupt::Fuel),
        "epoch" => Outcome::Interrupted(Interrupt::Epoch),
        "cancelled" => Outcome::Cancelled,
        "dropped" => Outcome::Dropped,
        other => panic!("no outcome {other}"),
    }
}

/// Spans as the vectors write them, by start, the longest first.
fn spans(bytes: &[u8]) -> Vec<Json> {
    let mut all = support::spans(bytes);
    all.sort_by_key(|span| (span.start_time_unix_nano, std::cmp::Reverse(span.end_time_unix_nano)));
    let names: BTreeMap<&[u8], &str> = all.iter().map(|span| (span.span_id.as_slice(), span.name.as_str())).collect();
    let spans = all.iter().map(|span| {
        assert_eq!((span.trace_id.len(), span.span_id.len(), span.kind), (16, 8, 1));
        let parent = match span.parent_span_id.as_slice() {
            [] => Json::Null,
            id if id == HOST_SPAN => json!("host"),
            id => json!(names[id]),
        };
        let status = span.status.as_ref().map_or("unset", |status| if status.code == 2 { "error" } else { "unset" });
        let mut laid_out = json!({
            "name": span.name, "parent": parent, "status": status,
            "start": span.start_time_unix_nano - CALENDAR_NS, "end": span.end_time_unix_nano - CALENDAR_NS,
        });
        let mut attributes = support::attributes(&span.attributes);
        attributes.retain(|name, _| !name.starts_with("code.") && name != "wasm.module.name");
        if !attributes.is_empty() {
            laid_out["attributes"] = Json::Object(attributes);
        }
        let events = span.events.iter().map(|event| match support::attributes(&event.attributes) {
            attributes if event.name == "exception" => {
                assert_eq!(attributes["exception.message"], "a message");
                assert_eq!(attributes["exception.stacktrace"], "a backtrace");
                json!(event.name)
            }
            attributes => Json::Object(Map::from_iter([(event.name.clone(), Json::Object(attributes))])),
        });
        let events: Vec<Json> = events.collect();
        if !events.is_empty() {
            laid_out["events"] = json!(events);
        }
        laid_out
    });
    spans.collect()
}
