//! Series: which functions share a point, which have one of their own, and what was told of each.

use std::collections::BTreeMap;

use waspect_abi::semconv::attribute;

use crate::catalog::Catalog;
use crate::exemplar::{self, Exemplar};
use crate::figures::Figures;
use crate::histogram::Histogram;
use crate::otlp::wire;

/// What identifies a series of functions: module's name, function's name, import or not.
type Key = (String, String, bool);

/// What exports have told so far.
#[derive(Debug)]
pub(crate) struct Exported {
    /// When the last export was, in Unix nanoseconds.
    pub(crate) last: u64,
    pub(crate) series: Vec<Series>,
    /// The series of everything beyond the cardinality limit.
    pub(crate) overflow: Series,
    places: BTreeMap<Key, usize>,
    catalog_version: u64,
    admitted: usize,
    pub(crate) drops: BTreeMap<&'static str, u64>,
    pub(crate) modules: Vec<ModuleTold>,
    pub(crate) totals: [u64; 3],
}

/// Functions of one name.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Places in the catalog.
    pub(crate) functions: Vec<u32>,
    pub(crate) attributes: Vec<Attribute>,
    /// None until it is decided whether it has points of its own. It is decided once.
    pub(crate) admitted: Option<bool>,
    pub(crate) figures: Figures,
    pub(crate) told: Figures,
    pub(crate) histogram_told: Option<Box<Histogram>>,
}

/// What was told of a module.
#[derive(Debug, Default)]
pub(crate) struct ModuleTold {
    pub(crate) values: [u64; 6],
    pub(crate) final_memory: Option<Box<Histogram>>,
}

/// An attribute of points.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Text(&'static str, String),
    True(&'static str),
}

/// Encodes attributes of a point: field 7 of number points, field 1 of histograms' points.
pub(crate) fn encode(attributes: &[Attribute], field: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for attribute in attributes {
        match attribute {
            Attribute::Text(key, value) => wire::text_attribute(&mut out, field, key, value),
            Attribute::True(key) => wire::true_attribute(&mut out, field, key),
        }
    }
    out
}

impl Exported {
    pub(crate) fn new(start_unix_ns: u64) -> Exported {
        let attributes = vec![Attribute::True(attribute::OTEL_METRIC_OVERFLOW)];
        Exported {
            last: start_unix_ns,
            series: Vec::new(),
            overflow: Series { attributes, ..Series::default() },
            places: BTreeMap::new(),
            catalog_version: 0,
            admitted: 0,
            drops: BTreeMap::new(),
            modules: Vec::new(),
            totals: [0; 3],
        }
    }

    /// Brings the figures of all series up to date. Gives the number of functions that live in the overflow series.
    pub(crate) fn update(&mut self, catalog: &Catalog, sets_max: usize) -> u64 {
        if self.catalog_version != catalog.version {
            self.catalog_version = catalog.version;
            self.group(catalog);
        }
        for series in &mut self.series {
            series.figures = Figures::default();
            for function in &series.functions {
                series.figures.merge(&catalog.functions[*function as usize].figures);
            }
        }
        self.admit(sets_max);
        self.overflow.figures = Figures::default();
        self.overflow.functions.clear();
        for series in self.series.iter().filter(|series| series.admitted == Some(false)) {
            self.overflow.figures.merge(&series.figures);
            self.overflow.functions.extend_from_slice(&series.functions);
        }
        self.overflow.functions.len() as u64
    }

    /// Series with points of their own, then the overflow series.
    pub(crate) fn visible(&mut self) -> impl Iterator<Item = &mut Series> {
        self.series.iter_mut().filter(|series| series.admitted == Some(true)).chain([&mut self.overflow])
    }

    /// Puts every function into the series of its name.
    fn group(&mut self, catalog: &Catalog) {
        for series in &mut self.series {
            series.functions.clear();
        }
        for (place, function) in catalog.functions.iter().enumerate() {
            let module = &catalog.modules[function.module as usize].name;
            let key = (module.clone(), function.name.clone(), function.import);
            let series = *self.places.entry(key).or_insert_with(|| {
                let kind = if function.import { "import" } else { "guest" };
                let mut attributes = vec![
                    Attribute::Text(attribute::CODE_FUNCTION_NAME, function.name.clone()),
                    Attribute::Text(attribute::WASM_FUNCTION_KIND, kind.to_owned()),
                ];
                if !module.is_empty() {
                    attributes.push(Attribute::Text(attribute::WASM_MODULE_NAME, module.clone()));
                }
                self.series.push(Series { attributes, ..Series::default() });
                self.series.len() - 1
            });
            self.series[series].functions.push(place as u32);
        }
    }

    /// Decides which of the new series get points of their own: the ones with most self time, while there is room. One set is
    /// for the overflow series.
    fn admit(&mut self, sets_max: usize) {
        let mut waiting: Vec<usize> =
            (0..self.series.len()).filter(|place| self.series[*place].admitted.is_none()).collect();
        waiting.sort_by_key(|place| std::cmp::Reverse(self.series[*place].figures.own));
        for place in waiting {
            let room = self.admitted + 1 < sets_max;
            self.admitted += usize::from(room);
            self.series[place].admitted = Some(room);
        }
    }
}

impl Series {
    /// The durations of all its functions, and whatever else belongs to it.
    pub(crate) fn histogram(&self, catalog: &Catalog, more: Option<&Histogram>) -> Histogram {
        let mut merged = more.cloned().unwrap_or_default();
        for function in &self.functions {
            if let Some(histogram) = &catalog.functions[*function as usize].histogram {
                merged.merge_with(histogram);
            }
        }
        merged
    }

    /// The slowest call of its functions that has a span, once.
    pub(crate) fn take_exemplar(&self, catalog: &mut Catalog) -> Option<Exemplar> {
        exemplar::slowest(
            self.functions.iter().filter_map(|function| catalog.functions[*function as usize].exemplar.take()),
        )
    }
}
