//! Which functions are new, gone, larger, smaller, different or renamed.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::{Build, shape};

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Added,
    Gone,
    Grown,
    Shrunk,
    /// Other instructions of the same length.
    Changed,
    /// The same instructions under another name.
    Renamed,
}

/// A function that is not what it was.
#[derive(Debug)]
pub struct FunctionChange {
    pub fate: Fate,
    /// Index and bytes before; none when it is new.
    pub before: Option<(u32, u64)>,
    /// Index and bytes after; none when it is gone.
    pub after: Option<(u32, u64)>,
}

impl Fate {
    pub const ALL: [Fate; 6] = [Fate::Added, Fate::Gone, Fate::Grown, Fate::Shrunk, Fate::Changed, Fate::Renamed];

    pub fn name(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Gone => "gone",
            Fate::Grown => "grown",
            Fate::Shrunk => "shrunk",
            Fate::Changed => "changed",
            Fate::Renamed => "renamed",
        }
    }
}

impl FunctionChange {
    /// Bytes more, or fewer.
    pub fn growth(&self) -> i64 {
        let bytes = |side: Option<(u32, u64)>| side.map_or(0, |(_, bytes)| bytes.cast_signed());
        bytes(self.after) - bytes(self.before)
    }
}

/// The changes, the largest first. Functions are matched by name; what no name matches, by the shape of the body.
pub fn changes(before: &Build, after: &Build) -> Vec<FunctionChange> {
    let mut changes = Vec::new();
    let (named, rest_before, rest_after) = pair(before.bodies(), after.bodies(), |build, index| {
        Some(build.info.function_name(index)).filter(|name| !name.is_empty())
    });
    for (was, is) in named {
        let (old, new) = (before.body(was), after.body(is));
        let fate = match new.len().cmp(&old.len()) {
            _ if old == new || shape::of(old) == shape::of(new) => continue,
            std::cmp::Ordering::Greater => Fate::Grown,
            std::cmp::Ordering::Less => Fate::Shrunk,
            std::cmp::Ordering::Equal => Fate::Changed,
        };
        changes.push(FunctionChange { fate, before: before.sized(was), after: after.sized(is) });
    }
    let shaped = |build: &Build, index| Some(shape::of(build.body(index)));
    let (moved, gone, added) = pair((before, rest_before), (after, rest_after), shaped);
    for (was, is) in moved {
        // Functions without a name have nothing that could change but their index.
        if before.info.function_name(was) != after.info.function_name(is) {
            changes.push(FunctionChange { fate: Fate::Renamed, before: before.sized(was), after: after.sized(is) });
        }
    }
    changes.extend(gone.into_iter().map(|was| FunctionChange {
        fate: Fate::Gone,
        before: before.sized(was),
        after: None,
    }));
    changes.extend(added.into_iter().map(|is| FunctionChange {
        fate: Fate::Added,
        before: None,
        after: after.sized(is),
    }));
    changes.sort_by_key(|change| (std::cmp::Reverse(change.growth().unsigned_abs()), change.fate));
    changes
}

/// Functions of a build, by index.
type Indexed<'a> = (&'a Build, Vec<u32>);

/// Pairs what has the same key, in order; then what is left on either side.
fn pair<K: Eq + Hash>(
    (before, old): Indexed<'_>,
    (after, new): Indexed<'_>,
    key: impl Fn(&Build, u32) -> Option<K>,
) -> (Vec<(u32, u32)>, Vec<u32>, Vec<u32>) {
    let mut waiting: HashMap<K, VecDeque<u32>> = HashMap::new();
    let mut left_after = Vec::new();
    for index in new {
        match key(after, index) {
            Some(key) => waiting.entry(key).or_default().push_back(index),
            None => left_after.push(index),
        }
    }
    let (mut pairs, mut left_before) = (Vec::new(), Vec::new());
    for index in old {
        match key(before, index).and_then(|key| waiting.get_mut(&key)?.pop_front()) {
            Some(partner) => pairs.push((index, partner)),
            None => left_before.push(index),
        }
    }
    left_after.extend(waiting.into_values().flatten());
    left_after.sort_unstable();
    (pairs, left_before, left_after)
}

impl Build {
    /// Functions that have a body.
    fn bodies(&self) -> Indexed<'_> {
        (self, (self.info.imported_functions..self.info.functions.len() as u32).collect())
    }

    fn body(&self, index: u32) -> &[u8] {
        let body = self.info.functions[index as usize].body.as_ref();
        body.and_then(|body| self.input.bytes.get(body.range.clone())).unwrap_or_default()
    }

    fn sized(&self, index: u32) -> Option<(u32, u64)> {
        Some((index, self.body(index).len() as u64))
    }
}
