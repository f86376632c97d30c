//! Bar F3, and every module that no one here wrote: instrumented in every mode, valid, and, where WASI preview 1 runs it, with
//! the same output and exit code; every enter has one close, over more than ten million hook calls.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use waspect_instrumenter::{Instrumented, Mode, ModuleInfo, Options, Plan, features_added, instrument};
use waspect_tests::table::{self, Row};
use waspect_tests::wasi::{self, Ran};
use waspect_tests::{assets, features, parallel, programs};

/// Hook calls that the runs must make in all.
const EVENTS_MIN: u64 = 10_000_000;

/// Longest module that is instrumented in mode `ring` too: what it writes, mode `calls` writes nearly.
const RING_BYTES_MAX: usize = 7_000_000;

/// Families of allocators, by module: those of the languages, and none where the names are stripped.
const ALLOCATORS: &[(&str, &[&str])] = &[
    ("rust-work", &["c", "rust"]),
    // Zig's tool chain brings a wasi-libc whose `malloc` is Zig's own.
    ("c-work", &["c", "zig"]),
    ("sqlite", &["c", "zig"]),
    ("quickjs", &["c", "zig"]),
    ("cpp-work", &["c", "c++", "zig"]),
    ("zig-work", &["zig"]),
    ("go-work", &["go"]),
    ("as-work", &["assemblyscript"]),
    ("qjs-reactor", &["c"]),
    ("quickjs-debug", &["c"]),
    ("canvaskit-profiling", &["c", "c++"]),
    ("gofmt", &["tinygo"]),
    ("shfmt", &["tinygo"]),
    ("pii-shield", &["go"]),
    ("esbuild", &["go"]),
    ("micropython", &[]),
    ("fib", &[]),
];

#[test]
fn the_same_output_and_balanced_frames() {
    let engine = wasi::engine();
    let runs = programs::all();
    let events = parallel::map(&runs, |&(name, drive)| {
        let module = fs::read(programs::find(name)).expect("it can be read");
        let run = |bytes: &[u8]| {
            wasi::run(&engine, &module, bytes, drive).unwrap_or_else(|error| panic!("{name}: {error:?}"))
        };
        let before = run(&module);
        let counts = run(&of(name, &module, Mode::Counts).bytes);
        let mut calls = run(&of(name, &module, Mode::Calls).bytes);
        let mut ring = run(&of(name, &module, Mode::Ring).bytes);
        assert!(!before.output.is_empty() || !before.end.is_empty(), "{name} does nothing");
        assert_eq!(seen(&before), seen(&counts), "{name} in mode counts");
        assert_eq!(seen(&before), seen(&calls), "{name} in mode calls");
        assert_eq!(seen(&before), seen(&ring), "{name} in mode ring");
        for mock in [&mut calls.mock, &mut ring.mock] {
            let (faults, count) = mock.take_faults();
            assert!(count == 0, "{name}: {count} broken rules, the first of them:\n{}", faults.join("\n"));
            let (closes, opened) = (mock.closes(), mock.opened());
            assert_eq!(opened, closes.all(), "{name}: every frame closes once");
        }
        assert_eq!(calls.mock.laps().fragments, 0, "{name}: what goes on was seen to begin");
        assert_eq!(calls.mock.opened(), ring.mock.opened(), "{name}: both modes see the same frames");
        assert_eq!(calls.mock.closes(), ring.mock.closes(), "{name}: they close by the same proofs");
        (name, calls, ring.mock.events(), before.end)
    });
    let total: u64 = events.iter().map(|(_, calls, _, _)| calls.mock.events()).sum();
    let total_ring: u64 = events.iter().map(|(_, _, ring, _)| ring).sum();
    for (name, calls, _, end) in &events {
        let (closes, (allocations, frees, growths)) = (calls.mock.closes(), calls.mock.memory_events());
        println!(
            "{name:<16} {:>9} hook calls, {:>8} frames ({} unwound, {} at the boundary), {allocations} allocations, {frees} frees, \
             {growths} growths, {} suspended calls that went on; ends `{end}`",
            calls.mock.events(),
            calls.mock.opened(),
            closes.unwind,
            closes.scope,
            calls.mock.laps().resumed,
        );
    }
    println!("F3: {total} hook calls, in mode ring {total_ring} hook calls and records, 0 mismatches");
    assert!(total > EVENTS_MIN, "{total} hook calls, more than {EVENTS_MIN} are wanted");
}

#[test]
fn every_module_is_instrumented_and_valid() {
    let name = |path: &Path| path.file_stem().unwrap_or_default().display().to_string();
    let read = |path: &PathBuf| (name(path), fs::read(path).expect("it can be read"));
    let mut real: Vec<(String, Vec<u8>)> = assets::modules().iter().map(read).collect();
    real.extend(assets::modules_in_components());
    real.sort();
    let guests: Vec<(String, Vec<u8>)> = assets::guests().iter().map(read).collect();
    let mut all: Vec<&(String, Vec<u8>)> = real.iter().chain(&guests).collect();
    // The largest first: none of them is left for one thread alone at the end.
    all.sort_by_key(|(_, module)| Reverse(module.len()));
    let rows = parallel::map(&all, |(name, module)| row(name, module));
    let rows: HashMap<&str, &Row> = all.iter().map(|(name, _)| name.as_str()).zip(&rows).collect();
    rows.values().for_each(|row| print!("{}", row.markdown()));
    // Guests of ours are left out of the page: what they are made of depends on the compilers of whoever builds them.
    let page: Vec<Row> = real.iter().map(|(name, _)| rows[name.as_str()].clone()).collect();
    table::compare(&table::page(&page), env::var_os("BLESS").is_some());
}

/// Instruments a module in every mode: the output needs no feature that the input and the mode do not need.
fn row(name: &str, module: &[u8]) -> Row {
    let features = features::minimal(module).unwrap_or_else(|| panic!("{name} is not valid"));
    let instrumented = |mode| {
        let output = of(name, module, mode);
        let features = features | features_added(mode, false);
        assert!(features::validates(&output.bytes, features), "{name}, {mode:?}: needs more than {features:?}");
        output
    };
    if module.len() <= RING_BYTES_MAX {
        instrumented(Mode::Ring);
    }
    let info = ModuleInfo::parse(module).unwrap_or_else(|error| panic!("{name}: {error}"));
    Row::new(name, module, &info, &instrumented(Mode::Counts), &instrumented(Mode::Calls))
}

#[test]
fn the_command_runs_them_as_a_user_would() {
    let print = "console.log(6 * 7)";
    let runs: [(&str, &[&str], &[&str], &str); 3] = [
        // Two of its imports are its package's own: nothing calls them here.
        ("micropython", &["--unknown-imports", "trap"], &["-c", "print(6 * 7)"], "42\n"),
        // A reactor: it has no `_start`, and its function takes arguments as C's main does. It returns 0.
        ("qjs-reactor", &["--invoke-main", "qjs_init_argv"], &["-e", print], "42\n0\n"),
        ("go-work-stripped", &[], &["100"], ""),
    ];
    for (name, options, arguments, expected) in runs {
        let mut command = Command::new(assets::waspect());
        command
            .arg("run")
            .args(options)
            .args(["--summary", "json"])
            .arg(programs::find(name))
            .arg("--")
            .args(arguments);
        let output = command.env_clear().output().expect("it can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {}\n{errors}", output.status);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            if expected.is_empty() { printed.contains("sum of squares: ") } else { printed == expected },
            "{printed}"
        );
        let json = errors.find("\n{").map_or(&*errors, |at| &errors[at..]);
        let summary: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {errors}"));
        let functions = summary["functions"].as_array().expect("a list");
        assert!(functions.len() > 100, "{name}: {} functions were called", functions.len());
        println!("{name}: {} functions called, {} dropped", functions.len(), summary["drops"]);
    }
}

#[test]
fn allocators_are_found_where_there_are_names() {
    parallel::map(ALLOCATORS, |&(name, families)| {
        let module = fs::read(programs::find(name)).expect("it can be read");
        let info = ModuleInfo::parse(&module).unwrap_or_else(|error| panic!("{name}: {error}"));
        let plan = Plan::new(&info, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: BTreeSet<&str> = plan.allocators.iter().map(|allocator| allocator.family).collect();
        assert_eq!(found, families.iter().copied().collect(), "{name}");
    });
}

fn of(name: &str, module: &[u8], mode: Mode) -> Instrumented {
    let options = Options { mode, ..Options::default() };
    instrument(module, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn seen(ran: &Ran) -> (&str, &str) {
    (&ran.output, &ran.end)
}
