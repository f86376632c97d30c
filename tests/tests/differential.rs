//! Bar F2: modules that wasm-smith makes do the same before and after, in every mode.
//!
//! `WASPECT_SMITH_MODULES` says how many modules (5,000 by default), `WASPECT_SMITH_SEED` where to begin; a divergence prints
//! its seed. The default takes two minutes of CPU, so one on two quiet cores.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmtime::Engine;
use waspect_instrumenter::ModuleInfo;
use waspect_instrumenter::mutants::Mutant;
use waspect_tests::host::Outcome;
use waspect_tests::subject::Subject;
use waspect_tests::{engine, parallel, smith};
use waspect_verify::trial::{Stubs, Trial};
use waspect_verify::{Side, verify};

/// Modules in a run of the tests.
const MODULES: u64 = 5_000;
/// Seeds that one job works through.
const BATCH: u64 = 50;
/// Stack for the guest: enough for any recursion that the original's fuel allows, so that no limit but fuel is met.
const STACK_BYTES: usize = 4 << 20;

/// Generated modules of which those that catch exceptions run with exact unwinding, and how many that are at least.
const EXACT_MODULES: u64 = 600;
const EXACT_MODULES_MIN: u64 = 20;

/// Generated modules among which a seeded fault must show.
const MUTANT_SEEDS: u64 = 500;
/// Faults that the first 500 generated modules do not show, each with the reason. The spec suite shows every one, in `mutants`.
const UNSHOWN: [(Mutant, &str); 7] = [
    (
        Mutant::ElementMissed,
        "of a table shows which entries are exported functions, and generated code hardly calls through one",
    ),
    (Mutant::UnwindMissed, "generated code hardly catches what it throws"),
    (Mutant::UnwoundMissed, "it is of exact unwinding"),
    (Mutant::ThrownOnMissed, "it is of exact unwinding"),
    (Mutant::FlushMissed, "it is of mode ring"),
    (Mutant::CursorStands, "it is of mode ring"),
    (Mutant::CompanyIgnored, "it is of mode ring"),
];
/// Fuel of one call of the original.
const FUEL: u64 = 20_000;
/// Memory that one instance may have.
const MEMORY_BYTES_MAX: usize = 2 << 20;
/// Instances that one module may use up by meeting limits.
const INSTANCES_MAX: usize = 6;

#[derive(Debug, Default)]
struct Tally {
    modules: u64,
    unprovidable: u64,
    calls: u64,
    limited: u64,
    traps: u64,
    exceptions: u64,
    host_calls: u64,
    events: u64,
    differences: Vec<String>,
}

#[test]
fn generated_modules_do_the_same_before_and_after() {
    let number = |name: &str, default| env::var(name).ok().map_or(default, |text| text.parse().expect("a number"));
    let (first, modules) = (number("WASPECT_SMITH_SEED", 0), number("WASPECT_SMITH_MODULES", MODULES));
    let engine = engine::fidelity(STACK_BYTES);
    let subjects = [Subject::calls(), Subject::counts(), Subject::ring()];
    let trial = trial();
    let batches: Vec<u64> = (first..first + modules).step_by(BATCH as usize).collect();
    let tallies = parallel::map(&batches, |&batch| {
        let mut tally = Tally::default();
        for seed in batch..(batch + BATCH).min(first + modules) {
            run(&engine, seed, &subjects, &trial, &mut tally);
        }
        tally
    });
    let total = tallies.into_iter().fold(Tally::default(), sum);
    println!(
        "F2: {} modules in {} modes, {} not providable: {} calls ({} traps, {} exceptions, {} at a limit and not compared), \
         {} host calls, {} hook calls, {} divergences",
        total.modules,
        subjects.len(),
        total.unprovidable,
        total.calls,
        total.traps,
        total.exceptions,
        total.limited,
        total.host_calls,
        total.events,
        total.differences.len()
    );
    let shown: Vec<&str> = total.differences.iter().take(10).map(String::as_str).collect();
    assert!(shown.is_empty(), "{} divergences, the first of them:\n{}", total.differences.len(), shown.join("\n"));
    assert!(total.unprovidable * 10 < modules, "most modules must run");
}

/// Every call that an exception leaves ends by its own hook, and nothing else changes.
#[test]
fn generated_modules_do_the_same_where_exceptions_are_thrown_on() {
    let engine = engine::fidelity(STACK_BYTES);
    let subjects = [Subject::calls(), Subject::ring()].map(Subject::with_exact_unwind);
    let seeds: Vec<u64> = (0..EXACT_MODULES).collect();
    let tallies = parallel::map(&seeds, |&seed| {
        let mut tally = Tally::default();
        let catches = smith::module(seed).is_some_and(|module| {
            let info = ModuleInfo::parse(&module).expect("wasm-smith makes valid modules");
            info.functions.iter().filter_map(|function| function.body.as_ref()).any(|body| body.facts.try_tables)
        });
        if catches {
            run(&engine, seed, &subjects, &trial(), &mut tally);
        }
        tally
    });
    let total = tallies.into_iter().fold(Tally::default(), sum);
    println!(
        "F2, exact unwind: {} modules that catch, {} calls ({} exceptions), {} hook calls, {} divergences",
        total.modules,
        total.calls,
        total.exceptions,
        total.events,
        total.differences.len()
    );
    let shown: Vec<&str> = total.differences.iter().take(10).map(String::as_str).collect();
    assert!(shown.is_empty(), "{} divergences, the first of them:\n{}", total.differences.len(), shown.join("\n"));
    assert!(total.modules >= EXACT_MODULES_MIN && total.exceptions > 0, "{} modules ran", total.modules);
}

/// The same comparison must be able to fail: faults seeded into the rewriter are noticed on generated modules.
#[test]
fn seeded_faults_are_noticed() {
    let engine = engine::fidelity(STACK_BYTES);
    let excused = |mutant: &Mutant| UNSHOWN.iter().any(|(unshown, _)| unshown == mutant);
    let shown: Vec<Mutant> = Mutant::ALL.into_iter().filter(|mutant| !excused(mutant)).collect();
    let noticed = parallel::map(&shown, |&mutant| {
        let subjects = [Subject::calls(), Subject::counts()].map(|subject| subject.with_mutant(mutant));
        (0..MUTANT_SEEDS).find(|&seed| {
            let mut tally = Tally::default();
            // A debug build validates what it writes, and panics: that is notice enough.
            let ran = AssertUnwindSafe(|| run(&engine, seed, &subjects, &trial(), &mut tally));
            catch_unwind(ran).is_err() || !tally.differences.is_empty()
        })
    });
    let missed: Vec<_> = shown.iter().zip(&noticed).filter(|(_, seed)| seed.is_none()).map(|(it, _)| it).collect();
    println!("F2: {} of {} seeded faults noticed", shown.len() - missed.len(), Mutant::ALL.len());
    assert!(missed.is_empty(), "faults that generated modules do not show: {missed:?}");
}

/// How every module is run.
fn trial() -> Trial {
    Trial {
        fuel: FUEL,
        instances_max: INSTANCES_MAX,
        memory_bytes_max: MEMORY_BYTES_MAX,
        stubs: Stubs { calls_max: 2_000, fail_every: 23, reenter_every: 11 },
        ..Trial::exports(1)
    }
}

fn run(engine: &Engine, seed: u64, subjects: &[Subject], trial: &Trial, tally: &mut Tally) {
    let Some(module) = smith::module(seed) else { return };
    let side = |subject: &Subject| {
        let prepared = subject.prepare(&module).map_err(|error| format!("the rewriter refuses it: {error}"))?;
        Side::compile(engine, &module, &prepared).map_err(|error| format!("{error:#}"))
    };
    let place = |subject: &Subject, words: String| format!("seed {seed} [{}]: {words}", subject.name);
    let Ok(original) = side(&Subject::original()) else {
        tally.unprovidable += 1;
        return;
    };
    let mut sides = Vec::new();
    for subject in subjects {
        match side(subject) {
            Ok(side) => sides.push(side),
            Err(error) => return tally.differences.push(place(subject, error)),
        }
    }
    let Ok(verdict) = verify(engine, &original, &sides, trial) else {
        tally.unprovidable += 1;
        return;
    };
    for (subject, differences) in subjects.iter().zip(&verdict.differences) {
        tally.differences.extend(differences.iter().map(|difference| place(subject, difference.to_string())));
    }
    tally.modules += 1;
    tally.events += verdict.after.iter().map(|after| after.events).sum::<u64>();
    for call in &verdict.before.calls {
        tally.calls += 1;
        tally.host_calls += call.log.calls();
        tally.limited += u64::from(call.outcome.met_a_limit());
        tally.traps += u64::from(matches!(call.outcome, Outcome::Trapped(_)));
        tally.exceptions += u64::from(matches!(call.outcome, Outcome::Threw(_)));
    }
}

fn sum(mut total: Tally, part: Tally) -> Tally {
    total.modules += part.modules;
    total.unprovidable += part.unprovidable;
    total.calls += part.calls;
    total.limited += part.limited;
    total.traps += part.traps;
    total.exceptions += part.exceptions;
    total.host_calls += part.host_calls;
    total.events += part.events;
    total.differences.extend(part.differences);
    total
}
