//! `waspect plan`: what would be done to a module, and why not more. Writes nothing.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use waspect_instrumenter::plan::{Boundary, Entry, FunctionPlan};
use waspect_instrumenter::{ModuleInfo, Placement, Plan as Decided};

use super::view::View;
use crate::selection::Selection;
use crate::table::{self, HEADING, Table, styled};
use crate::text::{counted, escape};
use crate::{facts, output};

/// Shows what would be instrumented, and the reason for every function that is left out
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    view: View,

    #[command(flatten)]
    selection: Selection,
}

impl Plan {
    /// Prints the plan to standard output.
    pub fn run(self) -> Result<ExitCode> {
        let options = self.selection.options(Placement::Embed)?;
        let (input, info) = self.view.read(&options)?;
        let plan = Decided::new(&info, &options).with_context(|| format!("`{}`", input.name))?;
        if self.view.form.json {
            output::print_json(&to_json(&info, &plan))?;
        } else {
            let mut text = format!("{}\n", styled(HEADING, escape(&input.name)));
            text += &to_text(&info, &plan);
            text += &left_out(&info, &plan, self.view.form.rows_max());
            text += &warnings(&plan);
            output::print(&text)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The plan in a few lines, shared with `instrument`.
pub fn to_text(info: &ModuleInfo, plan: &Decided) -> String {
    let imported = info.imported_functions as usize;
    let (imports, functions) = plan.functions.split_at(imported.min(plan.functions.len()));
    let hooked = |list: &[FunctionPlan]| list.iter().filter(|one| one.hook.is_ok()).count() as u64;
    let of = |part: u64, whole: usize, noun| format!("{} of {}", crate::text::count(part), counted(whole as u64, noun));
    let mut lines = vec![
        ("mode", plan.mode.name().to_owned()),
        ("functions", of(hooked(functions), functions.len(), "function")),
        ("host calls", of(hooked(imports), imports.len(), "imported function")),
        ("boundaries", boundaries(plan)),
    ];
    if plan.mode.has_hooks() {
        lines.push(("allocators", if plan.grows { allocators(info, plan) } else { "not observed".to_owned() }));
        if plan.exact_unwind {
            lines.push(("exceptions", "caught and thrown on where they leave a function".to_owned()));
        }
        lines.push(("growth", if plan.grows { "every memory.grow" } else { "not observed" }.to_owned()));
    }
    facts::lines(&lines)
}

fn boundaries(plan: &Decided) -> String {
    let marked = plan.functions.iter().filter(|function| function.boundary == Boundary::Mark).count();
    let thunks = counted(plan.thunks() as u64, "thunk");
    match marked {
        0 => thunks,
        marked => format!("{thunks}, {} marked in the manifest alone", counted(marked as u64, "function")),
    }
}

fn allocators(info: &ModuleInfo, plan: &Decided) -> String {
    let objects = match plan.objects.len() {
        0 => String::new(),
        types => format!("objects of {}", counted(types as u64, "type")),
    };
    let mut families: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for allocator in &plan.allocators {
        let name = facts::function_name(info, allocator.index);
        families.entry(allocator.family).or_default().push(escape(&name).into_owned());
    }
    let families = families.into_iter().map(|(family, names)| format!("{family} ({})", names.join(", ")));
    let found: Vec<String> = families.chain((!objects.is_empty()).then_some(objects)).collect();
    if found.is_empty() { facts::no_allocators(info).to_owned() } else { found.join("; ") }
}

fn left_out(info: &ModuleInfo, plan: &Decided, rows_max: usize) -> String {
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut table = Table::new(&["INDEX", "WHY", "LEFT OUT"]).left(2);
    let mut rest = 0;
    for (index, function) in plan.functions.iter().enumerate() {
        let Err(reason) = function.hook else { continue };
        *reasons.entry(facts::reason_kind(&reason).to_owned()).or_default() += 1;
        if table.len() >= rows_max {
            rest += 1;
            continue;
        }
        let name = facts::function_name(info, index as u32);
        table.row([index.to_string(), reason.to_string(), escape(&name).into_owned()]);
    }
    if table.is_empty() {
        return String::new();
    }
    let reasons: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{} {reason}", crate::text::count(*count))).collect();
    let reasons = facts::lines(&[("left out", reasons.join(", "))]);
    let all = table.len() + rest;
    reasons + &table::section(table, all, "function")
}

/// The plan's warnings, below an empty line.
pub fn warnings(plan: &Decided) -> String {
    let lines = facts::warnings(plan);
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// The plan as JSON: every function, with what happens to it.
pub fn to_json(info: &ModuleInfo, plan: &Decided) -> Value {
    let functions = plan.functions.iter().enumerate().map(|(index, function)| {
        json!({
            "index": index,
            "name": facts::function_name(info, index as u32),
            "named_by": info.functions[index].named_by.as_str(),
            "import": (index as u32) < info.imported_functions,
            "observed": function.hook.is_ok(),
            "reason": function.hook.err().map(|reason| reason.to_string()),
            "reason_kind": function.hook.err().map(|reason| facts::reason_kind(&reason)),
            "boundary": match function.boundary {
                Boundary::No => "no",
                Boundary::Thunk => "thunk",
                Boundary::Mark => "mark",
            },
        })
    });
    let allocators = plan.allocators.iter().map(|allocator| {
        json!({
            "index": allocator.index,
            "name": facts::function_name(info, allocator.index),
            "family": allocator.family,
            "collected": allocator.collected,
            "entry": match allocator.entry {
                Entry::None => "none",
                Entry::Thunk => "thunk",
                Entry::Reference => "reference",
            },
        })
    });
    json!({
        "build": plan.build.to_string(),
        "mode": plan.mode.name(),
        "observed": plan.hooked(),
        "thunks": plan.thunks(),
        "memory_growth": plan.grows,
        "exact_unwind": plan.exact_unwind,
        "gates_only": plan.gates_only,
        "allocators": allocators.collect::<Vec<_>>(),
        "objects": facts::objects(info, plan),
        "functions": functions.collect::<Vec<_>>(),
        "warnings": plan.warnings.iter().map(|warning| warning.to_string()).collect::<Vec<_>>(),
    })
}
