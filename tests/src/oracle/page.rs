//! `docs/walrus.md`: what walrus cannot take, module by module, as the tests found it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# What walrus takes

The `walrus` feature of `waspect-instrumenter` instruments a `walrus::Module` (walrus 0.28) from the same plan as the rewriter.
This page lists what cannot go that way: what walrus refuses, in its own words, and functions whose boundary would have another
type, since walrus makes new functions of plain types only. The rewriter takes all of it.

Generated: `BLESS=1 cargo test --workspace --test oracle` writes this page, and without `BLESS` compares it.

Of what it takes, walrus keeps the meaning and not the bytes: functions, types and locals get other indices, label and field
names are dropped, and so are DWARF, source maps and branch hints. It holds about forty bytes for each of the module's.

";

/// Modules by what walrus said of them.
#[derive(Debug, Default)]
pub struct Page {
    /// Real modules, by name.
    pub real: BTreeMap<String, Result<(), String>>,
    /// Valid modules of the spec suite that it takes.
    pub suite_taken: usize,
    /// By reason, the files of the suite with modules that it refuses, and how many in each.
    pub suite_refused: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Page {
    /// Modules of the suite that walrus refuses.
    pub fn refused(&self) -> usize {
        self.suite_refused.values().flat_map(BTreeMap::values).sum()
    }

    fn markdown(&self) -> String {
        let mut page = HEAD.to_owned();
        let taken = self.real.values().filter(|taken| taken.is_ok()).count();
        page += &format!("## Real modules\n\n{taken} of {} are taken.\n", self.real.len());
        if taken < self.real.len() {
            page += "\n| refused | reason |\n|---|---|\n";
        }
        for (name, reason) in self.real.iter().filter_map(|(name, taken)| Some((name, taken.as_ref().err()?))) {
            page += &format!("| {name} | {} |\n", cell(reason));
        }
        let (refused, taken) = (self.refused(), self.suite_taken);
        page += &format!("\n## The spec suite\n\n{taken} of {} valid modules are taken.\n\n", taken + refused);
        page += "| modules | reason | files |\n|--:|---|---|\n";
        for (reason, files) in &self.suite_refused {
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            page += &format!("| {} | {} | {} |\n", files.values().sum::<usize>(), cell(reason), names.join(", "));
        }
        page
    }

    /// Writes the page when `bless` says so; otherwise it must be what is kept.
    #[track_caller]
    pub fn compare(&self, bless: bool) {
        let page = self.markdown();
        if bless {
            fs::write(path(), &page).expect("the page can be written");
        }
        let kept = fs::read_to_string(path()).unwrap_or_default();
        let changed: Vec<_> = page.lines().filter(|&line| kept.lines().all(|kept| kept != line)).collect();
        assert!(kept == page, "docs/walrus.md is stale (BLESS=1 writes it); new lines:\n{}", changed.join("\n"));
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/walrus.md")
}
