//! The metrics of the process, as one request.

use alloc::boxed::Box;
use alloc::vec::Vec;

use waspect_abi::semconv::{Instrument, Metric, attribute, metric};

use crate::aggregator::Totals;
use crate::catalog::Module;
use crate::exemplar::Exemplar;
use crate::gather::gather;
use crate::histogram::Histogram;
use crate::otlp::attributes::Attributes;
use crate::otlp::metrics::{Number, Times, histogram, metric as append, point};
use crate::{Aggregator, Batch, DropReason, Temporality, otlp};

/// The metrics of functions: `Figures::in_metrics`, in this order.
const FUNCTION_METRICS: [Metric; 10] = [
    metric::WASM_FUNCTION_TIME,
    metric::WASM_FUNCTION_SELF_TIME,
    metric::WASM_FUNCTION_CALLS,
    metric::WASM_FUNCTION_ERRORS,
    metric::WASM_FUNCTION_UNWOUND,
    metric::WASM_FUNCTION_ALLOCATIONS,
    metric::WASM_FUNCTION_ALLOCATED,
    metric::WASM_FUNCTION_LEAKED,
    metric::WASPECT_FUNCTION_UNTIMED,
    metric::WASM_FUNCTION_LIVE,
];

/// The metrics of modules: `ModuleFigures`, in this order.
const MODULE_METRICS: [Metric; 12] = [
    metric::WASM_INSTANCE_STARTED,
    metric::WASM_MEMORY_GROWN,
    metric::WASM_MEMORY_GROW_FAILURES,
    metric::WASM_HEAP_ALLOCATION_FAILURES,
    metric::WASM_HEAP_DOUBLE_FREES,
    metric::WASM_HEAP_UNKNOWN_FREES,
    metric::WASM_INSTANCE_ACTIVE,
    metric::WASM_MEMORY_SIZE,
    metric::WASM_HEAP_LIVE,
    metric::WASM_MEMORY_SIZE_MAX,
    metric::WASM_HEAP_LIVE_MAX,
    metric::WASM_MODULE_INFO,
];

/// The metrics of the process.
const PROCESS_METRICS: [Metric; 4] =
    [metric::WASPECT_SPANS, metric::WASPECT_BUSY_TIME, metric::WASPECT_HOOK_TIME, metric::WASPECT_CLOCK_RESOLUTION];

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
        let leaving = core::mem::take(&mut self.leaving);
        let mut out = Output { items: 0, bytes: Vec::new(), points: Vec::new(), times, leaving };
        self.function_metrics(&mut out);
        self.durations(&mut out);
        self.error_metrics(&mut out);
        self.module_metrics(&mut out);
        self.drop_metrics(&mut out, overflowing);
        self.process_metrics(&mut out);
        self.exported.last = now_unix_ns;
        Batch { bytes: otlp::request(&self.resource, &out.bytes), items: out.items }
    }

    /// The next metrics take back what is alive, since the process may be gone after them; those after it tell it again.
    pub fn leave(&mut self) {
        self.leaving = self.config.temporality == Temporality::Changes;
    }

    fn function_metrics(&mut self, out: &mut Output) {
        let rows = self.exported.visible().map(|series| Row {
            attributes: &series.attributes,
            now: series.figures.in_metrics(),
            told: series.told.in_metrics(),
        });
        out.numbers(&FUNCTION_METRICS, &mut gather(rows));
    }

    fn durations(&mut self, out: &mut Output) {
        let metric = metric::WASM_FUNCTION_DURATION;
        let is_delta = out.times.is_delta(metric.instrument);
        let Aggregator { exported, catalog, shared_histogram, .. } = self;
        for series in exported.visible() {
            let shared = series.is_overflow().then_some(&*shared_histogram);
            let merged = series.histogram(catalog, shared);
            let (told, exemplar) = (series.histogram_told.as_deref(), series.take_exemplar(catalog));
            out.histogram(&metric, &series.attributes, &merged, told, exemplar);
            if is_delta {
                series.histogram_told = Some(Box::new(merged));
            }
        }
        out.close(&metric);
    }

    fn error_metrics(&mut self, out: &mut Output) {
        for error in &mut self.errors {
            let attributes = Attributes::default()
                .text(attribute::ERROR_TYPE, &error.code)
                .text(attribute::CODE_FUNCTION_NAME, &error.function)
                .text(attribute::WASM_MODULE_BUILD_ID, &error.build);
            out.number(&metric::WASM_ERRORS, &attributes, error.count, &mut error.told);
        }
        out.close(&metric::WASM_ERRORS);
    }

    fn module_metrics(&mut self, out: &mut Output) {
        let modules = &mut self.catalog.modules;
        let attributes = gather(modules.iter().map(module_attributes));
        let rows = modules.iter_mut().zip(&attributes).map(|(module, attributes)| Row {
            attributes,
            now: &module.figures.0,
            told: &mut module.told.0,
        });
        out.numbers(&MODULE_METRICS, &mut gather(rows));
        let metric = metric::WASM_MEMORY_FINAL_SIZE;
        for (module, attributes) in modules.iter_mut().zip(&attributes) {
            let Some(sizes) = &module.final_memory else { continue };
            out.histogram(&metric, attributes, sizes, module.final_memory_told.as_deref(), None);
            if out.times.is_delta(metric.instrument) {
                module.final_memory_told = Some(sizes.clone());
            }
        }
        out.close(&metric);
    }

    fn drop_metrics(&mut self, out: &mut Output, overflowing: u64) {
        let series = (overflowing > 0).then_some((DropReason::Series, overflowing));
        for (reason, items) in self.drops.iter().chain(series) {
            let attributes = Attributes::default().text(attribute::WASPECT_DROP_REASON, reason.name());
            out.number(&metric::WASPECT_DROPS, &attributes, items, self.exported.drops.of(reason));
        }
        out.close(&metric::WASPECT_DROPS);
    }

    fn process_metrics(&mut self, out: &mut Output) {
        let Totals { spans, busy, hooks } = self.totals;
        let now = &[spans, busy, hooks, self.config.clock_resolution_ns];
        let row = Row { attributes: &Attributes::default(), now, told: &mut self.exported.totals };
        out.numbers(&PROCESS_METRICS, &mut [row]);
    }
}

/// What the same attributes have in each of several metrics, and what was told of it.
struct Row<'a> {
    attributes: &'a Attributes,
    now: &'a [u64],
    told: &'a mut [u64],
}

/// Metrics as they are encoded.
struct Output {
    items: u64,
    bytes: Vec<u8>,
    /// Of the metric that is not closed yet.
    points: Vec<u8>,
    times: Times,
    /// Nothing is alive any more.
    leaving: bool,
}

impl Output {
    /// All points of these metrics.
    fn numbers(&mut self, metrics: &[Metric], rows: &mut [Row]) {
        for (at, metric) in metrics.iter().enumerate() {
            for row in &mut *rows {
                self.number(metric, row.attributes, row.now[at], &mut row.told[at]);
            }
            self.close(metric);
        }
    }

    /// A point, unless the value is and was zero. Durations come in nanoseconds.
    fn number(&mut self, metric: &Metric, attributes: &Attributes, now: u64, told: &mut u64) {
        let now = if self.leaving && metric.instrument == Instrument::UpDownCounter { 0 } else { now };
        let told = core::mem::replace(told, now);
        let is_delta = self.times.is_delta(metric.instrument);
        let value = if is_delta { now.wrapping_sub(told) } else { now };
        if value == 0 && (is_delta || told == 0) {
            return;
        }
        let value = if metric.double {
            Number::Double(value as f64 / 1e9)
        } else if metric.instrument == Instrument::UpDownCounter {
            Number::Int(value as i64)
        } else {
            Number::Int(i64::try_from(value).unwrap_or(i64::MAX))
        };
        point(&mut self.points, metric, &self.times, &attributes.of_number, value);
        self.items += 1;
    }

    fn histogram(
        &mut self,
        metric: &Metric,
        attributes: &Attributes,
        all: &Histogram,
        told: Option<&Histogram>,
        exemplar: Option<Exemplar>,
    ) {
        let before = self.points.len();
        histogram(&mut self.points, metric, &self.times, &attributes.of_histogram, all, told, exemplar);
        self.items += u64::from(self.points.len() > before);
    }

    /// The metric has all its points.
    fn close(&mut self, metric: &Metric) {
        append(&mut self.bytes, metric, &self.times, &self.points);
        self.points.clear();
    }
}

fn module_attributes(module: &Module) -> Attributes {
    Attributes::default()
        .text(attribute::WASM_MODULE_BUILD_ID, &module.build.hex())
        .text(attribute::WASM_MODULE_NAME, &module.name)
}
