//! From what was merged to figures that a person reads.

use alloc::vec::Vec;

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
                calls: figures.calls,
                timed_calls: figures.closed,
                errors: figures.errors,
                unwound: figures.unwound,
                total_ns: figures.total,
                self_ns: figures.own,
                max_ns: histogram.map_or(0, |histogram| histogram.max),
                p50_ns: histogram.and_then(|histogram| histogram.quantile(0.5)),
                p99_ns: histogram.and_then(|histogram| histogram.quantile(0.99)),
                allocations: figures.heap.allocations,
                allocated_bytes: figures.heap.bytes,
                live_bytes: figures.heap.live_bytes,
                live_allocations: figures.heap.live_allocations,
                live_bytes_max: function.live_max,
                leaked_bytes: figures.heap.leaked_bytes,
                leaked_allocations: figures.heap.leaked_allocations,
                untimed: function.untimed,
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
        self.catalog.modules.iter().map(|module| ModuleSnapshot {
            build: module.build,
            name: module.name.clone(),
            instances_started: module.started,
            instances_ended: module.ended,
            memory_bytes: module.memory.max(0) as u64,
            memory_bytes_max: module.memory_max,
            grown_bytes: module.figures.grown,
            grow_failures: module.figures.grow_failures,
            live_bytes: module.live,
            live_bytes_max: module.live_max,
            allocation_failures: module.figures.allocation_failures,
            double_frees: module.figures.double_frees,
            unknown_frees: module.figures.unknown_frees,
        })
    }
}
