//! The table of real modules: facts that are the same on every machine, as a page of Markdown. Times have no place in it.

use std::fs;
use std::path::{Path, PathBuf};

use waspect_instrumenter::Instrumented;

const HEAD: &str = "\
# Real modules

What Waspect makes of modules that no one here wrote, in mode `calls` with the manifest inside. `hooked` counts functions and
host calls; `named` those among them that have a name; `allocators` the functions of each family that were found by name. A
module without names has no allocator that could be found. `xtask/src/setup/modules.rs` says where each comes from.

Generated: `BLESS=1 cargo test --workspace --test real_modules` writes this page, and without `BLESS` compares it.

| module | bytes | functions | hooked | named | grows by % | allocators |
|---|--:|--:|--:|--:|--:|---|
";

/// A module's row.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    bytes: usize,
    functions: u32,
    hooked: usize,
    named: usize,
    growth_percent: f64,
    /// How many functions of each family were found.
    allocators: Vec<(String, usize)>,
}

impl Row {
    /// What instrumentation made of a module.
    pub fn new(name: &str, module: &[u8], output: &Instrumented) -> Row {
        let functions = &output.manifest.functions;
        let mut allocators: Vec<(String, usize)> = Vec::new();
        for allocator in &output.manifest.allocators {
            match allocators.iter_mut().find(|(family, _)| *family == allocator.family) {
                Some((_, count)) => *count += 1,
                None => allocators.push((allocator.family.clone(), 1)),
            }
        }
        Row {
            name: name.to_owned(),
            bytes: module.len(),
            functions: output.manifest.function_count,
            hooked: functions.iter().filter(|function| function.hooked).count(),
            named: functions.iter().filter(|function| !function.name.is_empty()).count(),
            growth_percent: 100.0 * (output.bytes.len() as f64 / module.len() as f64 - 1.0),
            allocators,
        }
    }

    /// The row in Markdown, with its line's end.
    pub fn markdown(&self) -> String {
        let allocators: Vec<_> = self.allocators.iter().map(|(family, count)| format!("{family} {count}")).collect();
        let Row { name, bytes, functions, hooked, named, growth_percent, .. } = self;
        format!(
            "| {name} | {bytes} | {functions} | {hooked} | {named} | {growth_percent:.1} | {} |\n",
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
