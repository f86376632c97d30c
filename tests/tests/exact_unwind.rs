//! `--exact-unwind`: every call that an exception leaves ends by a hook of its own, at its time, and the module does the same.

use std::fs;

use waspect_instrumenter::{Mode, Options, instrument};
use waspect_tests::growth::growth;
use waspect_tests::mock::Closes;
use waspect_tests::oracle::program::{Program, difference};
use waspect_tests::oracle::suite::compare;
use waspect_tests::oracle::walrus;
use waspect_tests::spec::corpus;
use waspect_tests::spec::judge::judge;
use waspect_tests::spec::script::{Run, run};
use waspect_tests::subject::Subject;
use waspect_tests::wasi::{self, Drive};
use waspect_tests::{engine, parallel, programs, tape};

/// Stack for the guests of the suite.
const STACK_BYTES: usize = 512 << 10;
/// Calls of the suite that exceptions left when this test was written.
const SUITE_UNWOUND_MIN: u64 = 28;
/// Programs that throw, and calls that exceptions left in all of them together.
const PROGRAMS: [&str; 3] = ["cpp-exceptions", "c-setjmp", "micropython"];
const PROGRAMS_UNWOUND_MIN: u64 = 700;

#[test]
fn the_spec_suite_does_the_same_and_tells_the_same_by_way_of_walrus() {
    let engine = engine::fidelity(STACK_BYTES);
    let mut files = corpus::files();
    files.retain(|file| file.raw().contains("try_table"));
    let subjects = [
        Subject::calls().with_exact_unwind(),
        Subject { gates: Subject::calls_with_odd_gates_closed().gates, ..Subject::calls().with_exact_unwind() },
        Subject::ring().with_exact_unwind(),
    ];
    let found = parallel::map(&files, |file| {
        let before = run(&engine, file, &Subject::original()).expect("it can be parsed");
        let runs: Vec<Run> = subjects.iter().filter_map(|subject| run(&engine, file, subject)).collect();
        let judged = subjects.iter().zip(&runs).map(|(subject, after)| judge(file, subject.name, &before, after));
        let mut differences: Vec<String> = judged.flat_map(|verdict| verdict.differences).collect();
        let by_walrus = compare(&engine, file, &subjects[0], &subjects[0].clone().by_walrus()).expect("as above");
        differences.extend(by_walrus.differences);
        (runs[0].closes, differences)
    });
    let unwound: u64 = found.iter().map(|(closes, _)| closes.unwound).sum();
    let differences: Vec<&String> = found.iter().flat_map(|(_, differences)| differences).collect();
    println!(
        "exact unwind: {} files, {unwound} calls left by exceptions, {} differences",
        files.len(),
        differences.len()
    );
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(unwound >= SUITE_UNWOUND_MIN, "{unwound} calls only");
}

#[test]
fn programs_do_the_same_and_each_call_ends_by_its_own_hook() {
    let engine = wasi::engine();
    let told = parallel::map(&PROGRAMS, |&name| {
        let original = fs::read(programs::find(name)).expect("it can be read");
        let drive = drive(name);
        let [plain, calls, ring] = [(Mode::Calls, false), (Mode::Calls, true), (Mode::Ring, true)]
            .map(|(mode, exact)| instrument(&original, &options(mode, exact)).expect("it is taken").bytes);
        let before = wasi::run(&engine, &original, &original, drive).expect("it runs");
        let mut closes = [Closes::default(); 3];
        for (closes, bytes) in closes.iter_mut().zip([&plain, &calls, &ring]) {
            let mut ran = wasi::run(&engine, &original, bytes, drive).expect("it runs");
            assert_eq!((&before.output, &before.end), (&ran.output, &ran.end), "{name}");
            let (faults, count) = ran.mock.take_faults();
            assert!(count == 0, "{name}: {count} broken rules, the first of them:\n{}", faults.join("\n"));
            *closes = ran.mock.closes();
            assert_eq!(closes.all(), ran.mock.opened(), "{name}");
        }
        let [plain_closes, exact, in_ring] = closes;
        assert_eq!(exact, in_ring, "{name}: both modes tell the same");
        // What a handler had to close ends by itself; what no exception left ends as before.
        let expected = Closes { unwound: plain_closes.unwind, unwind: 0, ..plain_closes };
        assert_eq!(exact, expected, "{name}");
        by_walrus(name, Program { original: &original, drive }, &calls);
        let growths = [&plain, &calls].map(|bytes| growth(&original, bytes).expect("both can be read"));
        (name, exact.unwound, growths)
    });
    for (name, unwound, [plain, exact]) in &told {
        println!(
            "{name:<16} {unwound:>6} calls left by exceptions; the module grows by {:.1}%, with exact unwinding by {:.1}%; \
             {:.1} bytes a body, and {:.1}",
            plain.percent(),
            exact.percent(),
            plain.body_net(),
            exact.body_net()
        );
    }
    let total: u64 = told.iter().map(|(_, unwound, _)| unwound).sum();
    assert!(total >= PROGRAMS_UNWOUND_MIN, "{total} calls left by exceptions");
}

/// The other backend tells the same.
fn by_walrus(name: &str, program: Program<'_>, streamed: &[u8]) {
    let engine = wasi::engine();
    let walrus = walrus::instrument(program.original, &options(Mode::Calls, true)).expect("walrus takes it");
    let run = |bytes: &[u8], keep| program.run(&engine, bytes, &tape::all(), keep).1;
    let again = |block| (run(streamed, Some(block)), run(&walrus, Some(block)));
    assert_eq!(difference(&run(streamed, None), &run(&walrus, None), again), None, "{name}");
}

fn drive(name: &str) -> Drive<'static> {
    let all = programs::all();
    all.iter().find(|(program, _)| *program == name).expect("it is in the list").1
}

fn options(mode: Mode, exact_unwind: bool) -> Options {
    let threads = std::num::NonZeroUsize::new(1);
    Options { mode, exact_unwind, threads, manifest: waspect_instrumenter::Placement::Sidecar, ..Options::default() }
}
