//! Every module and function of the process, with its figures: what deltas are merged into.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use waspect_abi::manifest::{self, Kind, Mode};
use waspect_abi::{BuildId, Manifest};

use crate::Config;
use crate::delta::{FunctionDelta, ModuleDelta};
use crate::exemplar::{self, Exemplar};
use crate::figures::{Figure, Figures, ModuleFigures};
use crate::histogram::Histogram;
use crate::otlp::traces::Named;
use crate::table::Table;

/// Most modules; what comes after shares one without a name.
const MODULES_MAX: usize = 4_096;

/// Most functions; what comes after shares one a module.
const FUNCTIONS_MAX: usize = 1 << 18;

/// Modules and functions by place.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) modules: Vec<Module>,
    pub(crate) functions: Vec<Function>,
    module_places: Table<u32>,
    function_places: Table<u32>,
    histograms_free: usize,
    /// Goes up when functions or their names change.
    pub(crate) version: u64,
}

/// A module, all instances together.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) build: BuildId,
    pub(crate) name: String,
    manifest: Option<Arc<Manifest>>,
    pub(crate) figures: ModuleFigures,
    pub(crate) final_memory: Option<Box<Histogram>>,
    /// What exports have told of both.
    pub(crate) told: ModuleFigures,
    pub(crate) final_memory_told: Option<Box<Histogram>>,
}

/// A function of a module, all instances together.
#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) module: u32,
    pub(crate) index: u32,
    pub(crate) name: String,
    /// The build id of a function that nothing names: without it nobody could name it later.
    pub(crate) build: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) import: bool,
    pub(crate) figures: Figures,
    pub(crate) live_max: u64,
    pub(crate) histogram: Option<Box<Histogram>>,
    pub(crate) exemplar: Option<Exemplar>,
    /// Timed calls and self time since the governor looked last.
    pub(crate) recent: (u64, u64),
    named: Named,
}

impl Catalog {
    pub(crate) fn new(histograms_max: usize) -> Catalog {
        Catalog {
            modules: Vec::new(),
            functions: Vec::new(),
            module_places: Table::new(0x5851_F42D_4C95_7F2D),
            function_places: Table::new(0x1405_7B7E_F767_814F),
            histograms_free: histograms_max,
            version: 0,
        }
    }

    /// What it costs to observe a call of a function: two hooks, or two records.
    pub(crate) fn pair_ns(&self, function: u32, config: &Config) -> u64 {
        let function = &self.functions[function as usize];
        let manifest = self.modules[function.module as usize].manifest.as_ref();
        let records = !function.import && manifest.is_some_and(|manifest| manifest.mode() == Mode::Ring);
        if records { config.record_pair_ns } else { config.hook_pair_ns }
    }

    /// Adds a module's figures; its place.
    pub(crate) fn module(&mut self, delta: &ModuleDelta) -> u32 {
        let place = self.module_place(delta.build);
        let module = &mut self.modules[place as usize];
        module.figures.merge(&delta.figures);
        for bytes in &delta.final_memory {
            module.final_memory.get_or_insert_with(|| Box::new(Histogram::of_bytes())).record(*bytes);
        }
        if let (None, Some(manifest)) = (&module.manifest, &delta.manifest) {
            module.name.clone_from(&manifest.name);
            module.manifest = Some(manifest.clone());
            for function in self.functions.iter_mut().filter(|function| function.module == place) {
                function.describe(module);
            }
            self.version += 1;
        }
        place
    }

    /// Adds a function's figures; its place. `counts` are its histogram's; what has no room for one of its own goes to `shared`.
    pub(crate) fn function(
        &mut self,
        module: u32,
        delta: &FunctionDelta,
        counts: &[u64],
        shared: &mut Histogram,
    ) -> u32 {
        let place = self.place(module, delta.id.index);
        let function = &mut self.functions[place as usize];
        function.figures.merge(&delta.figures);
        function.recent.0 = function.recent.0.saturating_add(delta.figures[Figure::Closed]);
        function.recent.1 = function.recent.1.saturating_add(delta.figures[Figure::Own]);
        function.live_max = function.live_max.max(delta.live_max);
        if let Some(histogram) = &delta.histogram {
            if function.histogram.is_none() && self.histograms_free > 0 {
                self.histograms_free -= 1;
                function.histogram = Some(Box::default());
            }
            function.histogram.as_deref_mut().unwrap_or(shared).merge_delta(histogram, counts);
        }
        place
    }

    /// A call of a function that leads to its trace.
    pub(crate) fn exemplify(&mut self, function: u32, call: Exemplar) {
        exemplar::keep_slower(&mut self.functions[function as usize].exemplar, call);
    }

    pub(crate) fn name(&self, function: u32) -> &str {
        &self.functions[function as usize].name
    }

    /// The build id of a function that nothing names; empty: it has a name.
    pub(crate) fn build(&self, function: u32) -> &str {
        &self.functions[function as usize].build
    }

    pub(crate) fn named(&self, function: u32) -> &Named {
        &self.functions[function as usize].named
    }

    fn module_place(&mut self, build: BuildId) -> u32 {
        let build = if self.modules.len() < MODULES_MAX { build } else { BuildId::default() };
        // The one build id that a table cannot hold is shared with its neighbour's.
        let key = build.0.min(u64::MAX - 1);
        self.module_places.get(key).unwrap_or_else(|| {
            let place = self.modules.len() as u32;
            self.module_places.insert(key, place);
            self.modules.push(Module { build, ..Module::default() });
            place
        })
    }

    /// The place of a function; it gets one when it is new.
    pub(crate) fn place(&mut self, module: u32, index: u32) -> u32 {
        let key = |index: u32| u64::from(module) << 32 | u64::from(index);
        if let Some(place) = self.function_places.get(key(index)) {
            return place;
        }
        let index = if self.functions.len() < FUNCTIONS_MAX { index } else { u32::MAX };
        self.function_places.get(key(index)).unwrap_or_else(|| {
            let place = self.functions.len() as u32;
            self.function_places.insert(key(index), place);
            let mut function = Function { module, index, ..Function::default() };
            function.describe(&self.modules[module as usize]);
            self.functions.push(function);
            self.version += 1;
            place
        })
    }
}

impl Module {
    /// The name to show for a type of objects.
    pub(crate) fn object_name(&self, index: u32) -> String {
        match &self.manifest {
            Some(manifest) => manifest.object_name(index).into_owned(),
            None => Manifest::default().object_name(index).into_owned(),
        }
    }
}

impl Function {
    /// Takes names from the manifest, where there is one.
    fn describe(&mut self, module: &Module) {
        let manifest = module.manifest.as_ref();
        let mut is_named = false;
        match manifest.and_then(|manifest| Some((manifest, manifest.function(self.index)?))) {
            Some((manifest, entry)) => {
                is_named = !entry.name.is_empty();
                self.name = entry.display_name().into_owned();
                self.file = manifest.file(entry).to_owned();
                self.line = entry.line;
                self.import = entry.kind == Kind::Import as i32;
            }
            None => self.name = manifest::unnamed("func", self.index),
        }
        self.build = if is_named { String::new() } else { module.build.hex() };
        self.named = Named::new(&self.name, &module.name, &self.file, self.line, &self.build);
    }
}
