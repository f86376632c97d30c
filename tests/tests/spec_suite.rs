//! Bar F1: every runnable assertion of the WebAssembly spec suite gives the same result before and after, in every mode.
//!
//! The hooks are a strict mock, so that the same run shows balance, unwinding and ids: any broken rule of the ABI is a
//! difference.

use waspect_tests::spec::corpus;
use waspect_tests::spec::judge::{Verdict, judge};
use waspect_tests::spec::script::{Run, run};
use waspect_tests::subject::Subject;
use waspect_tests::{engine, parallel};

/// Assertions that ran before and after when this test was written; fewer means that the suite or the runtime shrank.
const ASSERTIONS_MIN: u64 = 74_000;

/// Stack for the guest: the suite's runaway recursions fill it, and each level is a few hook calls.
const STACK_BYTES: usize = 512 << 10;

/// Files in which functions run whose module never lived: its instantiation failed after it had filled a shared table, so
/// that no start function ran. Their hooks are refused by rule M4, and that is right.
const NEVER_LIVED: [&str; 6] =
    ["linking.wast", "linking0.wast", "linking1.wast", "linking2.wast", "linking3.wast", "elem.wast"];

#[test]
fn every_assertion_holds_before_and_after() {
    let engine = engine::fidelity(STACK_BYTES);
    let files = corpus::files();
    let subjects = [
        Subject::calls(),
        Subject::counts(),
        Subject::calls_with_gates_closed(),
        Subject::calls_with_odd_gates_closed(),
        Subject::ring(),
        Subject::ring_with_odd_gates_closed(),
    ];
    let verdicts = parallel::map(&files, |file| {
        let mut verdicts: Vec<Verdict> = subjects.iter().map(|_| Verdict::default()).collect();
        let Some(before) = run(&engine, file, &Subject::original()) else { return verdicts };
        let runs: Vec<Run> = subjects.iter().filter_map(|subject| run(&engine, file, subject)).collect();
        for ((verdict, subject), after) in verdicts.iter_mut().zip(&subjects).zip(&runs) {
            *verdict = judge(file, subject.name, &before, after);
            if after.refused > 0 && !NEVER_LIVED.contains(&file.name()) {
                verdict.differences.push(format!(
                    "{}: {} hook calls of modules without a base",
                    file.name(),
                    after.refused
                ));
            }
            // The modes count the same calls; how deep a stack goes until it overflows is no promise.
            let overflows = before.steps.iter().any(|step| step.outcome.met_a_limit());
            if !overflows && after.counters != runs[0].counters {
                verdict.differences.push(format!(
                    "{}: [{}] counts other calls than [calls]",
                    file.name(),
                    subject.name
                ));
            }
        }
        verdicts
    });
    let mut differences = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        let mut total = Verdict::default();
        verdicts.iter().for_each(|verdicts| total.add(verdicts[at].clone()));
        report(subject.name, files.len(), &total);
        assert!(
            total.assertions() >= ASSERTIONS_MIN,
            "{} assertions ran, {ASSERTIONS_MIN} did once",
            total.assertions()
        );
        differences.extend(total.differences);
    }
    let shown: Vec<&str> = differences.iter().take(20).map(String::as_str).collect();
    assert!(shown.is_empty(), "{} differences, the first of them:\n{}", differences.len(), shown.join("\n"));
}

fn report(subject: &str, files: usize, total: &Verdict) {
    println!(
        "F1 [{subject}]: {} assertions of {files} files compared ({}), {} actions, {} refusals, {} not runnable in wasmtime; \
         {} hook calls, {} frames: {} closed by the guest, {} at the boundary; {} differences",
        total.assertions(),
        total.compared.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect::<Vec<_>>().join(", "),
        total.actions,
        total.refusals,
        total.unrunnable,
        total.events,
        total.opened,
        total.closed_by_guest,
        total.closed_by_scope,
        total.differences.len(),
    );
}
