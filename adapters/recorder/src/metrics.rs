//! The metrics of the process, as one request.

use alloc::boxed::Box;
use alloc::vec::Vec;

use waspect_abi::semconv::{Instrument, Metric, attribute, metric};

use crate::aggregator::Totals;
use crate::catalog::Module;
use crate::exemplar::Exemplar;
use crate::figures::Figures;
use crate::histogram::Histogram;
use crate::otlp::attributes::Attributes;
use crate::otlp::metrics::{Number, Times, histogram, metric as append, point};
use crate::series::{ModuleTold, Series};
use crate::{Aggregator, Batch, DropReason, otlp};

/// A metric of functions, and its value.
type FunctionMetric = (Metric, fn(&Figures) -> u64);

const FUNCTION_METRICS: [FunctionMetric; 9] = [
    (metric::WASM_FUNCTION_CALLS, |figures| figures.calls),
    (metric::WASM_FUNCTION_TIME, |figures| figures.total),
    (metric::WASM_FUNCTION_SELF_TIME, |figures| figures.own),
    (metric::WASM_FUNCTION_ERRORS, |figures| figures.errors),
    (metric::WASM_FUNCTION_UNWOUND, |figures| figures.unwound),
    (metric::WASM_FUNCTION_ALLOCATIONS, |figures| figures.heap.allocations),
    (metric::WASM_FUNCTION_ALLOCATED, |figures| figures.heap.bytes),
    (metric::WASM_FUNCTION_LIVE, |figures| figures.heap.live_bytes as u64),
    (metric::WASM_FUNCTION_LEAKED, |figures| figures.heap.leaked_bytes),
];

/// A metric of modules, and its value. Sums first: what was told of them is kept by their place here.
type ModuleMetric = (Metric, fn(&Module) -> u64);

const MODULE_METRICS: [ModuleMetric; 12] = [
    (metric::WASM_INSTANCE_STARTED, |module| module.started),
    (metric::WASM_MEMORY_GROWN, |module| module.figures.grown),
    (metric::WASM_MEMORY_GROW_FAILURES, |module| module.figures.grow_failures),
    (metric::WASM_HEAP_ALLOCATION_FAILURES, |module| module.figures.allocation_failures),
    (metric::WASM_HEAP_DOUBLE_FREES, |module| module.figures.double_frees),
    (metric::WASM_HEAP_UNKNOWN_FREES, |module| module.figures.unknown_frees),
    (metric::WASM_INSTANCE_ACTIVE, |module| module.started.saturating_sub(module.ended)),
    (metric::WASM_MEMORY_SIZE, |module| module.memory as u64),
    (metric::WASM_MEMORY_SIZE_MAX, |module| module.memory_max),
    (metric::WASM_HEAP_LIVE, |module| module.live as u64),
    (metric::WASM_HEAP_LIVE_MAX, |module| module.live_max),
    (metric::WASM_MODULE_INFO, |_| 1),
];

/// A metric of the process, and its value.
type ProcessMetric = (Metric, fn(&Totals) -> u64);

const PROCESS_METRICS: [ProcessMetric; 3] = [
    (metric::WASPECT_SPANS, |totals| totals.spans),
    (metric::WASPECT_BUSY_TIME, |totals| totals.busy),
    (metric::WASPECT_HOOK_TIME, |totals| totals.hooks),
];

impl Aggregator {
    /// All metrics, as one `ExportMetricsServiceRequest`. With delta temporality: since the last call.
    pub fn metrics(&mut self, now_unix_ns: u64) -> Batch {
        let times = Times {
            start: self.start_unix_ns,
            last: self.exported.last,
            now: now_unix_ns,
            temporality: self.config.temporality,
        };
        let overflowing = self.exported.update(&self.catalog, self.config.attribute_sets_max);
        let mut out = Output { items: 0, bytes: Vec::new(), times };
        self.function_metrics(&mut out);
        self.durations(&mut out);
        self.untimed_functions(&mut out);
        self.error_metrics(&mut out);
        self.module_metrics(&mut out);
        self.drop_metrics(&mut out, overflowing);
        self.process_metrics(&mut out);
        self.exported.last = now_unix_ns;
        Batch { bytes: otlp::request(&self.resource, &out.bytes), items: out.items }
    }

    fn function_metrics(&mut self, out: &mut Output) {
        for (metric, value) in &FUNCTION_METRICS {
            let mut points = Vec::new();
            for series in self.exported.visible() {
                out.number(&mut points, metric, &series.attributes, value(&series.figures), value(&series.told));
            }
            append(&mut out.bytes, metric, &out.times, &points);
        }
        for series in self.exported.visible() {
            series.told = series.figures;
        }
    }

    fn durations(&mut self, out: &mut Output) {
        let (metric, mut points) = (metric::WASM_FUNCTION_DURATION, Vec::new());
        let is_delta = out.times.is_delta(metric.instrument);
        let Aggregator { exported, catalog, shared_histogram, .. } = self;
        let mut add = |out: &mut Output, series: &mut Series, more: Option<&Histogram>| {
            let merged = series.histogram(catalog, more);
            let (told, exemplar) = (series.histogram_told.as_deref(), series.take_exemplar(catalog));
            out.histogram(&mut points, &metric, &series.attributes, &merged, told, exemplar);
            if is_delta {
                series.histogram_told = Some(Box::new(merged));
            }
        };
        for series in exported.series.iter_mut().filter(|series| series.admitted == Some(true)) {
            add(out, series, None);
        }
        add(out, &mut exported.overflow, Some(shared_histogram));
        append(&mut out.bytes, &metric, &out.times, &points);
    }

    fn untimed_functions(&mut self, out: &mut Output) {
        let (metric, mut points) = (metric::WASPECT_FUNCTION_UNTIMED, Vec::new());
        let functions = &self.catalog.functions;
        for series in self.exported.visible() {
            let untimed = series.functions.iter().filter(|function| functions[**function as usize].untimed).count();
            out.number(&mut points, &metric, &series.attributes, untimed as u64, 0);
        }
        append(&mut out.bytes, &metric, &out.times, &points);
    }

    fn error_metrics(&mut self, out: &mut Output) {
        let (metric, mut points) = (metric::WASM_ERRORS, Vec::new());
        for error in &mut self.errors {
            let attributes = Attributes::default()
                .text(attribute::ERROR_TYPE, &error.code)
                .text(attribute::CODE_FUNCTION_NAME, &error.function)
                .text(attribute::WASM_MODULE_BUILD_ID, &error.build);
            out.number(&mut points, &metric, &attributes, error.count, error.told);
            error.told = error.count;
        }
        append(&mut out.bytes, &metric, &out.times, &points);
    }

    fn module_metrics(&mut self, out: &mut Output) {
        let (exported, modules) = (&mut self.exported, &self.catalog.modules);
        exported.modules.resize_with(modules.len(), ModuleTold::default);
        let attributes: Vec<Attributes> = modules.iter().map(module_attributes).collect();
        for (at, (metric, value)) in MODULE_METRICS.iter().enumerate() {
            let mut points = Vec::new();
            for ((module, told), attributes) in modules.iter().zip(&mut exported.modules).zip(&attributes) {
                let now = value(module);
                let told = told.values.get_mut(at).map_or(0, |told| core::mem::replace(told, now));
                out.number(&mut points, metric, attributes, now, told);
            }
            append(&mut out.bytes, metric, &out.times, &points);
        }
        let (metric, mut points) = (metric::WASM_MEMORY_FINAL_SIZE, Vec::new());
        for ((module, told), attributes) in modules.iter().zip(&mut exported.modules).zip(&attributes) {
            let Some(sizes) = &module.final_memory else { continue };
            out.histogram(&mut points, &metric, attributes, sizes, told.final_memory.as_deref(), None);
            if out.times.is_delta(metric.instrument) {
                told.final_memory = Some(sizes.clone());
            }
        }
        append(&mut out.bytes, &metric, &out.times, &points);
    }

    fn drop_metrics(&mut self, out: &mut Output, overflowing: u64) {
        let (metric, mut points) = (metric::WASPECT_DROPS, Vec::new());
        let series = (overflowing > 0).then_some((DropReason::Series, overflowing));
        for (reason, items) in self.drops.iter().chain(series) {
            let attributes = Attributes::default().text(attribute::WASPECT_DROP_REASON, reason.name());
            let told = self.exported.drops.replace(reason, items);
            out.number(&mut points, &metric, &attributes, items, told);
        }
        append(&mut out.bytes, &metric, &out.times, &points);
    }

    fn process_metrics(&mut self, out: &mut Output) {
        let none = Attributes::default();
        for ((metric, value), told) in PROCESS_METRICS.iter().zip(&mut self.exported.totals) {
            let (now, mut points) = (value(&self.totals), Vec::new());
            out.number(&mut points, metric, &none, now, core::mem::replace(told, now));
            append(&mut out.bytes, metric, &out.times, &points);
        }
        let (metric, mut points) = (metric::WASPECT_CLOCK_RESOLUTION, Vec::new());
        out.number(&mut points, &metric, &none, self.config.clock_resolution_ns, 0);
        append(&mut out.bytes, &metric, &out.times, &points);
    }
}

/// Metrics as they are encoded.
struct Output {
    bytes: Vec<u8>,
    items: u64,
    times: Times,
}

impl Output {
    /// A point, unless the value is and was zero. Durations come in nanoseconds.
    fn number(&mut self, points: &mut Vec<u8>, metric: &Metric, attributes: &Attributes, now: u64, told: u64) {
        let value = if self.times.is_delta(metric.instrument) { now.wrapping_sub(told) } else { now };
        if value == 0 && (self.times.is_delta(metric.instrument) || told == 0) {
            return;
        }
        let value = if metric.double {
            Number::Double(value as f64 / 1e9)
        } else if metric.instrument == Instrument::UpDownCounter {
            Number::Int(value as i64)
        } else {
            Number::Int(i64::try_from(value).unwrap_or(i64::MAX))
        };
        point(points, metric, &self.times, &attributes.of_number, value);
        self.items += 1;
    }

    fn histogram(
        &mut self,
        points: &mut Vec<u8>,
        metric: &Metric,
        attributes: &Attributes,
        all: &Histogram,
        told: Option<&Histogram>,
        exemplar: Option<Exemplar>,
    ) {
        let before = points.len();
        histogram(points, metric, &self.times, &attributes.of_histogram, all, told, exemplar);
        self.items += u64::from(points.len() > before);
    }
}

fn module_attributes(module: &Module) -> Attributes {
    Attributes::default()
        .text(attribute::WASM_MODULE_BUILD_ID, &module.build.hex())
        .text(attribute::WASM_MODULE_NAME, &module.name)
}
