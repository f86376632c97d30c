//! The same module before and after, with imports that log and answer from a script: all that a host can see must be equal.

mod imports;
mod observe;

pub use observe::observe;

use crate::host::Outcome;

/// Fuel of one export call of the original: what needs more is not compared beyond.
pub const FUEL_ORIGINAL: u64 = 20_000;
/// Fuel of one export call of an instrumented module. Each function entry, exit and import call adds a few dozen
/// instructions, so that this can never be what ends a run that the original finished.
pub const FUEL_INSTRUMENTED: u64 = FUEL_ORIGINAL * 100;

/// All that a host can see of a run.
#[derive(Debug, Default)]
pub struct Observation {
    /// Each call in order: instantiation under an empty name, and exported functions.
    pub calls: Vec<Call>,
    /// Rules of the ABI that hook calls broke.
    pub faults: Vec<String>,
    /// Hook calls.
    pub events: u64,
    /// Calls of defined functions, from the counters of each instance.
    pub counters: Vec<Vec<u64>>,
}

/// A call from the host, and all that a host sees after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The export; empty for instantiation.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Calls of imports that it made, in order, with arguments.
    pub log: Vec<String>,
    /// Hash of the exported memories, globals and tables after it.
    pub state: u64,
}

impl Call {
    /// Stands in for a call that is not made.
    fn skipped(name: &str) -> Call {
        Call { name: name.to_owned(), outcome: Outcome::Returned(vec![]), log: vec![], state: 0 }
    }
}

impl Observation {
    /// For each call, whether it met a limit.
    pub fn limited(&self) -> Vec<bool> {
        self.calls.iter().map(|call| call.outcome.met_a_limit()).collect()
    }

    fn failed(mut self, reason: String) -> Observation {
        self.calls.push(Call { name: String::new(), outcome: Outcome::Failed(reason), log: vec![], state: 0 });
        self
    }
}

/// What a host sees differently, in words. Calls in which the original met a limit are not compared.
pub fn differences(before: &Observation, after: &Observation) -> Vec<String> {
    let mut differences = after.faults.clone();
    if before.calls.len() != after.calls.len() {
        differences.push(format!("{} calls before, {} after", before.calls.len(), after.calls.len()));
    }
    for (before, after) in before.calls.iter().zip(&after.calls) {
        if !before.outcome.met_a_limit() && before != after {
            differences.push(format!("before {before:?}\nafter  {after:?}"));
        }
    }
    differences
}
