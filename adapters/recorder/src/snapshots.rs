//! From what was merged to figures that a person reads.

use alloc::vec::Vec;

use crate::figures::{Figure, ModuleFigure};
use crate::{Aggregator, ErrorSnapshot, FunctionSnapshot, ModuleSnapshot, ObjectSnapshot, Snapshot};

impl Aggregator {
    /// Figures to show.
    pub fn snapshot(&self) -> Snapshot {
        let mut functions: Vec<FunctionSnapshot> = self.functions().collect();
        functions.sort_by(|a, b| b.self_ns.cmp(&a.self_ns).then_with(|| a.name.cmp(&b.name)));
        let mut objects: Vec<ObjectSnapshot> = self.objects().collect();
        objects.sort_by(|a, b| {
            let order =
                |object: &ObjectSnapshot| (core::cmp::Reverse(object.bytes), object.function_index, object.type_index);
            order(a).cmp(&order(b))
        });
        Snapshot {
            functions,
            objects,
            errors: self.errors().collect(),
            modules: self.modules().collect(),
            drops: self.drops.iter().collect(),
            spans: self.totals.spans,
            busy_ns: self.totals.busy,
            hooks_ns: self.totals.hooks,
            clock_resolution_ns: self.config.clock_resolution_ns,
        }
    }

    fn functions(&self) -> impl Iterator<Item = FunctionSnapshot> {
        self.catalog.functions.iter().map(|function| {
            let (figures, histogram) = (&function.figures, function.histogram.as_deref());
            FunctionSnapshot {
                build: self.catalog.modules[function.module as usize].build,
                index: function.index,
                name: function.name.clone(),
                file: function.file.clone(),
                line: function.line,
                import: function.import,
                calls: figures[Figure::Calls],
                timed_calls: figures[Figure::Closed],
                errors: figures[Figure::Errors],
                unwound: figures[Figure::Unwound],
                total_ns: figures[Figure::Total],
                self_ns: figures[Figure::Own],
                max_ns: histogram.map_or(0, |histogram| histogram.max),
                p50_ns: histogram.and_then(|histogram| histogram.quantile(0.5)),
                p99_ns: histogram.and_then(|histogram| histogram.quantile(0.99)),
                allocations: figures[Figure::Allocations],
                allocated_bytes: figures[Figure::Allocated],
                live_bytes: figures[Figure::Live] as i64,
                live_allocations: figures[Figure::LiveAllocations] as i64,
                live_bytes_max: function.live_max,
                leaked_bytes: figures[Figure::Leaked],
                leaked_allocations: figures[Figure::LeakedAllocations],
                untimed: figures[Figure::Untimed] > 0,
            }
        })
    }

    fn objects(&self) -> impl Iterator<Item = ObjectSnapshot> {
        self.objects.entries().map(|(place, type_index, made)| {
            let function = &self.catalog.functions[place as usize];
            let module = &self.catalog.modules[function.module as usize];
            ObjectSnapshot {
                build: module.build,
                function: function.name.clone(),
                function_index: function.index,
                r#type: module.object_name(type_index),
                type_index,
                objects: made.objects,
                bytes: made.bytes,
            }
        })
    }

    fn errors(&self) -> impl Iterator<Item = ErrorSnapshot> {
        self.errors.iter().map(|error| ErrorSnapshot {
            code: error.code.clone(),
            function: error.function.clone(),
            count: error.count,
            message: error.message.clone(),
        })
    }

    fn modules(&self) -> impl Iterator<Item = ModuleSnapshot> {
        self.catalog.modules.iter().map(|module| {
            let figures = &module.figures;
            ModuleSnapshot {
                build: module.build,
                name: module.name.clone(),
                instances_started: figures[ModuleFigure::Started],
                instances_ended: figures[ModuleFigure::Started].saturating_sub(figures[ModuleFigure::Active]),
                memory_bytes: (figures[ModuleFigure::Memory] as i64).max(0) as u64,
                memory_bytes_max: figures[ModuleFigure::MemoryMax],
                grown_bytes: figures[ModuleFigure::Grown],
                grow_failures: figures[ModuleFigure::GrowFailures],
                live_bytes: figures[ModuleFigure::Live] as i64,
                live_bytes_max: figures[ModuleFigure::LiveMax],
                allocation_failures: figures[ModuleFigure::AllocationFailures],
                double_frees: figures[ModuleFigure::DoubleFrees],
                unknown_frees: figures[ModuleFigure::UnknownFrees],
            }
        })
    }
}
