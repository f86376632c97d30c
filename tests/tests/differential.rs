//! Bar F2: modules that wasm-smith makes do the same before and after, in every mode.
//!
//! `WASPECT_SMITH_MODULES` says how many modules (5,000 by default), `WASPECT_SMITH_SEED` where to begin; a divergence prints
//! its seed. The default takes two minutes of CPU, so one on two quiet cores.

use std::env;

use waspect_tests::differential::{FUEL_INSTRUMENTED, FUEL_ORIGINAL, Observation, differences, observe};
use waspect_tests::host::Outcome;
use waspect_tests::subject::Subject;
use waspect_tests::{engine, parallel, smith};

/// Modules in a run of the tests.
const MODULES: u64 = 5_000;
/// Seeds that one job works through.
const BATCH: u64 = 50;
/// Stack for the guest: enough for any recursion that the original's fuel allows, so that no limit but fuel is met.
const STACK_BYTES: usize = 4 << 20;

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
    let batches: Vec<u64> = (first..first + modules).step_by(BATCH as usize).collect();
    let tallies = parallel::map(&batches, |&batch| {
        let mut tally = Tally::default();
        for seed in batch..(batch + BATCH).min(first + modules) {
            run(&engine, seed, &subjects, &mut tally);
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

fn run(engine: &wasmtime::Engine, seed: u64, subjects: &[Subject; 3], tally: &mut Tally) {
    let Some(module) = smith::module(seed) else { return };
    let Some(before) = observe(engine, &module, &Subject::original(), FUEL_ORIGINAL, &[]) else {
        tally.unprovidable += 1;
        return;
    };
    let skip = before.limited();
    let place = |subject: &Subject, words: String| format!("seed {seed} [{}]: {words}", subject.name);
    let after: Vec<Option<Observation>> =
        subjects.iter().map(|subject| observe(engine, &module, subject, FUEL_INSTRUMENTED, &skip)).collect();
    for (subject, after) in subjects.iter().zip(&after) {
        match after {
            Some(after) => {
                tally.events += after.events;
                tally.differences.extend(differences(&before, after).into_iter().map(|words| place(subject, words)));
            }
            None => tally.differences.push(place(subject, "its imports cannot be provided any more".into())),
        }
    }
    if let [Some(calls), Some(counts), Some(ring)] = &after[..]
        && (calls.counters != counts.counters || calls.counters != ring.counters)
    {
        tally.differences.push(format!("seed {seed}: counters differ between the modes"));
    }
    tally.modules += 1;
    tally.calls += before.calls.len() as u64;
    tally.limited += skip.iter().filter(|&&limited| limited).count() as u64;
    tally.host_calls += before.calls.iter().map(|call| call.log.len() as u64).sum::<u64>();
    for call in &before.calls {
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
