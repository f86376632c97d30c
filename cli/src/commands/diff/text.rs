//! The changes, for people.

use super::functions::{Fate, FunctionChange};
use super::lists::Change;
use super::{Build, Changes};
use crate::facts;
use crate::table::{HEADING, Table, section, styled};
use crate::text::{bytes, bytes_signed, count, escape};

impl Changes {
    pub(super) fn to_text(&self, rows_max: usize) -> String {
        let [before, after] = [&self.before, &self.after];
        let (old, new) = (before.info.bytes as u64, after.info.bytes as u64);
        let growth = (new as f64 / old as f64 - 1.0) * 100.0;
        let build = match before.info.build == after.info.build {
            true => "the same bytes".to_owned(),
            false => format!("{} before, {} after", before.info.build, after.info.build),
        };
        let mut text = format!(
            "{} {} {}\n",
            styled(HEADING, escape(&before.input.name)),
            styled(HEADING, "->"),
            styled(HEADING, escape(&after.input.name))
        );
        text += &facts::lines(&[
            ("size", format!("{} before, {} after ({growth:+.1}%)", bytes(old), bytes(new))),
            ("build", build),
            ("made by", inline(&self.producers)),
            ("functions", self.counts()),
            ("imports", counts_of(&self.imports)),
            ("exports", counts_of(&self.exports)),
            ("memories", inline(&self.memories)),
            ("allocators", inline(&self.allocators)),
            ("names", format!("{} before, {} after", named(before), named(after))),
        ]);
        text += &self.sections(rows_max);
        text += &items(&self.imports, "import", rows_max);
        text += &items(&self.exports, "export", rows_max);
        text += &self.functions(rows_max);
        text
    }

    fn counts(&self) -> String {
        let all = |build: &Build| count(build.info.functions.len() as u64 - u64::from(build.info.imported_functions));
        let number = |fate| self.functions.iter().filter(|change| change.fate == fate).count() as u64;
        let fates = Fate::ALL.into_iter().filter(|&fate| number(fate) > 0);
        let fates: Vec<String> = fates.map(|fate| format!("{} {}", count(number(fate)), fate.name())).collect();
        let fates = if fates.is_empty() { "no change".to_owned() } else { fates.join(", ") };
        format!("{} before, {} after: {fates}", all(&self.before), all(&self.after))
    }

    fn sections(&self, rows_max: usize) -> String {
        let mut table = Table::new(&["BEFORE", "AFTER", "GROWTH", "SECTION"]);
        let size = |size: Option<u64>| size.map_or("-".to_owned(), bytes);
        for change in self.sections.iter().take(rows_max) {
            let [old, new] = [change.before, change.after].map(|size| size.unwrap_or(0).cast_signed());
            table.row([size(change.before), size(change.after), signed(new - old), escape(&change.name).into_owned()]);
        }
        section(table, self.sections.len(), "section")
    }

    fn functions(&self, rows_max: usize) -> String {
        let mut table = Table::new(&["CHANGE", "BEFORE", "AFTER", "GROWTH", "FUNCTION"]);
        let size = |side: Option<(u32, u64)>| side.map_or("-".to_owned(), |(_, bytes)| count(bytes));
        for change in self.functions.iter().take(rows_max) {
            table.row([
                change.fate.name().to_owned(),
                size(change.before),
                size(change.after),
                format!("{:+}", change.growth()),
                self.function_name(change),
            ]);
        }
        section(table, self.functions.len(), "function")
    }

    fn function_name(&self, change: &FunctionChange) -> String {
        let name = |build: &Build, side: Option<(u32, u64)>| {
            side.map(|(index, _)| escape(&facts::function_name(&build.info, index)).into_owned())
        };
        match (name(&self.before, change.before), name(&self.after, change.after)) {
            (Some(old), Some(new)) if change.fate == Fate::Renamed => format!("{old} -> {new}"),
            (old, new) => new.or(old).unwrap_or_default(),
        }
    }
}

/// Bytes with a sign, a plus too.
fn signed(growth: i64) -> String {
    format!("{}{}", if growth > 0 { "+" } else { "" }, bytes_signed(growth))
}

fn named(build: &Build) -> String {
    let named = build.info.functions.iter().filter(|function| !function.name.is_empty()).count();
    let section = if build.info.has_names { "name section" } else { "no name section" };
    format!("{} ({section})", count(named as u64))
}

fn counts_of(changes: &[Change<String>]) -> String {
    let number = |what: &str| changes.iter().filter(|change| change.what() == what).count() as u64;
    let parts = ["added", "gone", "changed"].into_iter().filter(|what| number(what) > 0);
    let parts: Vec<String> = parts.map(|what| format!("{} {what}", count(number(what)))).collect();
    if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
}

/// Changes in one line: `+ new`, `- gone`, `name: was -> is`.
fn inline(changes: &[Change<String>]) -> String {
    let words = |name: &str, value: &str| if value.is_empty() { name.to_owned() } else { format!("{name} {value}") };
    let parts = changes.iter().map(|change| match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}: {before} -> {after}", change.name),
        (None, Some(after)) => format!("+ {}", words(&change.name, after)),
        (Some(before), None) => format!("- {}", words(&change.name, before)),
        (None, None) => String::new(),
    });
    let parts: Vec<String> = parts.map(|part| escape(&part).into_owned()).collect();
    if parts.is_empty() { "no change".to_owned() } else { parts.join("; ") }
}

fn items(changes: &[Change<String>], noun: &str, rows_max: usize) -> String {
    let heading = noun.to_uppercase();
    let mut table = Table::new(&["CHANGE", "BEFORE", "AFTER", &heading]).left(4);
    let cell = |ty: &Option<String>| ty.clone().unwrap_or("-".to_owned());
    for change in changes.iter().take(rows_max) {
        let name = escape(&change.name).into_owned();
        table.row([change.what().to_owned(), cell(&change.before), cell(&change.after), name]);
    }
    section(table, changes.len(), noun)
}
