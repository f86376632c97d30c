//! Bar F3, and every module that no one here wrote: instrumented in every mode, valid, and, where WASI preview 1 runs it, with
//! the same output and exit code; every enter has one close, over more than ten million hook calls.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use waspect_instrumenter::{Instrumented, Mode, ModuleInfo, Options, Plan, features_added, instrument};
use waspect_tests::table::{self, Row};
use waspect_tests::wasi::{self, Drive, Ran};
use waspect_tests::{assets, features, parallel};

/// Hook calls that the runs must make in all.
const EVENTS_MIN: u64 = 10_000_000;

/// Longest module that is instrumented in every mode: what the others write, mode `calls` writes too, or nearly.
const EVERY_MODE_BYTES_MAX: usize = 7_000_000;

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
    ("esbuild", &[]),
    ("micropython", &[]),
    ("fib", &[]),
];

/// A program for micropython: calls, exceptions, closures, big integers, sorting, formatting.
const PYTHON: &str = "
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class Account:
    def __init__(self): self.lines = []
    def pay(self, cents):
        if cents < 0: raise ValueError('negative')
        self.lines.append(cents)
a = Account()
caught = 0
for i in range(500):
    try: a.pay(i * 7 % 13 - 3)
    except ValueError: caught += 1
print(fib(15), caught, sum(sorted(a.lines)), 2 ** 200 % 1000007)
print(sorted({str(i): i * i for i in range(50)}.items())[:3])
";

/// A program for the QuickJS reactor.
const JAVASCRIPT: &str = "
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
let caught = 0;
for (let i = 0; i < 200; i++) try { if (i % 3) throw new Error('x' + i); } catch (e) { caught++; }
console.log(fib(15), caught, JSON.stringify([...'waspect'].sort()), 'a-b-c'.replace(/-(.)/g, (m, c) => c.toUpperCase()));
";

/// Texts with something to hide, for pii-shield.
const TEXTS: [&str; 3] =
    ["user=alice password=Xk29-sPq81-zzTq", "card 4111 1111 1111 1111 was charged", "nothing to see here"];

/// What runs, and how: guests of ours and real modules.
fn runs() -> Vec<(&'static str, Drive<'static>)> {
    vec![
        ("fib", Drive::Invoke("fib", 32)),
        ("rust-work", Drive::Command(&[])),
        ("rust-trap", Drive::Command(&[])),
        ("c-work", Drive::Command(&[])),
        ("c-trap", Drive::Command(&[])),
        ("c-setjmp", Drive::Command(&[])),
        ("cpp-work", Drive::Command(&[])),
        ("cpp-exceptions", Drive::Command(&[])),
        ("go-work", Drive::Command(&[])),
        ("zig-work", Drive::Command(&[])),
        ("sqlite", Drive::Command(&["200"])),
        ("quickjs", Drive::Command(&["1"])),
        ("micropython", Drive::Command(&["-c", PYTHON])),
        ("qjs-reactor", Drive::QuickJs(&["-e", JAVASCRIPT])),
        ("pii-shield", Drive::PiiShield(&TEXTS)),
    ]
}

#[test]
fn the_same_output_and_balanced_frames() {
    let engine = wasi::engine();
    let runs = runs();
    let events = parallel::map(&runs, |&(name, drive)| {
        let module = fs::read(find(name)).expect("it can be read");
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
            assert_eq!(
                opened,
                closes.own + closes.unwind + closes.lower + closes.scope,
                "{name}: every frame closes once"
            );
        }
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
             {growths} growths; ends `{end}`",
            calls.mock.events(),
            calls.mock.opened(),
            closes.unwind,
            closes.scope,
        );
    }
    println!("F3: {total} hook calls, in mode ring {total_ring} hook calls and records, 0 mismatches");
    assert!(total > EVENTS_MIN, "{total} hook calls, more than {EVENTS_MIN} are wanted");
}

#[test]
fn every_module_is_instrumented_and_valid() {
    let modules = assets::modules();
    let mut paths: Vec<_> = modules.iter().cloned().chain(assets::guests()).collect();
    // The largest first: none of them is left for one thread alone at the end.
    paths.sort_by_key(|path| Reverse(fs::metadata(path).map_or(0, |file| file.len())));
    let rows = parallel::map(&paths, |path| row(path));
    let mut rows: Vec<(&PathBuf, Row)> = paths.iter().zip(rows).collect();
    rows.sort_by_key(|&(path, _)| path);
    rows.iter().for_each(|(_, row)| print!("{}", row.markdown()));
    // Guests of ours are left out of the page: what they are made of depends on the compilers of whoever builds them.
    rows.retain(|(path, _)| modules.contains(path));
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    table::compare(&table::page(&rows), env::var_os("BLESS").is_some());
}

/// Instruments a module in every mode: the output needs no feature that the input and the mode do not need.
fn row(path: &Path) -> Row {
    let name = path.file_stem().unwrap_or_default().display().to_string();
    let module = fs::read(path).expect("it can be read");
    let features = features::minimal(&module).unwrap_or_else(|| panic!("{name} is not valid"));
    let instrumented = |mode| {
        let output = of(&name, &module, mode);
        let features = features | features_added(mode);
        assert!(features::validates(&output.bytes, features), "{name}, {mode:?}: needs more than {features:?}");
        output
    };
    if module.len() <= EVERY_MODE_BYTES_MAX {
        instrumented(Mode::Counts);
        instrumented(Mode::Ring);
    }
    Row::new(&name, &module, &instrumented(Mode::Calls))
}

#[test]
fn allocators_are_found_where_there_are_names() {
    parallel::map(ALLOCATORS, |&(name, families)| {
        let module = fs::read(find(name)).expect("it can be read");
        let info = ModuleInfo::parse(&module).unwrap_or_else(|error| panic!("{name}: {error}"));
        let plan = Plan::new(&info, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: BTreeSet<&str> = plan.allocators.iter().map(|allocator| allocator.family).collect();
        assert_eq!(found, families.iter().copied().collect(), "{name}");
    });
}

/// The guest or the real module of that name.
fn find(name: &str) -> PathBuf {
    let guest = assets::folder("guests").join(format!("{name}.wasm"));
    if guest.exists() { guest } else { assets::module(name) }
}

fn of(name: &str, module: &[u8], mode: Mode) -> Instrumented {
    let options = Options { mode, ..Options::default() };
    instrument(module, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn seen(ran: &Ran) -> (&str, &str) {
    (&ran.output, &ran.end)
}
