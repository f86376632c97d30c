//! `waspect inspect`: what a module is, and what can be observed of it. Decides nothing.

mod json;
mod tables;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use wasmparser::WasmFeatures;
use waspect_instrumenter::info::NameSource;
use waspect_instrumenter::plan::Reason;
use waspect_instrumenter::{Error, ModuleInfo, Options, Plan, minimal_features};

use super::view::View;
use crate::input::Input;
use crate::names::Names;
use crate::table::{HEADING, styled};
use crate::text::{bytes, count, counted, escape};
use crate::{facts, output};

/// Shows what a module is made of, and what can and cannot be observed of it
#[derive(Args)]
pub struct Inspect {
    #[command(flatten)]
    view: View,

    #[command(flatten)]
    names: Names,
}

/// What is known of a module.
struct Facts {
    input: Input,
    info: ModuleInfo,
    /// Features it needs, by name.
    proposals: Vec<&'static str>,
    /// What would be done to it; or why it cannot be instrumented.
    plan: Result<Plan, Error>,
}

impl Inspect {
    /// Prints the facts to standard output.
    pub fn run(self) -> Result<ExitCode> {
        let options = Options { symbols: self.names.symbols()?, ..Options::default() };
        let (input, info) = self.view.read(&options)?;
        let features = minimal_features(&input.bytes).with_context(|| format!("`{}`", input.name))?;
        let proposals = (features - WasmFeatures::MVP).iter_names().map(|(name, _)| name).collect();
        let plan = Plan::new(&info, &options);
        let facts = Facts { input, info, proposals, plan };
        match self.view.form.json {
            true => output::print_json(&facts.to_json())?,
            false => output::print(&facts.to_text(self.view.form.rows_max()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Facts {
    fn to_text(&self, rows_max: usize) -> String {
        let info = &self.info;
        let mut text = format!("{}\n", styled(HEADING, escape(&self.input.name)));
        text += &facts::lines(&[
            ("size", format!("{}, build {}", bytes(info.bytes as u64), info.build)),
            ("name", if info.name.is_empty() { "none".into() } else { escape(&info.name).into_owned() }),
            ("made by", self.producers()),
            ("proposals", self.proposals()),
            ("functions", self.functions()),
            ("memories", self.memories()),
            ("others", self.others()),
            ("names", self.names()),
            ("debug info", self.debug_info()),
        ]);
        text += "\n";
        text += &facts::lines(&self.observable().map(|(what, value)| (what, escape(&value).into_owned())));
        text += &self.imports(rows_max);
        text += &self.exports(rows_max);
        text += &self.defined(rows_max);
        text
    }

    fn producers(&self) -> String {
        let producers = self.info.producers.iter().map(|(field, name, version)| {
            let version = if version.is_empty() { String::new() } else { format!(" {version}") };
            escape(&format!("{name}{version} ({field})")).into_owned()
        });
        or_none(producers.collect(), ", ")
    }

    fn proposals(&self) -> String {
        or_none(self.proposals.iter().map(|name| proposal(name)).collect(), ", ")
    }

    fn functions(&self) -> String {
        let imported = u64::from(self.info.imported_functions);
        let all = self.info.functions.len() as u64;
        let code: usize = self.bodies().map(|(_, bytes)| bytes).sum();
        format!("{} defined ({} of code), {} imported", count(all - imported), bytes(code as u64), count(imported))
    }

    fn memories(&self) -> String {
        or_none(self.info.memories.iter().map(facts::memory).collect(), "; ")
    }

    fn others(&self) -> String {
        let info = &self.info;
        let start = info.start.map(|start| format!(", start function {start} `{}`", facts::function_name(info, start)));
        escape(&format!(
            "{}, {}, {}{}",
            counted(info.tables.into(), "table"),
            counted(info.globals.len() as u64, "global"),
            counted(info.tags.len() as u64, "tag"),
            start.unwrap_or_default()
        ))
        .into_owned()
    }

    fn names(&self) -> String {
        let functions = &self.info.functions;
        let by = |source| functions.iter().filter(|function| function.named_by == source).count() as u64;
        let named = functions.len() as u64 - by(NameSource::Nothing);
        let sources = NameSource::ALL.into_iter().filter(|source| *source != NameSource::Nothing && by(*source) > 0);
        let sources: Vec<String> =
            sources.map(|source| format!("{} by {}", count(by(source)), source.as_str())).collect();
        let sources = if sources.is_empty() { String::new() } else { format!(": {}", sources.join(", ")) };
        format!("{} of {}{sources}", count(named), counted(functions.len() as u64, "function"))
    }

    fn debug_info(&self) -> String {
        let debug = |prefix| {
            self.info.sections.iter().filter(move |section| section.id == 0 && section.name.starts_with(prefix))
        };
        let mut found = Vec::new();
        let dwarf: usize = debug(".debug_").map(|section| section.range.len()).sum();
        if dwarf > 0 {
            found.push(format!("DWARF, {}", bytes(dwarf as u64)));
        }
        for name in ["sourceMappingURL", "external_debug_info"] {
            if debug(name).next().is_some() {
                found.push(name.to_owned());
            }
        }
        or_none(found, ", ")
    }

    /// What can be observed, what cannot, and why.
    fn observable(&self) -> [(&'static str, String); 5] {
        let info = &self.info;
        let plan = match &self.plan {
            Ok(plan) => plan,
            Err(error) => {
                let no = || "no, see calls".to_owned();
                return [
                    ("calls", format!("no: {error}")),
                    ("host calls", no()),
                    ("allocations", no()),
                    ("growth", no()),
                    ("source", no()),
                ];
            }
        };
        let imported = info.imported_functions as usize;
        let (imports, functions) = plan.functions.split_at(imported);
        let growing = self.bodies_with_growth();
        [
            ("calls", self.calls(functions.iter().map(|function| function.hook))),
            ("host calls", observed(imports.iter().map(|function| function.hook), "import")),
            ("allocations", self.allocations(plan)),
            (
                "growth",
                match growing {
                    0 => "nothing to observe: no memory.grow".to_owned(),
                    growing => format!("yes: memory.grow in {}", counted(growing as u64, "function")),
                },
            ),
            (
                "source",
                match info.functions.iter().filter(|function| function.source.is_some()).count() {
                    0 if self.debug_info() == "none" => {
                        "function names only: the module has no debug information".to_owned()
                    }
                    0 => "function names only: the debug information tells no lines".to_owned(),
                    known => format!("file and line of {}", counted(known as u64, "function")),
                },
            ),
        ]
    }

    fn calls(&self, hooks: impl Iterator<Item = Result<(), Reason>>) -> String {
        let stacks = match (&self.info.go, &self.info.asyncify) {
            (Some(_), _) => "; goroutines have stacks of their own: calls that wait go on (not in mode ring)",
            (None, Some(_)) => "; Asyncify suspends them: calls that wait go on (not in mode ring)",
            (None, None) => "",
        };
        format!("{}{stacks}", observed(hooks, "defined function"))
    }

    fn allocations(&self, plan: &Plan) -> String {
        if plan.allocators.is_empty() && plan.objects.is_empty() {
            return format!("no: {}", facts::no_allocators(&self.info));
        }
        let objects = (!plan.objects.is_empty())
            .then(|| format!("objects of {}, bytes estimated", counted(plan.objects.len() as u64, "type")));
        let allocators = plan.allocators.iter().map(|allocator| {
            let collected = if allocator.collected { ", bytes only: frees are not seen" } else { "" };
            let name = facts::function_name(&self.info, allocator.index);
            format!("{} `{name}` ({}{collected})", allocator.index, allocator.family)
        });
        format!("yes: {}", allocators.chain(objects).collect::<Vec<_>>().join(", "))
    }

    fn bodies(&self) -> impl Iterator<Item = (u32, usize)> {
        let bodies = self.info.functions.iter().enumerate();
        bodies.filter_map(|(index, function)| Some((index as u32, function.body.as_ref()?.range.len())))
    }

    fn bodies_with_growth(&self) -> usize {
        let bodies = self.info.functions.iter().filter_map(|function| function.body.as_ref());
        bodies.filter(|body| body.facts.grows > 0).count()
    }
}

/// `all 12 functions`, or how many and why not the others.
fn observed(hooks: impl Iterator<Item = Result<(), Reason>>, noun: &str) -> String {
    let hooks: Vec<_> = hooks.collect();
    let hooked = hooks.iter().filter(|hook| hook.is_ok()).count();
    if hooks.is_empty() {
        return format!("nothing to observe: no {noun}");
    }
    let mut reasons = std::collections::BTreeMap::<&str, u64>::new();
    for reason in hooks.iter().filter_map(|hook| hook.as_ref().err()) {
        *reasons.entry(facts::reason_kind(reason)).or_default() += 1;
    }
    let why: Vec<String> = reasons.iter().map(|(reason, times)| format!("{} {reason}", count(*times))).collect();
    let why = if why.is_empty() { String::new() } else { format!("; not: {}", why.join(", ")) };
    let yes = if hooked > 0 { "yes" } else { "no" };
    format!("{yes}: {} of {}{why}", count(hooked as u64), counted(hooks.len() as u64, noun))
}

/// `BULK_MEMORY` is `bulk-memory`, as the proposals' repositories are called.
fn proposal(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn or_none(texts: Vec<String>, separator: &str) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(separator) }
}
