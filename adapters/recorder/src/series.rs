//! Series: which functions share a point, which have one of their own, and what was told of each.

use alloc::boxed::Box;
use alloc::vec::Vec;

use waspect_abi::semconv::attribute;

use crate::catalog::Catalog;
use crate::drops::Drops;
use crate::exemplar::{self, Exemplar};
use crate::figures::{Figure, Figures};
use crate::gather::gather;
use crate::histogram::Histogram;
use crate::ids;
use crate::order::{self, Keyed};
use crate::otlp::attributes::Attributes;
use crate::table::Table;

/// What exports have told so far.
#[derive(Debug)]
pub(crate) struct Exported {
    /// When the last export was, in Unix nanoseconds.
    pub(crate) last: u64,
    pub(crate) series: Vec<Series>,
    /// The series of everything beyond the cardinality limit.
    pub(crate) overflow: Series,
    /// By a hash of what identifies a series; where two meet, the next number that is free.
    places: Table<u32>,
    hash_key: u64,
    catalog_version: u64,
    admitted: usize,
    pub(crate) drops: Drops,
    pub(crate) totals: [u64; 4],
}

/// Functions of one name.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Places in the catalog.
    pub(crate) functions: Vec<u32>,
    pub(crate) attributes: Attributes,
    /// None until it is decided whether it has points of its own. It is decided once.
    pub(crate) admitted: Option<bool>,
    pub(crate) figures: Figures,
    pub(crate) told: Figures,
    pub(crate) histogram_told: Option<Box<Histogram>>,
}

impl Exported {
    pub(crate) fn new(start_unix_ns: u64) -> Exported {
        let attributes = Attributes::default().truth(attribute::OTEL_METRIC_OVERFLOW);
        Exported {
            last: start_unix_ns,
            series: Vec::new(),
            overflow: Series { attributes, ..Series::default() },
            places: Table::new(start_unix_ns),
            hash_key: start_unix_ns,
            catalog_version: 0,
            admitted: 0,
            drops: Drops::default(),
            totals: [0; 4],
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
            let kind = if function.import { "import" } else { "guest" };
            let attributes = Attributes::default()
                .text(attribute::CODE_FUNCTION_NAME, &function.name)
                .text(attribute::WASM_FUNCTION_KIND, kind)
                .text(attribute::WASM_MODULE_NAME, module)
                .text(attribute::WASM_MODULE_BUILD_ID, &function.build);
            let series = self.place(attributes);
            self.series[series as usize].functions.push(place as u32);
        }
    }

    /// The series with these attributes, new or known. The guest picks names: whoever does not know the time of our start to the
    /// nanosecond cannot make them meet.
    fn place(&mut self, attributes: Attributes) -> u32 {
        let mut hash = self.hash_key;
        for byte in &attributes.of_number {
            hash = ids::mix(hash ^ u64::from(*byte));
        }
        // A bit less, so that it is never the mark of an empty place.
        let mut key = hash >> 1;
        while let Some(known) = self.places.get(key) {
            if self.series[known as usize].attributes == attributes {
                return known;
            }
            key += 1;
        }
        let new = self.series.len() as u32;
        self.places.insert(key, new);
        self.series.push(Series { attributes, ..Series::default() });
        new
    }

    /// Decides which of the new series get points of their own: the ones with most self time, while there is room. One set is
    /// for the overflow series.
    fn admit(&mut self, sets_max: usize) {
        let waiting = self.series.iter().enumerate().filter(|(_, series)| series.admitted.is_none());
        let waiting = waiting.map(|(place, series)| (!series.figures[Figure::Own], place as u32));
        let mut waiting: Vec<Keyed> = gather(waiting);
        order::sort(&mut waiting);
        for (_, place) in waiting {
            let room = self.admitted + 1 < sets_max;
            self.admitted += usize::from(room);
            self.series[place as usize].admitted = Some(room);
        }
    }
}

impl Series {
    /// True of the one that holds what has no points of its own.
    pub(crate) fn is_overflow(&self) -> bool {
        self.admitted.is_none()
    }

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
        let mut slowest = None;
        for function in &self.functions {
            if let Some(call) = catalog.functions[*function as usize].exemplar.take() {
                exemplar::keep_slower(&mut slowest, call);
            }
        }
        slowest
    }
}
