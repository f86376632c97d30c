//! Lists of named things, before and after. Knows nothing of modules but the names of their sections.

use std::collections::{BTreeMap, HashMap};

use waspect_instrumenter::info::Section;

/// Something that is new, gone, or different.
#[derive(Debug, PartialEq, Eq)]
pub struct Change<T> {
    /// What it is called, raw.
    pub name: String,
    /// What it was; none when it is new.
    pub before: Option<T>,
    /// What it is; none when it is gone.
    pub after: Option<T>,
}

impl<T> Change<T> {
    /// `added`, `gone` or `changed`.
    pub fn what(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (_, None) => "gone",
            _ => "changed",
        }
    }
}

/// What is not the same in both: first what was there before, in its order, then what is new. Several things of one name are told
/// apart by their place among them.
pub fn changes<T: PartialEq>(before: Vec<(String, T)>, after: Vec<(String, T)>) -> Vec<Change<T>> {
    let mut after: BTreeMap<usize, ((String, usize), T)> = numbered(after).into_iter().enumerate().collect();
    let places: HashMap<(String, usize), usize> = after.iter().map(|(at, (key, _))| (key.clone(), *at)).collect();
    let mut changes = Vec::new();
    for (key, value) in numbered(before) {
        let now = places.get(&key).and_then(|at| after.remove(at)).map(|(_, value)| value);
        if now.as_ref() != Some(&value) {
            changes.push(Change { name: key.0, before: Some(value), after: now });
        }
    }
    changes.extend(after.into_values().map(|((name, _), value)| Change { name, before: None, after: Some(value) }));
    changes
}

fn numbered<T>(list: Vec<(String, T)>) -> Vec<((String, usize), T)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let number = |(name, value): (String, T)| {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        ((name, *count), value)
    };
    list.into_iter().map(number).collect()
}

/// `code`, or `custom "name"`.
pub fn section_name(section: &Section) -> String {
    const NAMES: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    match (section.id, NAMES.get(usize::from(section.id))) {
        (0, _) => format!("custom {}", section.name),
        (_, Some(name)) => (*name).to_owned(),
        (id, None) => format!("section {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let list = |pairs: &[(&str, i32)]| pairs.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        let found =
            changes(list(&[("a", 1), ("b", 2), ("c", 3), ("c", 4)]), list(&[("d", 5), ("c", 3), ("a", 1), ("b", 9)]));
        let shown: Vec<_> = found.iter().map(|it| (it.what(), it.name.as_str(), it.before, it.after)).collect();
        assert_eq!(
            shown,
            [("changed", "b", Some(2), Some(9)), ("gone", "c", Some(4), None), ("added", "d", None, Some(5))]
        );
    }
}
