//! Profiles added up: samples of one stack are one, whatever numbers their profiles gave to texts, functions and places.
//!
//! Values are added by type and unit, so profiles that measure different things stand side by side. Live bytes are told as their
//! change (see `docs/collector.md`), and add up as all else.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use thiserror::Error;
use waspect_abi::pprof::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};

use crate::query::Budget;

/// Types of values in one answer.
const KINDS_MAX: usize = 32;

/// Memory of an entry of a table, beside its bytes.
const ENTRY_BYTES: usize = 96;

/// Why a profile was not added, or not all of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotMerged {
    /// It is broken.
    #[error("{0}")]
    Broken(String),
    /// There is no memory or time for more.
    #[error("the budget is spent")]
    Spent,
}

/// The sum of some profiles.
#[derive(Default)]
pub struct Merged {
    kinds: Vec<ValueType>,
    default_kind: String,
    strings: Strings,
    functions: Table<Function>,
    mappings: Table<Mapping>,
    locations: Table<Location>,
    samples: BTreeMap<(Vec<u64>, Vec<Label>), Vec<i64>>,
}

impl Merged {
    /// Adds a profile. After an error, some of it may be added.
    pub fn add(&mut self, profile: &Profile, budget: &mut Budget) -> Result<(), NotMerged> {
        if profile.string_table.first().is_some_and(|first| !first.is_empty()) {
            return Err(broken("the first text is not empty"));
        }
        let texts: Vec<i64> =
            profile.string_table.iter().map(|text| self.strings.place(text, budget)).collect::<Result<_, _>>()?;
        let text = |place: i64| match usize::try_from(place).ok().and_then(|place| texts.get(place)) {
            Some(place) => Ok(*place),
            None if place == 0 => Ok(0),
            None => Err(broken(format!("it names text {place} of {}", texts.len()))),
        };
        let kinds = self.kinds(&profile.sample_type, text)?;
        if self.default_kind.is_empty() {
            let place = text(profile.default_sample_type)?;
            self.default_kind = self.strings.at(place).to_owned();
        }
        let functions = self.functions(&profile.function, text, budget)?;
        let mappings = self.mappings(&profile.mapping, text, budget)?;
        let locations = self.locations(&profile.location, &functions, &mappings, budget)?;
        for sample in &profile.sample {
            self.sample(sample, &kinds, &locations, text, budget)?;
        }
        Ok(())
    }

    /// The sum, of that interval in us since 1970, with these remarks.
    pub fn finish(mut self, start_us: u64, end_us: u64, remarks: &[&str]) -> Profile {
        let free = &mut Budget::new();
        let remarks = remarks.iter().filter_map(|remark| self.strings.place(remark, free).ok()).collect();
        let default_sample_type = self.strings.place(&self.default_kind, free).unwrap_or_default();
        let kinds = self.kinds.len();
        let samples = self.samples.into_iter().map(|((location_id, label), mut value)| {
            value.resize(kinds, 0);
            Sample { location_id, value, label }
        });
        let nanos = |us: u64| i64::try_from(us.saturating_mul(1000)).unwrap_or(i64::MAX);
        Profile {
            sample: samples.filter(|sample| sample.value.iter().any(|value| *value != 0)).collect(),
            sample_type: self.kinds,
            mapping: self.mappings.list,
            location: self.locations.list,
            function: self.functions.list,
            string_table: self.strings.list(),
            time_nanos: nanos(start_us),
            duration_nanos: nanos(end_us.saturating_sub(start_us)),
            comment: remarks,
            default_sample_type,
            ..Profile::default()
        }
    }

    /// The columns of a profile's values.
    fn kinds(
        &mut self,
        given: &[ValueType],
        text: impl Fn(i64) -> Result<i64, NotMerged>,
    ) -> Result<Vec<usize>, NotMerged> {
        let mut columns = Vec::with_capacity(given.len().min(KINDS_MAX));
        for kind in given {
            let kind = ValueType { kind: text(kind.kind)?, unit: text(kind.unit)? };
            let column = self.kinds.iter().position(|known| *known == kind).unwrap_or(self.kinds.len());
            if column >= KINDS_MAX {
                return Err(broken(format!("more than {KINDS_MAX} types of values")));
            }
            if column == self.kinds.len() {
                self.kinds.push(kind);
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn functions(
        &mut self,
        given: &[Function],
        text: impl Fn(i64) -> Result<i64, NotMerged>,
        budget: &mut Budget,
    ) -> Result<HashMap<u64, u64>, NotMerged> {
        let mut places = HashMap::new();
        for function in given {
            let merged = Function {
                id: 0,
                name: text(function.name)?,
                system_name: text(function.system_name)?,
                filename: text(function.filename)?,
                start_line: function.start_line,
            };
            let place = self.functions.place(merged, 0, budget, |function, id| function.id = id)?;
            remember(&mut places, "function", function.id, place)?;
        }
        Ok(places)
    }

    fn mappings(
        &mut self,
        given: &[Mapping],
        text: impl Fn(i64) -> Result<i64, NotMerged>,
        budget: &mut Budget,
    ) -> Result<HashMap<u64, u64>, NotMerged> {
        let mut places = HashMap::new();
        for mapping in given {
            let (filename, build_id) = (text(mapping.filename)?, text(mapping.build_id)?);
            let merged = Mapping { id: 0, filename, build_id, ..*mapping };
            let place = self.mappings.place(merged, 0, budget, |mapping, id| mapping.id = id)?;
            remember(&mut places, "mapping", mapping.id, place)?;
        }
        Ok(places)
    }

    fn locations(
        &mut self,
        given: &[Location],
        functions: &HashMap<u64, u64>,
        mappings: &HashMap<u64, u64>,
        budget: &mut Budget,
    ) -> Result<HashMap<u64, u64>, NotMerged> {
        let mut places = HashMap::new();
        for location in given {
            let lines = location.line.iter().map(|line| {
                // 0: its binary has no names.
                let function_id =
                    if line.function_id == 0 { 0 } else { find(functions, "function", line.function_id)? };
                Ok(Line { function_id, ..*line })
            });
            let line = lines.collect::<Result<Vec<_>, NotMerged>>()?;
            let mapping_id = match location.mapping_id {
                0 => 0,
                id => find(mappings, "mapping", id)?,
            };
            let bytes = line.len() * size_of::<Line>();
            let merged = Location { id: 0, mapping_id, line, ..*location };
            let place = self.locations.place(merged, bytes, budget, |location, id| location.id = id)?;
            remember(&mut places, "location", location.id, place)?;
        }
        Ok(places)
    }

    fn sample(
        &mut self,
        sample: &Sample,
        kinds: &[usize],
        locations: &HashMap<u64, u64>,
        text: impl Fn(i64) -> Result<i64, NotMerged>,
        budget: &mut Budget,
    ) -> Result<(), NotMerged> {
        if sample.value.len() != kinds.len() {
            return Err(broken(format!("a sample has {} values of {} types", sample.value.len(), kinds.len())));
        }
        let stack = sample.location_id.iter().map(|id| find(locations, "location", *id));
        let stack: Vec<u64> = stack.collect::<Result<_, _>>()?;
        let labels = sample.label.iter().map(|label| {
            Ok(Label { key: text(label.key)?, str: text(label.str)?, num_unit: text(label.num_unit)?, ..*label })
        });
        let labels: Vec<Label> = labels.collect::<Result<_, NotMerged>>()?;
        let bytes = stack.len() * 8 + labels.len() * size_of::<Label>() + self.kinds.len() * 8;
        let values = match self.samples.entry((stack, labels)) {
            std::collections::btree_map::Entry::Occupied(values) => values.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                take(budget, bytes)?;
                free.insert(vec![0; self.kinds.len()])
            }
        };
        values.resize(self.kinds.len(), 0);
        for (column, value) in kinds.iter().zip(&sample.value) {
            values[*column] = values[*column].saturating_add(*value);
        }
        Ok(())
    }
}

/// Different things in the order of their coming, numbered from 1 on.
struct Table<T> {
    places: HashMap<T, u64>,
    list: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { places: HashMap::new(), list: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn place(
        &mut self,
        thing: T,
        bytes: usize,
        budget: &mut Budget,
        number: impl Fn(&mut T, u64),
    ) -> Result<u64, NotMerged> {
        match self.places.entry(thing) {
            Entry::Occupied(place) => Ok(*place.get()),
            Entry::Vacant(free) => {
                take(budget, 2 * bytes)?;
                let mut thing = free.key().clone();
                let id = self.list.len() as u64 + 1;
                number(&mut thing, id);
                self.list.push(thing);
                Ok(*free.insert(id))
            }
        }
    }
}

/// Texts by place; the first is empty.
struct Strings {
    places: HashMap<String, i64>,
    list: Vec<String>,
}

impl Default for Strings {
    fn default() -> Strings {
        Strings { places: HashMap::from([(String::new(), 0)]), list: vec![String::new()] }
    }
}

impl Strings {
    fn place(&mut self, text: &str, budget: &mut Budget) -> Result<i64, NotMerged> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        take(budget, 2 * text.len())?;
        let place = self.list.len() as i64;
        self.places.insert(text.to_owned(), place);
        self.list.push(text.to_owned());
        Ok(place)
    }

    fn at(&self, place: i64) -> &str {
        usize::try_from(place).ok().and_then(|place| self.list.get(place)).map_or("", |text| text)
    }

    fn list(self) -> Vec<String> {
        self.list
    }
}

fn take(budget: &mut Budget, bytes: usize) -> Result<(), NotMerged> {
    match budget.take_bytes(bytes + ENTRY_BYTES) {
        true => Ok(()),
        false => Err(NotMerged::Spent),
    }
}

fn remember(places: &mut HashMap<u64, u64>, what: &str, id: u64, place: u64) -> Result<(), NotMerged> {
    match places.insert(id, place) {
        _ if id == 0 => Err(broken(format!("a {what} is number 0"))),
        None => Ok(()),
        Some(_) => Err(broken(format!("{what} {id} is there twice"))),
    }
}

fn find(places: &HashMap<u64, u64>, what: &str, id: u64) -> Result<u64, NotMerged> {
    places.get(&id).copied().ok_or_else(|| broken(format!("{what} {id} is not there")))
}

fn broken(why: impl Into<String>) -> NotMerged {
    NotMerged::Broken(why.into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A profile of calls and live bytes: folded stacks, and a value of each that live bytes lose as often.
    pub fn profile(stacks: &[(&str, i64)]) -> Profile {
        let mut profile = Profile {
            sample_type: vec![ValueType { kind: 1, unit: 2 }, ValueType { kind: 3, unit: 4 }],
            string_table: ["", "calls", "count", "live", "bytes"].map(str::to_owned).to_vec(),
            default_sample_type: 3,
            ..Profile::default()
        };
        for (stack, value) in stacks {
            let mut location_id = Vec::new();
            for name in stack.split(';').rev() {
                let at = profile.string_table.iter().position(|text| text == name).unwrap_or_else(|| {
                    profile.string_table.push(name.to_owned());
                    let (id, name) = (profile.function.len() as u64 + 1, profile.string_table.len() as i64 - 1);
                    profile.function.push(Function { id, name, ..Function::default() });
                    let line = vec![Line { function_id: id, ..Line::default() }];
                    profile.location.push(Location { id, line, ..Location::default() });
                    name as usize
                });
                location_id.push(at as u64 - 4);
            }
            profile.sample.push(Sample { location_id, value: vec![*value, -*value], label: Vec::new() });
        }
        profile
    }

    fn folded(profile: &Profile) -> Vec<String> {
        let name = |id: &u64| {
            let function = profile.location[*id as usize - 1].line[0].function_id;
            &*profile.string_table[profile.function[function as usize - 1].name as usize]
        };
        let stacks = profile.sample.iter().map(|sample| {
            let names: Vec<&str> = sample.location_id.iter().rev().map(name).collect();
            format!("{} {:?}", names.join(";"), sample.value)
        });
        let mut stacks: Vec<String> = stacks.collect();
        stacks.sort();
        stacks
    }

    #[test]
    fn samples_of_one_stack_are_added_whatever_their_numbers_are() {
        let mut merged = Merged::default();
        for part in [profile(&[("a;b", 1), ("a", 2)]), profile(&[("c", 5), ("a;b", 10), ("b", -1)])] {
            merged.add(&part, &mut Budget::new()).unwrap();
        }
        let whole = merged.finish(1, 3, &["a remark"]);
        assert_eq!(folded(&whole), ["a [2, -2]", "a;b [11, -11]", "b [-1, 1]", "c [5, -5]"]);
        assert_eq!((whole.time_nanos, whole.duration_nanos), (1000, 2000));
        assert_eq!(whole.string_table[whole.comment[0] as usize], "a remark");
        assert_eq!(whole.string_table[whole.default_sample_type as usize], "live");
    }

    #[test]
    fn what_measures_something_else_gets_columns_of_its_own() {
        let mut other = profile(&[("a", 7)]);
        other.string_table[1] = "cpu".into();
        let mut merged = Merged::default();
        merged.add(&profile(&[("a", 1), ("b", 2)]), &mut Budget::new()).unwrap();
        merged.add(&other, &mut Budget::new()).unwrap();
        let whole = merged.finish(0, 0, &[]);
        assert_eq!(folded(&whole), ["a [1, -8, 7]", "b [2, -2, 0]"]);
    }

    #[test]
    fn a_stack_that_cancels_out_is_not_there() {
        let mut merged = Merged::default();
        merged.add(&profile(&[("a", 7)]), &mut Budget::new()).unwrap();
        merged.add(&profile(&[("a", -7)]), &mut Budget::new()).unwrap();
        assert_eq!(folded(&merged.finish(0, 0, &[])), [""; 0]);
    }

    #[test]
    fn memory_ends_with_the_budget() {
        let mut merged = Merged::default();
        let budget = &mut Budget::new();
        let name = "x".repeat(1 << 20);
        let outcome = (0..1000).try_for_each(|number| merged.add(&profile(&[(&format!("{name}{number}"), 1)]), budget));
        assert_eq!(outcome, Err(NotMerged::Spent));
        assert!(merged.strings.list.len() < 100, "{}", merged.strings.list.len());
        assert!(budget.spent);
    }
}
