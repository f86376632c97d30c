//! The table of real modules: facts that are the same on every machine, as a page of Markdown. Times have no place in it.

use std::fs;
use std::path::{Path, PathBuf};

use waspect_instrumenter::info::NameSource;
use waspect_instrumenter::{Instrumented, ModuleInfo};

const HEAD: &str = "\
# Real modules

What Waspect makes of modules that no one here wrote, with the manifest inside. `functions` counts imports too; `named` those
that something names, and `by` what: a name section, Go's own table (pclntab), an export, an import; a slot of a table is not
counted as a name. `counts` and `calls` are how much the module grows in that mode, in percent. `allocators` are the functions of
each family that were found, by name or by export, and the types of the garbage collector's objects. `core N of` are the
core modules of a component. `xtask/src/setup/modules.rs` says where each comes from.

Generated: `BLESS=1 cargo test --workspace --test real_modules` writes this page, and without `BLESS` compares it.

| module | bytes | functions | hooked | named | by | counts | calls | allocators |
|---|--:|--:|--:|--:|---|--:|--:|---|
";

/// A module's row.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    bytes: usize,
    functions: usize,
    hooked: usize,
    /// How many functions each source names.
    named: Vec<(NameSource, usize)>,
    counts_percent: f64,
    calls_percent: f64,
    /// How many functions of each family were found.
    allocators: Vec<(String, usize)>,
    /// Types whose objects are counted.
    objects: usize,
}

impl Row {
    /// What instrumentation made of a module, in mode `counts` and in mode `calls`.
    pub fn new(name: &str, module: &[u8], info: &ModuleInfo, counts: &Instrumented, calls: &Instrumented) -> Row {
        let mut allocators: Vec<(String, usize)> = Vec::new();
        for allocator in &calls.manifest.allocators {
            match allocators.iter_mut().find(|(family, _)| *family == allocator.family) {
                Some((_, count)) => *count += 1,
                None => allocators.push((allocator.family.clone(), 1)),
            }
        }
        let by = |source| (source, info.functions.iter().filter(|function| function.named_by == source).count());
        let named = NameSource::ALL.into_iter().filter(|source| *source < NameSource::TableSlot).map(by);
        let growth = |output: &Instrumented| 100.0 * (output.bytes.len() as f64 / module.len() as f64 - 1.0);
        Row {
            name: name.to_owned(),
            bytes: module.len(),
            functions: info.functions.len(),
            hooked: calls.plan.hooked(),
            named: named.filter(|(_, count)| *count > 0).collect(),
            counts_percent: growth(counts),
            calls_percent: growth(calls),
            allocators,
            objects: calls.manifest.objects.len(),
        }
    }

    /// The row in Markdown, with its line's end.
    pub fn markdown(&self) -> String {
        let named: usize = self.named.iter().map(|(_, count)| count).sum();
        let by: Vec<_> = self.named.iter().map(|(source, count)| format!("{} {count}", source.as_str())).collect();
        let allocators = self.allocators.iter().map(|(family, count)| format!("{family} {count}"));
        let objects = (self.objects > 0).then(|| format!("objects of {} types", self.objects));
        let allocators: Vec<_> = allocators.chain(objects).collect();
        let Row { name, bytes, functions, hooked, counts_percent, calls_percent, .. } = self;
        format!(
            "| {name} | {bytes} | {functions} | {hooked} | {named} | {} | {counts_percent:.1} | {calls_percent:.1} | {} |\n",
            by.join(", "),
            allocators.join(", ")
        )
    }
}

/// The whole page.
pub fn page(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |page, row| page + &row.markdown())
}

/// Where the page is kept.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/real-modules.md")
}

/// Writes the page when `bless` says so; otherwise it must be what is kept.
#[track_caller]
pub fn compare(page: &str, bless: bool) {
    if bless {
        fs::write(path(), page).expect("the page can be written");
        return;
    }
    let kept = fs::read_to_string(path()).unwrap_or_default();
    let changed: Vec<_> = page.lines().filter(|&line| kept.lines().all(|kept| kept != line)).collect();
    assert!(kept == page, "docs/real-modules.md is stale (BLESS=1 writes it); new lines:\n{}", changed.join("\n"));
}
