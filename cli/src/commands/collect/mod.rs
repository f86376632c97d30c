//! `waspect collect`: takes OTLP, acknowledges what is safe on disk, keeps it.

mod canary;
mod doctor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use waspect_collector::config::{self, Config};
use waspect_collector::{Collector, StartError};

use crate::output;
use crate::signals::{self, Signal};
use crate::text::escape;

/// Takes OTLP traces, metrics and logs, and says yes only to what is safe on disk
///
/// gRPC on 127.0.0.1:4317, HTTP on 127.0.0.1:4318; /healthz, /readyz and /metrics on 127.0.0.1:4319, unless the configuration says
/// otherwise. It ends at Ctrl-C or SIGTERM, after it has finished what it had begun; a second one ends it at once.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Collect {
    #[command(subcommand)]
    command: Option<Command>,

    /// Configuration in YAML, in the OpenTelemetry Collector's words where it has them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Prints the whole configuration, defaults included and secrets left out, and ends
    #[arg(long)]
    print_config: bool,

    /// How what happens is written to standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// Time to finish what was begun when it ends, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    shutdown_timeout: u64,
}

/// How what happens is written.
#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// A line an event, for people
    Text,
    /// A JSON object an event, for machines
    Json,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::Doctor),
}

impl Collect {
    /// Collects until it is asked to end.
    pub fn run(self) -> Result<ExitCode> {
        if let Some(Command::Doctor(doctor)) = self.command {
            return doctor.run();
        }
        let config = configuration(self.config.as_deref())?;
        if self.print_config {
            output::print(&config::to_yaml(&config))?;
            return Ok(ExitCode::SUCCESS);
        }
        let format = self.log_format;
        serve(&config, format, Duration::from_secs(self.shutdown_timeout), |collector| {
            tell(&config, collector, format);
            Ok(())
        })
    }
}

/// The configuration in a file and the environment, or in the latter alone.
fn configuration(file: Option<&Path>) -> Result<Config> {
    let (name, text) = match file {
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
            (name, text)
        }
        None => ("the environment".to_owned(), String::new()),
    };
    config::load(&text, std::env::vars()).with_context(|| format!("`{name}`"))
}

/// Runs a collector until this process is asked to end. `ready` is called once it takes requests; what it gives lives as long as it
/// does.
pub fn serve<T>(
    config: &Config,
    format: LogFormat,
    deadline: Duration,
    ready: impl FnOnce(&Collector) -> Result<T>,
) -> Result<ExitCode> {
    format.start();
    let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
    let (asked, ending) = tokio::sync::oneshot::channel();
    signals::watch(move |signal: Signal| {
        // If nobody listens, it is ending already.
        let _ = asked.send(signal);
    })?;
    let drained = runtime.block_on(async {
        let collector = Collector::start(config).await?;
        let started = ready(&collector);
        // The sender lives as long as the process.
        if started.is_ok()
            && let Ok(signal) = ending.await
        {
            format.say(&format!("ending: {}", signal.name));
        }
        let started = started.map(drop);
        let drained = collector.shutdown(deadline).await.context("the store was not closed in order")?;
        started.map(|()| drained)
    })?;
    if !drained {
        format.warn("not all connections ended in time; what was acknowledged is safe");
    }
    Ok(ExitCode::SUCCESS)
}

impl LogFormat {
    /// From now on the collector's events are written so.
    fn start(self) {
        let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
        match self {
            LogFormat::Text => lines.init(),
            LogFormat::Json => lines.json().flatten_event(true).init(),
        }
    }

    /// A fact of our own beginning and end.
    fn say(self, line: &str) {
        match self {
            LogFormat::Text => output::print_error(&format!("{line}\n")),
            LogFormat::Json => tracing::info!("{line}"),
        }
    }

    fn warn(self, line: &str) {
        match self {
            LogFormat::Text => output::warn(line),
            LogFormat::Json => tracing::warn!("{line}"),
        }
    }
}

/// What was found and where it listens, one fact a line.
fn tell(config: &Config, collector: &Collector, format: LogFormat) {
    let opened = &collector.opened;
    let directory = escape(&config.storage.directory.display().to_string()).into_owned();
    format.say(&format!("store: {directory}, {} segments, {} bytes", opened.segments, opened.bytes));
    if opened.lost > 0 {
        let lost = opened.lost;
        format.warn(&format!("{lost} records that were acknowledged are missing; see `waspect collect doctor`"));
    }
    if opened.positions_damaged {
        format.warn("the file of positions is damaged: exporters send again what is stored");
    }
    for (place, address) in &collector.addresses {
        format.say(&format!("listening: {place} on {address}"));
    }
    format.say("ready");
}

/// The directory of a store, for who only looks at it.
fn directory(path: PathBuf) -> Result<std::sync::Arc<waspect_collector::log::Directory>, StartError> {
    let mut config = Config::default();
    config.storage.directory = path;
    waspect_collector::open_directory(&config)
}
