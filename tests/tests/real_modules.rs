//! Bar F3, and every module that no one here wrote: instrumented in both modes, valid, and, where WASI preview 1 runs it, with
//! the same output and exit code; every enter has one close, over more than ten million hook calls.

use std::fs;
use std::path::Path;

use waspect_instrumenter::{Instrumented, Mode, Options, instrument};
use waspect_tests::wasi::{self, Drive, Ran};
use waspect_tests::{assets, features, parallel};

/// Hook calls that the runs must make in all.
const EVENTS_MIN: u64 = 10_000_000;

/// Longest module that must validate under its own minimal feature set; longer ones only must validate.
const MINIMAL_BYTES_MAX: usize = 200_000;

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
fn runs() -> Vec<(&'static str, Drive)> {
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
        let path = assets::folder("guests").join(format!("{name}.wasm"));
        let path = if path.exists() { path } else { assets::module(name) };
        let module = fs::read(path).expect("it can be read");
        let run = |bytes: &[u8]| {
            wasi::run(&engine, &module, bytes, drive).unwrap_or_else(|error| panic!("{name}: {error:?}"))
        };
        let before = run(&module);
        let counts = run(&of(name, &module, Mode::Counts).bytes);
        let mut calls = run(&of(name, &module, Mode::Calls).bytes);
        assert!(!before.output.is_empty() || !before.end.is_empty(), "{name} does nothing");
        assert_eq!(seen(&before), seen(&counts), "{name} in mode counts");
        assert_eq!(seen(&before), seen(&calls), "{name} in mode calls");
        let (faults, count) = calls.mock.take_faults();
        assert!(count == 0, "{name}: {count} broken rules, the first of them:\n{}", faults.join("\n"));
        let (closes, opened) = (calls.mock.closes(), calls.mock.opened());
        assert_eq!(opened, closes.own + closes.unwind + closes.lower + closes.scope, "{name}: every frame closes once");
        (name, calls, before.end)
    });
    let total: u64 = events.iter().map(|(_, calls, _)| calls.mock.events()).sum();
    for (name, calls, end) in &events {
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
    println!("F3: {total} hook calls, 0 mismatches");
    assert!(total > EVENTS_MIN, "{total} hook calls, more than {EVENTS_MIN} are wanted");
}

#[test]
fn every_module_is_instrumented_and_valid() {
    let paths: Vec<_> = assets::modules().into_iter().chain(assets::guests()).collect();
    let rows = parallel::map(&paths, |path| {
        let name = path.file_stem().unwrap_or_default().display().to_string();
        (row(&name, path), name)
    });
    println!("{:<26} {:>9} {:>6} {:>6} {:>7} allocators", "module", "functions", "hooked", "named", "calls %");
    rows.iter().for_each(|(row, name)| println!("{name:<26} {row}"));
}

fn row(name: &str, path: &Path) -> String {
    let module = fs::read(path).expect("it can be read");
    // Finding the minimal set validates a module dozens of times: too slow for the largest in an unoptimised build.
    let everything = Some(wasmparser::WasmFeatures::all());
    let features = if module.len() <= MINIMAL_BYTES_MAX { features::minimal(&module) } else { everything };
    let features = features.unwrap_or_else(|| panic!("{name} is not valid"));
    for mode in [Mode::Counts, Mode::Calls] {
        assert!(
            features::validates(&of(name, &module, mode).bytes, features),
            "{name}, {mode:?}: needs more than {features:?}"
        );
    }
    let output = of(name, &module, Mode::Calls);
    let functions = &output.manifest.functions;
    let named = functions.iter().filter(|function| !function.name.is_empty()).count();
    let hooked = functions.iter().filter(|function| function.hooked).count();
    let mut families: Vec<&str> =
        output.manifest.allocators.iter().map(|allocator| allocator.family.as_str()).collect();
    families.dedup();
    let percent = 100.0 * (output.bytes.len() as f64 / module.len() as f64 - 1.0);
    format!("{:>9} {hooked:>6} {named:>6} {percent:>7.2} {}", output.manifest.function_count, families.join(", "))
}

fn of(name: &str, module: &[u8], mode: Mode) -> Instrumented {
    let options = Options { mode, ..Options::default() };
    instrument(module, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn seen(ran: &Ran) -> (&str, &str) {
    (&ran.output, &ran.end)
}
