//! Modules of whatever toolchain, as packages ship them: instrumented in every mode, valid without a new proposal, and the same for a host
//! that calls them.
//!
//! `WASPECT_SURVEY=all` takes every package of `tests/survey` (213 packages, some gigabytes), else a sample is taken.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};

use waspect_instrumenter::features_added;
use waspect_tests::beside::beside;
use waspect_tests::subject::Subject;
use waspect_tests::{assets, engine, features, parallel};
use waspect_verify::trial::Trial;

/// Packages, one a line, and what pins them.
const SAMPLE: &str = include_str!("../survey/sample.txt");
const MORE: &str = include_str!("../survey/more.txt");

/// Longest module that is run: compiling one six times takes long.
const RUN_BYTES_MAX: usize = 500_000;

/// Stack of what is run, before and after, in bytes.
const STACK_BYTES: usize = 2 << 20;

/// Fuel of one call, and bytes of memory that are read back in one run: generated arguments make for endless loops.
const FUEL: u64 = 1_000_000;
const READ_BYTES_MAX: u64 = 256 << 20;

/// What became of a module.
enum Seen {
    /// It was run beside the original: so many calls.
    Ran(usize),
    /// It was instrumented, and is valid.
    Instrumented,
    /// It is no core module, or not valid in the first place.
    NoModule,
}

#[test]
fn whatever_packages_hold_is_instrumented_and_does_the_same() {
    let packages = SAMPLE.lines().chain(std::env::var_os("WASPECT_SURVEY").into_iter().flat_map(|_| MORE.lines()));
    let packages = packages.filter_map(|line| line.split_once(' ')).map(|(package, _)| package);
    let mut modules: Vec<(String, Vec<u8>)> = packages
        .flat_map(|package| assets::survey(package).into_iter().map(move |path| (package, path)))
        .map(|(package, path)| {
            let file = path.file_name().unwrap_or_default().display();
            (format!("{package} {file}"), fs::read(&path).expect("it can be read"))
        })
        .collect();
    let mut known = HashSet::new();
    modules.retain(|(_, module)| known.insert(hash(module)));
    // The largest first: none of them is left for one thread alone at the end.
    modules.sort_by_key(|(_, module)| Reverse(module.len()));
    let bytes: usize = modules.iter().map(|(_, module)| module.len()).sum();

    let seen = parallel::map(&modules, |(name, module)| check(name, module));
    let count = |is: fn(&Seen) -> bool| seen.iter().filter(|seen| is(seen)).count();
    let ran = count(|seen| matches!(seen, Seen::Ran(_)));
    let instrumented = ran + count(|seen| matches!(seen, Seen::Instrumented));
    let calls: usize = seen.iter().map(|seen| if let Seen::Ran(calls) = seen { *calls } else { 0 }).sum();
    println!(
        "{instrumented} modules of {bytes} bytes, instrumented in {} ways and valid; {ran} of them run beside the original, \
         {calls} calls, 0 differences",
        Subject::in_every_mode().len()
    );
    assert!(instrumented >= 15 && ran >= 8, "the survey is empty");
}

fn check(name: &str, module: &[u8]) -> Seen {
    let Some(needed) = features::minimal(module) else {
        println!("{name}: no core module, or not valid");
        return Seen::NoModule;
    };
    let mut outputs: Vec<(Subject, Vec<u8>)> = Vec::new();
    for subject in Subject::in_every_mode() {
        let output = subject.prepare(module).unwrap_or_else(|error| panic!("{name}, {}: {error}", subject.name));
        let options = subject.options.as_ref().expect("a mode has options");
        let needed = needed | features_added(options.mode, options.exact_unwind);
        assert!(features::validates(&output, needed), "{name}, {}: needs more than {needed:?}", subject.name);
        // Without `try_table`, unwinding exactly changes nothing.
        if module.len() <= RUN_BYTES_MAX && outputs.iter().all(|(_, other)| *other != output) {
            outputs.push((subject, output));
        }
    }
    if outputs.is_empty() {
        return Seen::Instrumented;
    }
    let trial = Trial { fuel: FUEL, read_bytes_max: READ_BYTES_MAX, ..Trial::exports(1) };
    match beside(&engine::fidelity(STACK_BYTES), name, module, &outputs, &trial) {
        Some(verdict) => Seen::Ran(verdict.before.calls.len()),
        None => Seen::Instrumented,
    }
}

fn hash(module: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    module.hash(&mut hasher);
    hasher.finish()
}
