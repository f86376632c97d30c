//! `waspect diff`: what changed between two builds of a module. Decides nothing.

mod functions;
mod json;
mod lists;
mod shape;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use waspect_instrumenter::{ModuleInfo, Options, Plan};

use super::view::{Form, facts_of};
use crate::input::{self, Input};
use crate::{facts, output};
use functions::FunctionChange;
use lists::Change;

/// Shows what changed between two builds: functions, imports, exports, memories, allocators, sections
#[derive(Args)]
pub struct Diff {
    /// Module before, binary or text; `-` is standard input
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// Module after
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    #[command(flatten)]
    form: Form,
}

/// A module and its facts.
struct Build {
    input: Input,
    info: ModuleInfo,
}

/// Everything that changed.
struct Changes {
    before: Build,
    after: Build,
    functions: Vec<FunctionChange>,
    imports: Vec<Change<String>>,
    exports: Vec<Change<String>>,
    memories: Vec<Change<String>>,
    allocators: Vec<Change<String>>,
    producers: Vec<Change<String>>,
    sections: Vec<Change<u64>>,
}

impl Diff {
    /// Prints the changes to standard output.
    pub fn run(self) -> Result<ExitCode> {
        let changes = Changes::new(Build::read(&self.before)?, Build::read(&self.after)?);
        match self.form.json {
            true => output::print_json(&changes.to_json())?,
            false => output::print(&changes.to_text(self.form.rows_max()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Build {
    fn read(path: &std::path::Path) -> Result<Build> {
        let input = input::read(path)?;
        let info = facts_of(&input, &Options::default())?;
        Ok(Build { input, info })
    }

    fn imports(&self) -> Vec<(String, String)> {
        let named = |import: &waspect_instrumenter::info::Import| {
            let name = format!("{} {}.{}", facts::kind(import.kind), import.module, import.field);
            (name, facts::import_type(&self.info, import))
        };
        self.info.imports.iter().map(named).collect()
    }

    fn exports(&self) -> Vec<(String, String)> {
        let named = |export: &waspect_instrumenter::info::Export| {
            let name = format!("{} {}", facts::kind(export.kind), export.name);
            (name, facts::export_type(&self.info, export.kind, export.index))
        };
        self.info.exports.iter().map(named).collect()
    }

    fn memories(&self) -> Vec<(String, String)> {
        let memories = self.info.memories.iter().enumerate();
        memories.map(|(index, memory)| (format!("memory {index}"), facts::memory(memory))).collect()
    }

    /// None where the module cannot be instrumented.
    fn allocators(&self) -> Vec<(String, String)> {
        let Ok(plan) = Plan::new(&self.info, &Options::default()) else { return Vec::new() };
        let named = plan
            .allocators
            .iter()
            .map(|allocator| format!("{} ({})", facts::function_name(&self.info, allocator.index), allocator.family));
        named.map(|name| (name, String::new())).collect()
    }

    fn producers(&self) -> Vec<(String, String)> {
        let named = |(field, name, version): &(String, String, String)| (format!("{name} ({field})"), version.clone());
        self.info.producers.iter().map(named).collect()
    }

    fn sections(&self) -> Vec<(String, u64)> {
        let sections = self.info.sections.iter();
        sections.map(|section| (lists::section_name(section), section.range.len() as u64)).collect()
    }
}

impl Changes {
    fn new(before: Build, after: Build) -> Changes {
        Changes {
            functions: functions::changes(&before, &after),
            imports: lists::changes(before.imports(), after.imports()),
            exports: lists::changes(before.exports(), after.exports()),
            memories: lists::changes(before.memories(), after.memories()),
            allocators: lists::changes(before.allocators(), after.allocators()),
            producers: lists::changes(before.producers(), after.producers()),
            sections: lists::changes(before.sections(), after.sections()),
            before,
            after,
        }
    }
}
