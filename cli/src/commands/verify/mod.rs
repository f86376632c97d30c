//! `waspect verify`: the original and the instrumented module side by side, and whether a host could tell them apart.

mod json;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use wasmtime::Engine;
use waspect_instrumenter::{ModuleInfo, Placement, Plan, rewrite};
use waspect_verify::host::Outcome;
use waspect_verify::trial::{self, Drive, Trial, World};
use waspect_verify::{Side, Verdict, engine};

use super::view::View;
use crate::guest::{Directory, values};
use crate::input::Input;
use crate::output;
use crate::progress::Progress;
use crate::selection::{Filter, ModeArgument};

/// Stack of the thread beyond the guest's: the host's functions, and room for the engine.
const HOST_STACK_BYTES: usize = 8 << 20;

/// Modes that are tried unless others are named.
const DEFAULT_MODES: [ModeArgument; 2] = [ModeArgument::Calls, ModeArgument::Counts];

/// Fuel of `_start` and of a function that is named: half a minute or so.
const RUN_FUEL: u64 = 10_000_000_000;

/// Runs a module before and after instrumentation, and says whether a host could tell the two apart
///
/// Compared are results, kinds of traps, calls of imports with arguments, results and the memory that they see, what is
/// printed, and after each call all memories, globals and tables, hidden ones too. Hooks lead to a recorder that checks every
/// rule of the ABI. By default `_start` is run with ARGS where the module has it; else every exported function is called with
/// generated arguments. WASI preview 1 has the files of --dir, to be read, and no network; its clock and its random bytes are
/// the same in every run. Imports that are not of WASI answer with generated values. Exit codes: 0 same; 1 different, or not comparable.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    view: View,

    /// Arguments of the guest, or of the function of --invoke
    #[arg(last = true)]
    arguments: Vec<String>,

    /// Depths of instrumentation to try (repeatable or separated by commas)
    #[arg(long = "mode", value_name = "MODE", value_enum, value_delimiter = ',', default_values_t = DEFAULT_MODES)]
    modes: Vec<ModeArgument>,

    #[command(flatten)]
    driven: Driven,

    #[command(flatten)]
    filter: Filter,
}

#[derive(Args)]
#[command(next_help_heading = "How it is run")]
struct Driven {
    /// Exported function to call, with ARGS
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,

    /// Calls every exported function with generated arguments, though the module has `_start`
    #[arg(long, conflicts_with = "invoke")]
    exports: bool,

    /// Generated calls of each exported function
    #[arg(long, value_name = "CALLS", default_value_t = 16)]
    rounds: u32,

    /// Where generated arguments, and answers of unknown imports, begin
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Instructions, about, after which a call of the original ends and is not compared; unless said, 10 million for a
    /// generated call, else 10 billion
    #[arg(long, value_name = "INSTRUCTIONS")]
    fuel: Option<u64>,

    /// Stack of the guest in bytes, before and after
    #[arg(long = "stack", value_name = "BYTES", default_value_t = 4 << 20)]
    stack_bytes: usize,

    /// Variable of the guest's environment (repeatable)
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = parse_variable)]
    environment: Vec<(String, String)>,

    /// Directory that the guest may read and not change, under the same path or another (repeatable)
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    directories: Vec<Directory>,

    /// File that is the guest's standard input; nothing by default
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
}

/// What came of it.
struct Verified {
    module: String,
    trial: Trial,
    /// Names and kinds of all that has state and was compared.
    observed: Vec<(String, &'static str)>,
    modes: Vec<ModeArgument>,
    verdict: Verdict,
}

impl Verify {
    /// Prints what was compared; the exit code says whether it was the same.
    pub fn run(self) -> Result<ExitCode> {
        let (input, info) = self.view.read(&self.filter.options(ModeArgument::Calls, Placement::Embed)?)?;
        let stack_bytes = self.driven.stack_bytes;
        let form = (self.view.form.json, self.view.form.rows_max());
        let name = input.name.clone();
        // A thread of its own: its stack is large enough whatever `ulimit` says.
        let thread = std::thread::Builder::new().stack_size(stack_bytes.saturating_add(HOST_STACK_BYTES));
        let verified =
            thread.spawn(move || self.verify(&input, &info)).context("cannot start a thread for the guest")?;
        let verified = verified.join().map_err(|_| anyhow!("the comparison was given up"))?;
        let verified = verified.with_context(|| format!("`{name}`"))?;
        match form {
            (true, _) => output::print_json(&verified.to_json())?,
            (false, rows_max) => output::print(&verified.to_text(rows_max))?,
        }
        Ok(ExitCode::from(u8::from(!verified.is_same())))
    }

    fn verify(self, input: &Input, info: &ModuleInfo) -> Result<Verified> {
        let progress = Progress::new(input.bytes.len());
        progress.step("compiling");
        let engine = engine::fidelity(self.driven.stack_bytes);
        let original = side(&engine, input, &input.bytes)?;
        let trial = self.trial(input, &original)?;
        let mut sides = Vec::new();
        for &mode in &self.modes {
            let plan = Plan::new(info, &self.filter.options(mode, Placement::Embed)?)?;
            let instrumented = rewrite(&input.bytes, info, &plan)?;
            let side =
                side(&engine, input, &instrumented.bytes).with_context(|| format!("in mode {}", name_of(mode)))?;
            sides.push(if observes_everything(info, &plan) { side } else { side.partial() });
        }
        progress.step("running");
        let verdict = waspect_verify::verify(&engine, &original, &sides, &trial)?;
        let observed = original.observed().map(|(name, ty)| (name.to_owned(), kind(&ty))).collect();
        let verified = Verified { module: input.name.clone(), trial, observed, modes: self.modes, verdict };
        // The instantiation alone says little.
        let limited = verified.limited();
        if limited > 0 && limited + 1 >= verified.verdict.before.calls.len() {
            bail!("nothing could be compared: the original met a limit; give it more --fuel or --stack");
        }
        Ok(verified)
    }

    fn trial(&self, input: &Input, original: &Side) -> Result<Trial> {
        let driven = &self.driven;
        let drive = match &driven.invoke {
            Some(function) => {
                let Some(ty) = original.function(function) else {
                    bail!("the module exports no function `{function}`; see `waspect inspect`");
                };
                let arguments = values::parse_numbers(&self.arguments, function, &ty)?;
                Drive::Invoke { function: function.clone(), arguments }
            }
            None if !driven.exports && original.function(trial::COMMAND).is_some() => Drive::Command,
            None if !self.arguments.is_empty() => {
                bail!("generated calls take no arguments: name a function with --invoke")
            }
            None => Drive::Exports { rounds: driven.rounds },
        };
        let fuel = if matches!(drive, Drive::Exports { .. }) { trial::FUEL } else { RUN_FUEL };
        let stdin = match &driven.stdin {
            Some(path) => std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?,
            None => Vec::new(),
        };
        let arguments = std::iter::once(input.name.clone()).chain(self.arguments.iter().cloned());
        let world = World {
            arguments: arguments.collect(),
            environment: driven.environment.clone(),
            stdin,
            directories: driven
                .directories
                .iter()
                .map(|Directory { host, guest }| (host.clone(), guest.clone()))
                .collect(),
        };
        Ok(Trial { seed: driven.seed, fuel: driven.fuel.unwrap_or(fuel), world, ..Trial::new(drive) })
    }
}

impl Verified {
    fn is_same(&self) -> bool {
        self.verdict.differences.iter().all(|differences| differences.is_empty())
    }

    /// Calls in which the original met a limit.
    fn limited(&self) -> usize {
        self.count(Outcome::met_a_limit)
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.verdict.before.calls.iter().filter(|call| is(&call.outcome)).count()
    }

    /// Calls of the original by how they ended.
    fn endings(&self) -> [(&'static str, usize); 6] {
        [
            ("returned", self.count(|outcome| matches!(outcome, Outcome::Returned(_)))),
            ("trapped", self.count(|outcome| matches!(outcome, Outcome::Trapped(_)) && !outcome.met_a_limit())),
            ("threw", self.count(|outcome| matches!(outcome, Outcome::Threw(_)))),
            ("exited", self.count(|outcome| matches!(outcome, Outcome::Exited(_)))),
            ("failed", self.count(|outcome| matches!(outcome, Outcome::Failed(_)))),
            ("limited", self.limited()),
        ]
    }

    fn host_calls(&self) -> u64 {
        self.verdict.before.calls.iter().map(|call| call.log.calls()).sum()
    }
}

fn side(engine: &Engine, input: &Input, bytes: &[u8]) -> Result<Side> {
    Side::compile(engine, &input.bytes, bytes).map_err(|error| anyhow!("the module cannot be compiled: {error:#}"))
}

/// True where every defined function has a hook and a counter.
fn observes_everything(info: &ModuleInfo, plan: &Plan) -> bool {
    let mut defined = plan.functions.iter().skip(info.imported_functions as usize);
    !plan.gates_only && defined.all(|function| function.hook.is_ok())
}

fn name_of(mode: ModeArgument) -> String {
    mode.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn kind(ty: &wasmtime::ExternType) -> &'static str {
    match ty {
        wasmtime::ExternType::Memory(_) => "memory",
        wasmtime::ExternType::Global(_) => "global",
        wasmtime::ExternType::Table(_) => "table",
        _ => "other",
    }
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE: nothing is inherited, so that runs repeat")?;
    Ok((key.to_owned(), value.to_owned()))
}
