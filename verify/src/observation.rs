//! What one run showed, and where two of them differ.

use std::fmt;

use crate::host::Outcome;
use crate::log::HostLog;

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
    /// What the guest printed: standard output, standard error.
    pub printed: [Vec<u8>; 2],
    /// Calls after which some memory was not read back, because so much had been read before.
    pub unread: u64,
}

/// A call from the host, and all that a host sees after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The export; empty for instantiation.
    pub name: String,
    /// Its arguments in words.
    pub arguments: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Calls of imports that it made, in order, with arguments, results and the guest's memory at that time.
    pub log: HostLog,
    /// Memories, globals and tables after it, in words; empty after a limit.
    pub state: Vec<String>,
}

/// Something that a host sees differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which call, by name and arguments; or the whole run.
    pub place: String,
    /// What the original did.
    pub before: String,
    /// What the instrumented module did.
    pub after: String,
    /// True where the instrumented module met a limit that the original did not: its stack is too small, not its code wrong.
    pub stack: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: before: {}; after: {}", self.place, self.before, self.after)
    }
}

impl Call {
    /// Stands in for a call that is not made.
    pub(crate) fn skipped(name: &str) -> Call {
        Call {
            name: name.to_owned(),
            arguments: vec![],
            outcome: Outcome::Returned(vec![]),
            log: HostLog::default(),
            state: vec![],
        }
    }

    /// `name(arguments)`.
    pub fn place(&self) -> String {
        match self.name.as_str() {
            "" => "instantiation".to_owned(),
            name => format!("`{name}`({})", self.arguments.join(", ")),
        }
    }
}

impl Observation {
    /// For each call, whether it met a limit.
    pub fn limited(&self) -> Vec<bool> {
        self.calls.iter().map(|call| call.outcome.met_a_limit()).collect()
    }
}

/// What a host sees differently. Calls in which the original met a limit are not compared.
pub fn differences(before: &Observation, after: &Observation) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |place: &str, before: String, after: String, stack| {
        differences.push(Difference { place: place.to_owned(), before, after, stack });
    };
    for fault in &after.faults {
        differ("hook calls", "no rule of the ABI is broken".to_owned(), fault.clone(), false);
    }
    let calls = |seen: &Observation| format!("{} calls", seen.calls.len());
    if before.calls.len() != after.calls.len() {
        differ("the run", calls(before), calls(after), false);
    }
    for (before, after) in before.calls.iter().zip(&after.calls).filter(|(before, _)| !before.outcome.met_a_limit()) {
        let place = before.place();
        if (&before.name, &before.arguments) != (&after.name, &after.arguments) {
            differ(&place, place.clone(), after.place(), false);
        }
        if let Some((before, after)) = before.log.difference(&after.log) {
            differ(&place, before, after, false);
        }
        if before.outcome != after.outcome {
            differ(&place, before.outcome.to_string(), after.outcome.to_string(), after.outcome.met_a_limit());
        } else if before.state != after.state {
            let parted = before.state.iter().zip(&after.state).find(|(before, after)| before != after);
            let items = |state: &[String]| format!("{} memories, globals and tables", state.len());
            let (before, after) = match parted {
                Some((before, after)) => (before.clone(), after.clone()),
                None => (items(&before.state), items(&after.state)),
            };
            differ(&place, before, after, false);
        }
    }
    if !before.limited().contains(&true) {
        let streams = ["standard output", "standard error"].iter().zip(before.printed.iter().zip(&after.printed));
        for (stream, (before, after)) in streams.filter(|(_, (before, after))| before != after) {
            let at = before.iter().zip(after).take_while(|(before, after)| before == after).count();
            let words = |bytes: &[u8]| format!("{} bytes, from byte {at}: {}", bytes.len(), excerpt(&bytes[at..]));
            differ(stream, words(before), words(after), false);
        }
    }
    differences
}

fn excerpt(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]))
}

#[cfg(test)]
mod tests {
    use wasmtime::Trap;

    use super::*;

    fn returned(value: &str) -> Outcome {
        Outcome::Returned(vec![value.to_owned()])
    }

    fn run(outcome: Outcome, state: &str) -> Observation {
        let call = Call { outcome, state: vec![state.to_owned()], ..Call::skipped("run") };
        Observation { calls: vec![call], ..Observation::default() }
    }

    #[test]
    fn each_kind_of_difference_has_its_place() {
        let before = run(returned("i32 0x1"), "memory: a");
        assert_eq!(differences(&before, &run(returned("i32 0x1"), "memory: a")), []);
        let shown = |after: &Observation| differences(&before, after)[0].to_string();
        assert_eq!(
            shown(&run(returned("i32 0x2"), "memory: a")),
            "`run`(): before: returned i32 0x1; after: returned i32 0x2"
        );
        assert_eq!(shown(&run(returned("i32 0x1"), "memory: b")), "`run`(): before: memory: a; after: memory: b");
        let overflow = run(Outcome::Trapped(Trap::StackOverflow), "");
        assert!(differences(&before, &overflow)[0].stack);
        let mut printed = run(returned("i32 0x1"), "memory: a");
        printed.printed[0] = b"hello".to_vec();
        assert!(shown(&printed).starts_with("standard output: before: 0 bytes"));
        printed.faults.push("`exit` with token 0 (T1)".into());
        assert!(shown(&printed).starts_with("hook calls"));
    }

    #[test]
    fn what_met_a_limit_before_is_not_compared() {
        let before = run(Outcome::Trapped(Trap::OutOfFuel), "");
        assert_eq!(differences(&before, &run(returned("i32 0x1"), "memory: a")), []);
    }
}
