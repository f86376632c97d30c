//! `waspect run`: instruments a module in memory, runs it, and tells what it did.
//!
//! The guest owns standard input, standard output and the exit code; everything of ours goes to standard error or to files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use waspect_recorder::{Outcome, Snapshot};

use crate::flamegraph::{self, By};
use crate::guest::{Call, Directory, Finished, Guest, Unknown, World};
use crate::observable::Observable;
use crate::progress::Progress;
use crate::selection::Selection;
use crate::signals::{self, Signal};
use crate::summary::{self, Ending, Sort, Summary};
use crate::table::{self, BAD, WARN, styled};
use crate::telemetry::{Started, Telemetry};
use crate::text::{escape, escape_lines};
use crate::{input, output};

/// Exit code of a trap: that of an aborted process, as wasmtime's.
const TRAPPED: i32 = 134;

/// Exit code when a host function failed, as wasmtime's.
const HOST_ERROR: i32 = 1;

/// How long a guest that was asked to end may take, before its figures are told without it.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a WASI preview 1 module and tells what it did
///
/// Standard input, standard output and the exit code are the guest's. Exit codes: the guest's own; 134 when it trapped;
/// 1 when a host function failed or waspect did; 2 for wrong usage; 130 and 143 after SIGINT and SIGTERM, which still
/// give the summary; the second one ends the process at once.
#[derive(Args)]
pub struct Run {
    /// Module to run, binary or text; one that is instrumented already is run as it is
    module: PathBuf,

    /// Arguments of the guest, or of the function of --invoke
    #[arg(last = true)]
    arguments: Vec<String>,

    #[command(flatten)]
    world: WorldArguments,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    telemetry: Telemetry,

    #[command(flatten)]
    shown: Shown,
}

#[derive(Args)]
#[command(next_help_heading = "What the guest sees")]
struct WorldArguments {
    /// Directory that the guest may use, under the same path or another (repeatable)
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    directories: Vec<Directory>,

    /// Variable of the guest's environment (repeatable); without a value, ours. Nothing else is inherited
    #[arg(long = "env", value_name = "KEY[=VALUE]")]
    environment: Vec<String>,

    /// Exported function to call instead of `_start`; its results are printed
    ///
    /// Arguments stand behind `--`: numbers, or `text:TEXT` where a C function takes the address of a text, which is put where
    /// the module's exported `malloc` says.
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,

    /// Exported function to call as C's main(argc, argv), with the guest's arguments
    #[arg(long, value_name = "FUNCTION", conflicts_with = "invoke")]
    invoke_main: Option<String>,

    /// What becomes of imported functions that are not of WASI preview 1
    #[arg(long, value_name = "HOW", default_value = "refuse")]
    unknown_imports: Unknown,
}

#[derive(Args)]
#[command(next_help_heading = "What is shown")]
struct Shown {
    /// Form of the summary
    #[arg(long, value_name = "FORM", default_value = "table")]
    summary: Form,

    /// Writes the summary to a file instead of standard error
    #[arg(long, value_name = "FILE")]
    summary_file: Option<PathBuf>,

    /// Rows a table of the summary, 0 for all
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    top: usize,

    /// Order of the functions
    #[arg(long, value_name = "BY", default_value = "self")]
    sort: Sort,

    /// Writes a profile that `go tool pprof` reads
    #[arg(long, value_name = "FILE")]
    pprof: Option<PathBuf>,

    /// Writes folded stacks, a line each, weighted as --flamegraph-by says
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,

    /// Draws a flame graph
    #[arg(long, value_name = "FILE.svg")]
    flamegraph: Option<PathBuf>,

    /// What the width of a bar stands for
    #[arg(long, value_name = "WEIGHT", default_value = "time")]
    flamegraph_by: By,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    None,
}

/// What may happen while the guest runs.
enum Event {
    Ended(Result<Finished>),
    Asked(Signal),
}

impl Run {
    /// Runs the guest, writes what was asked for, and ends the process as the guest ended.
    pub fn run(mut self) -> Result<ExitCode> {
        self.refuse_clashes()?;
        let input = input::read(&self.module)?;
        let name = input.name.clone();
        let progress = Progress::new(input.bytes.len());
        progress.step("instrumenting");
        let observable = Observable::new(input, &self.module, &self.selection)?;
        let telemetry = self.telemetry.start(&stem(&self.module))?;
        progress.step("compiling");
        let guest = Guest::compile(&observable.bytes, &telemetry.observer, self.world.unknown_imports, |module| {
            observable.make_known(module, &telemetry.observer)
        });
        let guest = guest.with_context(|| format!("`{name}`"))?;
        let call = self.call();
        guest.check(&call).with_context(|| format!("`{name}`"))?;
        drop(progress);

        let (events, event) = channel();
        let ended = events.clone();
        let began = Instant::now();
        let stop = guest.stop();
        signals::watch(move |signal| {
            let _ = events.send(Event::Asked(signal));
            stop.stop();
        })?;
        guest.start(self.world(&telemetry)?, call, move |result| {
            // Nobody listens any more when the run was given up.
            let _ = ended.send(Event::Ended(result));
        })?;
        let (finished, signal) = wait(&event)?;
        let code = self.report(&observable, &telemetry, finished, signal, began.elapsed())?;
        std::process::exit(code)
    }

    /// Says how it ended, writes summary and files, and gives the exit code.
    fn report(
        &self,
        observable: &Observable,
        telemetry: &Started,
        finished: Option<Finished>,
        signal: Option<Signal>,
        elapsed: Duration,
    ) -> Result<i32> {
        if finished.is_none() {
            let text = "the guest is inside a host call that cannot be interrupted: its last second may be missing";
            output::print_error(&format!("{} {text}\n", styled(WARN, "warning:")));
        }
        let duration = finished.as_ref().map_or(elapsed, |finished| finished.duration);
        let (ending, code) = match (&finished, signal) {
            (_, Some(signal)) => (Ending::Interrupted(signal.name), signal.exit_code),
            (Some(finished), None) => ended(finished)?,
            (None, None) => bail!("the guest is gone without a word"),
        };
        // What is alive is told while the instance is, what leaked when it ended.
        let snapshot = telemetry.observer.snapshot();
        let profile = telemetry.observer.profile();
        drop(finished);
        let mut snapshot = with_leaks(snapshot, telemetry.observer.snapshot());
        if let Ending::Exited(code) = ending {
            for error in snapshot.errors.iter_mut().filter(|error| error.message.is_empty()) {
                error.message = format!("code {code}");
            }
        }
        let sent = telemetry.finish();
        let (sent, sent_error) = match sent {
            Ok(sent) => (sent, None),
            Err(error) => (None, Some(error)),
        };
        self.shown.summarise(&Summary {
            module: self.module.display().to_string(),
            service: telemetry.service.clone(),
            build: observable.build(),
            mode: observable.mode(),
            allocations_missing: observable.allocations_missing(),
            ending,
            wall_ns: duration.as_nanos().try_into().unwrap_or(u64::MAX),
            snapshot,
            sent,
        })?;
        self.shown.write_profiles(&profile, &self.module)?;
        match sent_error {
            Some(error) => Err(error),
            None => Ok(code),
        }
    }

    fn call(&self) -> Call {
        let (function, main) = match (&self.world.invoke, &self.world.invoke_main) {
            (Some(function), _) => (function, None),
            (None, Some(function)) => (function, Some(self.program())),
            (None, None) => return Call::Command,
        };
        Call::Invoke { function: function.clone(), arguments: self.arguments.clone(), main }
    }

    /// What the guest is told to be called.
    fn program(&self) -> String {
        self.module.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn world(&self, telemetry: &Started) -> Result<World> {
        let variable = |text: &String| match text.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => match std::env::var(text) {
                Ok(value) => Ok((text.clone(), value)),
                Err(_) => {
                    bail!("--env {text}: no such variable in our environment; give it a value: --env {text}=VALUE")
                }
            },
        };
        Ok(World {
            arguments: std::iter::once(self.program()).chain(self.arguments.iter().cloned()).collect(),
            environment: self.world.environment.iter().map(variable).collect::<Result<_>>()?,
            directories: self.world.directories.clone(),
            parent: telemetry.parent.clone(),
        })
    }

    fn refuse_clashes(&self) -> Result<()> {
        if input::is_stdio(&self.module) {
            bail!("standard input belongs to the guest: give the module as a file");
        }
        let shown = &self.shown;
        let files = [&self.telemetry.trace, &shown.summary_file, &shown.pprof, &shown.folded, &shown.flamegraph];
        for file in files.into_iter().flatten() {
            if input::is_stdio(file) {
                bail!("standard output belongs to the guest: give a file instead of `-`");
            }
            output::refuse_same(&self.module, file)?;
        }
        Ok(())
    }
}

impl Shown {
    fn summarise(&self, summary: &Summary) -> Result<()> {
        let width = if self.summary_file.is_some() { None } else { table::stderr_width() };
        let text = match self.summary {
            Form::None => return Ok(()),
            Form::Json => serde_json::to_string_pretty(&summary::to_json(summary, self.sort))? + "\n",
            Form::Table => summary::to_text(summary, self.sort, self.top, width),
        };
        match &self.summary_file {
            Some(path) => output::write_file(path, anstream::adapter::strip_str(&text).to_string().as_bytes()),
            None => {
                output::print_error(&text);
                Ok(())
            }
        }
    }

    fn write_profiles(&self, profile: &waspect_recorder::Profile, module: &Path) -> Result<()> {
        let weight = self.flamegraph_by.weight();
        if let Some(path) = &self.pprof {
            output::write_file(path, &profile.pprof())?;
        }
        if let Some(path) = &self.folded {
            output::write_file(path, profile.folded(weight).as_bytes())?;
        }
        if let Some(path) = &self.flamegraph {
            let svg = flamegraph::draw(&profile.folded(weight), &stem(module), self.flamegraph_by)?;
            output::write_file(path, &svg)?;
        }
        Ok(())
    }
}

/// Waits for the end of the guest; after a signal only for so long.
fn wait(events: &Receiver<Event>) -> Result<(Option<Finished>, Option<Signal>)> {
    match events.recv()? {
        Event::Ended(finished) => Ok((Some(finished?), None)),
        Event::Asked(signal) => match events.recv_timeout(GRACE) {
            Ok(Event::Ended(finished)) => Ok((Some(finished?), Some(signal))),
            _ => Ok((None, Some(signal))),
        },
    }
}

/// What an outcome means for people and for the shell; prints what the guest gave back, or why it failed.
fn ended(finished: &Finished) -> Result<(Ending, i32)> {
    let say = |what: &str, message: &str, backtrace: &str| {
        let text = format!("{} {what}: {}\n", styled(BAD, "error:"), escape_lines(message));
        output::print_error(&format!("{text}{}", escape_lines(backtrace)));
    };
    Ok(match &finished.outcome {
        Outcome::Exited(code) => (Ending::Exited(*code), *code),
        Outcome::Trapped { message, backtrace, .. } => {
            say("the guest trapped", message, backtrace);
            (Ending::Trapped(message.clone()), TRAPPED)
        }
        Outcome::HostError { message, backtrace, .. } => {
            say("the guest was stopped by its host", message, backtrace);
            (Ending::HostError(message.clone()), HOST_ERROR)
        }
        Outcome::Returned => {
            for result in &finished.results {
                output::print(&format!("{}\n", escape(result)))?;
            }
            (Ending::Returned, 0)
        }
        other => {
            let message = format!("{other:?}");
            say("the guest was interrupted", &message, "");
            (Ending::HostError(message), HOST_ERROR)
        }
    })
}

/// The figures while the instance lived, with what was found to be leaked when it ended.
fn with_leaks(mut alive: Snapshot, ended: Snapshot) -> Snapshot {
    for function in &mut alive.functions {
        let same = |other: &&waspect_recorder::FunctionSnapshot| {
            other.build == function.build && other.index == function.index
        };
        if let Some(last) = ended.functions.iter().find(same) {
            function.leaked_bytes = last.leaked_bytes;
            function.leaked_allocations = last.leaked_allocations;
        }
    }
    alive
}

fn stem(module: &Path) -> String {
    module.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
