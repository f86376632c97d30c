//! `waspect instrument`: writes an observable copy of a module, and says what was done.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use waspect_instrumenter::{Instrumented, ModuleInfo, Placement, Plan, rewrite};

use super::plan;
use crate::input::{self, Input};
use crate::progress::Progress;
use crate::selection::Selection;
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

impl Instrument {
    /// Writes the files, then prints to standard output; to standard error when the module goes there.
    pub fn run(self) -> Result<ExitCode> {
        let sidecar = self.sidecar()?;
        for output in [Some(&self.output), sidecar.as_ref()].into_iter().flatten() {
            output::refuse_same(&self.input, output)?;
        }
        let input = input::read(&self.input)?;
        let progress = Progress::new(input.bytes.len());
        progress.step("instrumenting");
        let (info, instrumented) = self.instrument(&input)?;
        drop(progress);
        let manifest = instrumented.manifest.encode_bytes();
        // The sidecar first: a module whose names are missing is worse than names without a module.
        if let Some(sidecar) = &sidecar {
            output::write_file(sidecar, &manifest)?;
        }
        output::write_file(&self.output, &instrumented.bytes)?;
        let text = match self.json {
            true => serde_json::to_string_pretty(&self.to_json(&input, &info, &instrumented, manifest.len()))? + "\n",
            false => self.to_text(&input, &info, &instrumented, manifest.len()),
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

    fn instrument(&self, input: &Input) -> Result<(ModuleInfo, Instrumented)> {
        let placement = match self.manifest {
            Manifest::Embed => Placement::Embed,
            Manifest::Sidecar => Placement::Sidecar,
        };
        let context = || format!("`{}`", input.name);
        let info = ModuleInfo::parse(&input.bytes).with_context(context)?;
        let plan = Plan::new(&info, &self.selection.options(placement)).with_context(context)?;
        let instrumented = rewrite(&input.bytes, &info, &plan).with_context(context)?;
        Ok((info, instrumented))
    }

    fn to_text(&self, input: &Input, info: &ModuleInfo, instrumented: &Instrumented, manifest_bytes: usize) -> String {
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
            plan::to_text(info, &instrumented.plan),
            facts::lines(&[
                ("size", format!("{} before, {} after ({growth:+.1}%)", bytes(before), bytes(after))),
                ("manifest", manifest),
            ]),
            plan::warnings(&instrumented.plan),
        )
    }

    fn to_json(
        &self,
        input: &Input,
        info: &ModuleInfo,
        instrumented: &Instrumented,
        manifest_bytes: usize,
    ) -> serde_json::Value {
        json!({
            "input": input.name,
            "output": shown(&self.output),
            "sidecar": self.sidecar().ok().flatten().map(|path| shown(&path)),
            "bytes_before": input.bytes.len(),
            "bytes_after": instrumented.bytes.len(),
            "manifest_bytes": manifest_bytes,
            "plan": plan::to_json(info, &instrumented.plan),
        })
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
