//! What was compared, for people.

use waspect_verify::trial::Drive;
use waspect_verify::{Difference, Observation};

use super::{Verified, name_of};
use crate::facts;
use crate::table::{BAD, DIM, HEADING, styled};
use crate::text::{count, counted, escape};

impl Verified {
    pub(super) fn to_text(&self, rows_max: usize) -> String {
        let before = &self.verdict.before;
        let mut lines = vec![
            ("driven by", self.drive()),
            ("original", format!("{}; {}", self.calls(), counted(self.host_calls(), "host call"))),
            ("state", self.state()),
        ];
        let modes: Vec<String> = self.modes.iter().map(|&mode| format!("mode {}", name_of(mode))).collect();
        let runs = self.verdict.after.iter().zip(&self.verdict.differences);
        lines.extend(
            modes.iter().zip(runs).map(|(mode, (after, differences))| (mode.as_str(), result(after, differences))),
        );
        lines.extend((self.limited() > 0).then(|| {
            let calls = counted(self.limited() as u64, "call");
            ("not compared", format!("{calls} in which the original met its limit: --fuel and --stack give more"))
        }));
        lines.extend((before.unread > 0).then(|| {
            let calls = counted(before.unread, "call");
            (
                "not read",
                format!("memories after {calls}: more had been read before than is allowed; try fewer --rounds"),
            )
        }));
        let mut text = format!("{}\n{}", styled(HEADING, escape(&self.module)), facts::lines(&lines));
        for (mode, differences) in modes.iter().zip(&self.verdict.differences) {
            for difference in differences.iter().take(rows_max) {
                text +=
                    &format!("\n{} {}\n", styled(BAD, format_args!("different in {mode}:")), escape(&difference.place));
                text += &format!("  before: {}\n  after:  {}\n", escape(&difference.before), escape(&difference.after));
            }
            let rest = differences.len().saturating_sub(rows_max);
            if rest > 0 {
                let rest = counted(rest as u64, "difference");
                text += &styled(DIM, format_args!("and {rest} more in {mode}; all with --top 0"));
                text += "\n";
            }
        }
        text + &self.remedy()
    }

    fn drive(&self) -> String {
        match &self.trial.drive {
            Drive::Command => format!("`_start`, {}", arguments(&self.trial.world.arguments[1..])),
            Drive::Invoke { function, arguments: values } => {
                let values: Vec<String> = values.iter().map(crate::guest::values::show).collect();
                escape(&format!("`{function}`, {}", arguments(&values))).into_owned()
            }
            Drive::Exports { rounds } => {
                let calls = counted((*rounds).into(), "call");
                format!("generated arguments: {calls} of each exported function, seed {}", self.trial.seed)
            }
        }
    }

    fn calls(&self) -> String {
        let all = counted(self.verdict.before.calls.len() as u64, "call");
        let endings = self.endings().into_iter().filter(|(_, number)| *number > 0);
        let words = |ending| if ending == "limited" { "met a limit" } else { ending };
        let endings: Vec<String> =
            endings.map(|(ending, number)| format!("{} {}", count(number as u64), words(ending))).collect();
        format!("{all} with the instantiation: {}", endings.join(", "))
    }

    fn state(&self) -> String {
        let kinds = ["memory", "global", "table"].map(|kind| {
            let number = self.observed.iter().filter(|(_, one)| *one == kind).count();
            match (kind, number) {
                ("memory", number) if number != 1 => format!("{} memories", count(number as u64)),
                _ => counted(number as u64, kind),
            }
        });
        format!("{}, compared after each call", kinds.join(", "))
    }

    /// What to do about what differs.
    fn remedy(&self) -> String {
        let differences: Vec<&Difference> = self.verdict.differences.iter().flatten().collect();
        let remedy = match differences.first() {
            None => return String::new(),
            Some(_) if differences.iter().all(|difference| difference.stack) => {
                "instrumented functions take more stack: give the guest more in its host, and here with --stack, or leave the deepest \
                 recursion out with --exclude"
            }
            Some(_) => {
                "this is an error of waspect: please report it with the module; until then leave the function out that differs, with \
                 --exclude, or take another --mode"
            }
        };
        format!("\n{} {remedy}\n", styled(HEADING, "what to do:"))
    }
}

fn result(after: &Observation, differences: &[Difference]) -> String {
    let hooks = match after.events {
        0 => "no hook call".to_owned(),
        events => counted(events, "hook call"),
    };
    match differences.len() {
        0 => format!("same; {hooks}"),
        number => format!("{}; {hooks}", styled(BAD, counted(number as u64, "difference"))),
    }
}

fn arguments(arguments: &[String]) -> String {
    match arguments.is_empty() {
        true => "no arguments".to_owned(),
        false => escape(&format!("arguments {}", arguments.join(" "))).into_owned(),
    }
}
