//! `waspect instrument`: writes an observable copy of a module, and says what was done.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use waspect_instrumenter::{Debug, Instrumented, ModuleInfo, Options, Placement, Plan, rewrite};

use super::plan;
use crate::input::{self, Input};
use crate::progress::Progress;
use crate::selection::Selection;
use crate::source_map::SourceMap;
use crate::table::{HEADING, styled};
use crate::text::{bytes, escape};
use crate::{facts, output};

/// Writes an instrumented copy of a module and says what was done
#[derive(Args)]
pub struct Instrument {
    /// Module to read, binary or text; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// File to write, never the input; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Where names go: into the module, or beside it as OUT.waspect
    #[arg(long, value_name = "PLACE", default_value = "embed")]
    manifest: Manifest,

    /// Drops DWARF and source map instead of rewriting them
    #[arg(long, conflicts_with = "debug_out")]
    strip_debug: bool,

    /// Puts the rewritten DWARF into a module of its own, which OUT then names (section `external_debug_info`)
    #[arg(long, value_name = "FILE")]
    debug_out: Option<PathBuf>,

    /// Prints what was done as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    selection: Selection,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Manifest {
    Embed,
    Sidecar,
}

/// What was made of the input.
struct Done {
    info: ModuleInfo,
    instrumented: Instrumented,
    /// The encoded manifest.
    manifest: Vec<u8>,
    /// The output's source map and where it goes.
    source_map: Option<(PathBuf, Vec<u8>)>,
}

impl Instrument {
    /// Writes the files, then prints to standard output; to standard error when the module goes there.
    pub fn run(self) -> Result<ExitCode> {
        let sidecar = self.sidecar()?;
        for output in [Some(&self.output), sidecar.as_ref(), self.debug_out.as_ref()].into_iter().flatten() {
            output::refuse_same(&self.input, output)?;
        }
        if self.debug_out.as_ref() == Some(&self.output) {
            bail!("--debug-out and --output name the same file: the module needs one of its own");
        }
        let input = input::read(&self.input)?;
        let progress = Progress::new(input.bytes.len());
        progress.step("instrumenting");
        let done = self.instrument(&input)?;
        drop(progress);
        // The module last: one whose names or lines are missing is worse than those without a module.
        if let Some(sidecar) = &sidecar {
            output::write_file(sidecar, &done.manifest)?;
        }
        if let Some((path, debug)) = self.debug_out.as_ref().zip(done.instrumented.debug_module.as_ref()) {
            output::write_file(path, debug)?;
        }
        if let Some((path, map)) = &done.source_map {
            output::refuse_same(&self.input, path)?;
            output::write_file(path, map)?;
        }
        output::write_file(&self.output, &done.instrumented.bytes)?;
        let text = match self.json {
            true => serde_json::to_string_pretty(&self.to_json(&input, &done))? + "\n",
            false => self.to_text(&input, &done),
        };
        match input::is_stdio(&self.output) {
            true => output::print_error(&text),
            false => output::print(&text)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn sidecar(&self) -> Result<Option<PathBuf>> {
        match self.manifest {
            Manifest::Embed => Ok(None),
            Manifest::Sidecar if input::is_stdio(&self.output) => {
                bail!("--manifest sidecar writes a second file beside the output: give --output a path")
            }
            Manifest::Sidecar => Ok(Some(output::sidecar_of(&self.output))),
        }
    }

    fn instrument(&self, input: &Input) -> Result<Done> {
        let placement = match self.manifest {
            Manifest::Embed => Placement::Embed,
            Manifest::Sidecar => Placement::Sidecar,
        };
        let context = || format!("`{}`", input.name);
        let mut options = Options { debug: self.debug(), ..self.selection.options(placement)? };
        let info = ModuleInfo::parse_with(&input.bytes, &options).with_context(context)?;
        let map = self.source_map(&info, input);
        options.source_map_url = map.as_ref().and_then(|map| Some(map.as_ref().ok()?.url.clone()));
        let rewrite = |options: &Options| {
            let plan = Plan::new(&info, options).with_context(context)?;
            rewrite(&input.bytes, &info, &plan).with_context(context)
        };
        let mut instrumented = rewrite(&options)?;
        let mut source_map = None;
        let moved = map.filter(|_| !instrumented.plan.is_empty()).map(|map| {
            let (map, code) = (map?, instrumented.code_map.as_ref().context("nothing says where code stands")?);
            Ok::<_, anyhow::Error>((map.output, code.source_map(&map.bytes)?))
        });
        match moved {
            Some(Ok(moved)) => source_map = Some(moved),
            Some(Err(error)) => {
                output::warn(&format!("{error:#}"));
                options.source_map_url = None;
                instrumented = rewrite(&options)?;
            }
            None => {}
        }
        let manifest = instrumented.manifest.encode_bytes();
        Ok(Done { info, instrumented, manifest, source_map })
    }

    fn debug(&self) -> Debug {
        match &self.debug_out {
            Some(file) => Debug::Split { url: output::relative(file, &self.output) },
            None if self.strip_debug => Debug::Strip,
            None => Debug::Keep,
        }
    }

    /// The source map that the input names, or why it cannot be had.
    fn source_map(&self, info: &ModuleInfo, input: &Input) -> Option<Result<SourceMap>> {
        let url = info.source_map_url(&input.bytes).filter(|_| !self.strip_debug)?;
        Some(SourceMap::find(url, &self.input, &self.output))
    }

    fn to_text(&self, input: &Input, done: &Done) -> String {
        let (instrumented, manifest_bytes) = (&done.instrumented, done.manifest.len());
        let (before, after) = (input.bytes.len() as u64, instrumented.bytes.len() as u64);
        let growth = (after as f64 / before as f64 - 1.0) * 100.0;
        let manifest = match self.manifest {
            _ if instrumented.plan.is_empty() => "none: nothing is observed".to_owned(),
            Manifest::Embed => format!("{}, in the module", bytes(manifest_bytes as u64)),
            Manifest::Sidecar => {
                format!("{}, {}", bytes(manifest_bytes as u64), escape(&shown(&output::sidecar_of(&self.output))))
            }
        };
        let name = |path: &Path, stdio: &str| if input::is_stdio(path) { stdio.to_owned() } else { shown(path) };
        let output = name(&self.output, "standard output");
        format!(
            "{} {} {}\n{}{}{}",
            styled(HEADING, escape(&input.name)),
            styled(HEADING, "->"),
            styled(HEADING, escape(&output)),
            plan::to_text(&done.info, &instrumented.plan),
            facts::lines(
                &[
                    ("size", format!("{} before, {} after ({growth:+.1}%)", bytes(before), bytes(after))),
                    ("manifest", manifest),
                ]
                .into_iter()
                .chain(self.debug_lines(done))
                .collect::<Vec<_>>()
            ),
            plan::warnings(&instrumented.plan),
        )
    }

    /// Where debug information went, if there is any.
    fn debug_lines(&self, done: &Done) -> Vec<(&'static str, String)> {
        let file = |path: &Path, contents: &[u8]| format!("{}, {}", bytes(contents.len() as u64), escape(&shown(path)));
        let mut lines = Vec::new();
        if let Some(path) = &self.debug_out {
            let made = done.instrumented.debug_module.as_ref();
            let none = || "none: there is no debug information".to_owned();
            lines.push(("debug info", made.map_or_else(none, |contents| file(path, contents))));
        }
        if let Some((path, map)) = &done.source_map {
            lines.push(("source map", file(path, map)));
        }
        lines
    }

    fn to_json(&self, input: &Input, done: &Done) -> serde_json::Value {
        let debug = self.debug_out.as_ref().filter(|_| done.instrumented.debug_module.is_some());
        json!({
            "input": input.name,
            "output": shown(&self.output),
            "sidecar": self.sidecar().ok().flatten().map(|path| shown(&path)),
            "debug_module": debug.map(|path| shown(path)),
            "source_map": done.source_map.as_ref().map(|(path, _)| shown(path)),
            "bytes_before": input.bytes.len(),
            "bytes_after": done.instrumented.bytes.len(),
            "manifest_bytes": done.manifest.len(),
            "plan": plan::to_json(&done.info, &done.instrumented.plan),
        })
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
