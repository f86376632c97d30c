//! The conformance suite (tests/conformance) in Wasmtime: the same cases as every adapter runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};
use wasmtime::{Caller, Engine, Extern, Linker, Module, Result, Trap, TypedFunc};
use wasmtime_wasi::I32Exit;
use waspect_abi::{COUNTER_GET_EXPORT, COUNTER_SET_EXPORT, GATE_BIT};
use waspect_recorder::FunctionSnapshot;
use waspect_wasmtime::scope;

use crate::support::{Guest, Seen, State, attribute, call, linker, observe, store};

/// Fields of a case that say what happens; the others say what comes of it.
const SET_UP: [&str; 5] = ["steps", "parent", "options", "links", "instrumented"];

/// What a host function fails with.
const FAILURE: &str = "no";

#[test]
fn every_case_of_the_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    cases.sort();
    for path in &cases {
        let case: Value = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        let mut expected =
            json!({ "calls": {}, "errors": {}, "allocated": {}, "live": {}, "drops": {}, "counters": [] });
        for (field, value) in case.as_object().unwrap().iter().filter(|(field, _)| !SET_UP.contains(&field.as_str())) {
            expected[field] = value.clone();
        }
        let counted = expected["counters"].as_array().unwrap().len() as u32;
        assert_eq!(run(&folder, path, &case, counted), expected, "{}", path.display());
    }
    assert!(cases.len() >= 22, "{} cases", cases.len());
}

/// What comes out, with the first instance's counters of so many functions.
fn run(folder: &Path, path: &Path, case: &Value, counted: u32) -> Value {
    let options = &case["options"];
    let seen = Seen::with(|config| {
        // Not by name: without a manifest there are none.
        config.spans.min_duration_ns = 0;
        config.sampling.ratio = options["sample_ratio"].as_f64().unwrap_or(config.sampling.ratio);
        config.spans.per_root_max =
            options["spans_per_root"].as_u64().map_or(config.spans.per_root_max, |most| most as usize);
    });
    let engine = Engine::default();
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let module = match case["instrumented"] == true {
        true => Module::new(&engine, text(path)).unwrap(),
        false => Guest::new(&seen, &engine, &text(path)).module,
    };
    let linked = case["links"].as_str().map(|name| {
        let wat = text(&folder.join("linked").join(name).with_extension("wat"));
        (name, Guest::new(&seen, &engine, &wat).module)
    });
    let host = host(&engine);
    let attached = case["parent"].as_str().map(|parent| {
        let flags = if parent == "sampled" { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, span) = (TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
        Context::new()
            .with_remote_span_context(SpanContext::new(trace, span, flags, false, TraceState::default()))
            .attach()
    });
    let mut instances = BTreeMap::new();
    for step in case["steps"].as_array().unwrap() {
        let (store, instance) = instances.entry(step[2].as_u64().unwrap_or(0)).or_insert_with(|| {
            let mut store = store(&seen, &engine);
            let mut host = host.clone();
            if let Some((name, module)) = &linked {
                let lower = scope(&mut store, observe, |store| host.instantiate(store, module)).unwrap();
                host.instance(&mut store, name, lower).unwrap();
            }
            let instance = scope(&mut store, observe, |store| host.instantiate(store, &module)).unwrap();
            (store, instance)
        });
        let ending = match call(store, instance, step[0].as_str().unwrap()) {
            Ok(()) => "returns",
            Err(error) if error.is::<Trap>() => "traps",
            Err(error) if error.is::<I32Exit>() => "exits",
            Err(error) => {
                assert_eq!(error.root_cause().to_string(), FAILURE);
                "fails"
            }
        };
        assert_eq!(ending, step[1], "{step}");
    }
    drop(attached);
    let (store, instance) = instances.get_mut(&0).unwrap();
    let get = instance.get_typed_func::<u32, u64>(&mut *store, COUNTER_GET_EXPORT);
    let counter = |func| get.as_ref().unwrap().call(&mut *store, func).unwrap() & !GATE_BIT;
    let counters: Vec<u64> = (0..counted).map(counter).collect();
    // While the instances live: what they keep is given back when they end.
    let mut found = found(&seen);
    found["counters"] = json!(counters);
    found
}

/// What the modules import: a call from the host within a host call is a scope, too.
fn host(engine: &Engine) -> Linker<State> {
    let mut linker = linker(engine);
    let back = |mut caller: Caller<'_, State>| -> Result<()> {
        let back = caller.get_export("back").and_then(Extern::into_func).unwrap();
        scope(&mut caller, observe, |store| back.call(store, &[], &mut []))
    };
    let table = |mut caller: Caller<'_, State>| -> Result<()> {
        let table = caller.get_export("table").and_then(Extern::into_table).unwrap();
        let entry = *table.get(&mut caller, 0).unwrap().unwrap_func().unwrap();
        entry.call(&mut caller, &[], &mut [])
    };
    let attempt = move |caller: Caller<'_, State>| -> Result<()> {
        table(caller).or_else(|error| if error.root_cause().to_string() == FAILURE { Ok(()) } else { Err(error) })
    };
    let gate = |caller: &mut Caller<'_, State>, func: u32, open: bool| -> Result<()> {
        let mut export = |name: &str| caller.get_export(name).and_then(Extern::into_func).unwrap();
        let (get, set) = (export(COUNTER_GET_EXPORT), export(COUNTER_SET_EXPORT));
        let (get, set): (TypedFunc<u32, u64>, TypedFunc<(u32, u64), ()>) = (get.typed(&*caller)?, set.typed(&*caller)?);
        let calls = get.call(&mut *caller, func)? & !GATE_BIT;
        set.call(&mut *caller, (func, if open { calls | GATE_BIT } else { calls }))
    };
    linker
        .func_wrap("host", "close", move |mut caller: Caller<'_, State>, func: u32| gate(&mut caller, func, false))
        .unwrap();
    linker
        .func_wrap("host", "open", move |mut caller: Caller<'_, State>, func: u32| gate(&mut caller, func, true))
        .unwrap();
    linker.func_wrap("host", "back", back).unwrap();
    linker.func_wrap("host", "attempt", attempt).unwrap();
    linker.func_wrap("host", "table", table).unwrap();
    linker.func_wrap("host", "fail", || -> Result<()> { Err(wasmtime::Error::msg(FAILURE)) }).unwrap();
    linker.func_wrap("host", "exit0", || -> Result<()> { Err(I32Exit(0).into()) }).unwrap();
    linker.func_wrap("host", "exit3", || -> Result<()> { Err(I32Exit(3).into()) }).unwrap();
    linker
}

fn found(seen: &Seen) -> Value {
    let spans = seen.spans();
    let name_of = |id: &[u8]| spans.iter().find(|span| span.span_id == id).map_or("host", |span| &span.name);
    let line = |span: &Span| {
        let parent = if span.parent_span_id.is_empty() { "" } else { name_of(&span.parent_span_id) };
        let is_error = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        let unwound = attribute(span, "wasm.function.unwound") == "true";
        let marks = [(is_error, " !"), (unwound, " ~")];
        let marks: String = marks.iter().filter(|(holds, _)| *holds).map(|(_, mark)| *mark).collect();
        format!("{parent} > {}{marks}", span.name)
    };
    let snapshot = seen.snapshot();
    let by_function = |figure: fn(&FunctionSnapshot) -> i64| -> BTreeMap<&str, i64> {
        let figures = snapshot.functions.iter().map(|function| (function.name.as_str(), figure(function)));
        figures.filter(|(_, figure)| *figure > 0).collect()
    };
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for error in &snapshot.errors {
        *errors.entry(error.code.as_str()).or_default() += error.count;
    }
    let drops: BTreeMap<&str, u64> = snapshot.drops.iter().map(|(reason, count)| (reason.name(), *count)).collect();
    json!({
        "spans": spans.iter().map(line).collect::<Vec<_>>(),
        "calls": by_function(|function| function.calls as i64),
        "errors": errors,
        "allocated": by_function(|function| function.allocated_bytes as i64),
        "live": by_function(|function| function.live_bytes),
        "drops": drops,
    })
}
