//! Every proposal that wasmparser reads: a module that uses it needs no feature more when it is instrumented, in any mode, and
//! does the same where wasmtime runs it.
//!
//! A proposal is a file of `tests/proposals`, named as wasmparser names it. A new one in wasmparser fails the first test.

use std::fs;
use std::path::{Path, PathBuf};

use wasmparser::WasmFeatures;
use wasmtime::{Config, Engine, Instance, MemoryType, Module, SharedMemory, Store};
use waspect_instrumenter::features_added;
use waspect_tests::beside::beside;
use waspect_tests::facts::Facts;
use waspect_tests::host::Host;
use waspect_tests::mock::Proof;
use waspect_tests::subject::Subject;
use waspect_tests::{counters, engine, features};
use waspect_verify::trial::Trial;

/// What wasmparser can switch, but nobody proposed on its own: limits of embedders, halves of proposals.
const NO_PROPOSALS: [&str; 4] = ["floats", "gc_types", "call_indirect_overlong", "bulk_memory_opt"];

/// What wasmtime 48 refuses to compile.
const NOT_RUN: [&str; 7] = [
    "acquire_release_atomics",
    "compact_imports",
    "custom_descriptors",
    "legacy_exceptions",
    "memory_control",
    "multibyte_array_access",
    "shared_everything_threads",
];

/// Fuel for a few calls.
const FUEL: u64 = 1_000_000;
const STACK_BYTES: usize = 1 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proposals")
}

/// Each file's name and module.
fn modules() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    found.sort();
    let module = |path: PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        (name, wat::parse_file(&path).unwrap_or_else(|error| panic!("{error}")))
    };
    found.into_iter().map(module).collect()
}

/// Core proposals, by name.
fn proposals() -> Vec<(String, WasmFeatures)> {
    let all = WasmFeatures::all();
    let named = all.iter_names().map(|(name, feature)| (name.to_lowercase(), feature));
    let of_components = |name: &str| name.starts_with("cm") || name == "component_model";
    named.filter(|(name, _)| !of_components(name) && !NO_PROPOSALS.contains(&&**name)).collect()
}

#[test]
fn every_proposal_has_a_module_that_needs_it() {
    let modules = modules();
    for (name, feature) in proposals() {
        let module = modules.iter().find(|(file, _)| *file == name);
        let (_, module) = module.unwrap_or_else(|| panic!("tests/proposals/{name}.wat is missing"));
        let needed = features::minimal(module).unwrap_or_else(|| panic!("{name} does not validate"));
        assert!(needed.contains(feature), "{name} does not need what it is named for, but {needed:?}");
    }
    let known = proposals();
    let stray = modules.iter().find(|(file, _)| known.iter().all(|(name, _)| name != file));
    assert!(stray.is_none(), "{stray:?} is no proposal");
}

#[test]
fn instrumented_they_need_no_more_features_than_before() {
    for (name, module) in modules() {
        let needed = features::minimal(&module).expect("it validates");
        for subject in Subject::in_every_mode() {
            let output = subject.prepare(&module).unwrap_or_else(|error| panic!("{name}, {}: {error}", subject.name));
            assert_ne!(output, module, "{name}, {}: nothing was instrumented", subject.name);
            let options = subject.options.as_ref().expect("a mode has options");
            let needed = needed | features_added(options.mode, options.exact_unwind);
            let valid = wasmparser::Validator::new_with_features(needed).validate_all(&output);
            if let Err(error) = valid {
                panic!("{name}, {}: {error} under {needed:?}", subject.name);
            }
        }
    }
}

#[test]
fn instrumented_they_do_the_same_where_wasmtime_runs_them() {
    let engine = engine::fidelity(STACK_BYTES);
    for (name, module) in modules().iter().filter(|(name, _)| name != "stack_switching") {
        let runs = does_the_same(&engine, name, module);
        assert_eq!(runs, !NOT_RUN.contains(&&**name), "{name}: does wasmtime run it?");
    }
}

/// With an engine of its own: no other test needs stacks that are switched.
#[test]
fn stacks_that_are_switched_do_the_same() {
    let mut config = Config::new();
    engine::proposals(&mut config);
    config.consume_fuel(true).shared_memory(true).wasm_stack_switching(true);
    let engine = Engine::new(&config).expect("wasmtime takes this configuration");
    let (name, module) = modules().into_iter().find(|(name, _)| name == "stack_switching").expect("its file is there");
    assert!(does_the_same(&engine, &name, &module));
}

/// Runs a module before and after; false where wasmtime refuses it before.
fn does_the_same(engine: &Engine, name: &str, module: &[u8]) -> bool {
    let outputs = Subject::in_every_mode().map(|subject| {
        let output = subject.prepare(module).unwrap_or_else(|error| panic!("{name}, {}: {error}", subject.name));
        (subject, output)
    });
    let Some(verdict) = beside(engine, name, module, &outputs, &Trial::exports(4)) else { return false };
    assert!(verdict.before.calls.len() > 1, "{name}: nothing is called");
    for ((subject, _), after) in outputs.iter().zip(&verdict.after) {
        assert!(!subject.has_hooks() || after.events > 0, "{name}, {}: no hook was called", subject.name);
    }
    true
}

#[test]
fn instances_that_share_a_memory_count_each_for_itself() {
    let text = r#"(module
        (import "host" "memory" (memory 1 1 shared))
        (func (export "add") (result i32) (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))"#;
    let original = wat::parse_str(text).expect("it is a module");
    let engine = engine::fidelity(STACK_BYTES);
    let instrumented = Subject::counts().prepare(&original).expect("it is instrumented");
    let module = Module::new(&engine, instrumented).expect("wasmtime compiles it");
    let memory = SharedMemory::new(&engine, MemoryType::shared(1, 1)).expect("a shared memory");
    let mut store = Store::new(&engine, Host::new(Proof::Strict, 1 << 20));
    store.set_fuel(FUEL).expect("fuel is on");
    for (calls, before) in [(3, 0), (5, 3)] {
        let instance = Instance::new(&mut store, &module, &[memory.clone().into()]).expect("it instantiates");
        let add = instance.get_typed_func::<(), u32>(&mut store, "add").expect("an export");
        let sums: Vec<u32> = (0..calls).map(|_| add.call(&mut store, ()).expect("it returns")).collect();
        assert_eq!(sums, (before..before + calls).collect::<Vec<_>>(), "the memory is shared");
        assert_eq!(counters::calls(&mut store, instance, &Facts::of(&original)), Some(vec![calls.into()]));
    }
}
