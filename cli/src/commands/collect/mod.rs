//! `waspect collect`: takes OTLP, acknowledges what is safe on disk, keeps it.

mod doctor;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
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

    /// Time to finish what was begun when it ends, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    shutdown_timeout: u64,
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
        let config = self.configuration()?;
        if self.print_config {
            output::print(&config::to_yaml(&config))?;
            return Ok(ExitCode::SUCCESS);
        }
        let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
        let (asked, ending) = tokio::sync::oneshot::channel();
        signals::watch(move |signal: Signal| {
            // If nobody listens, it is ending already.
            let _ = asked.send(signal);
        })?;
        let drained = runtime.block_on(async {
            let collector = Collector::start(&config).await?;
            tell(&config, &collector);
            // The sender lives as long as the process.
            if let Ok(signal) = ending.await {
                output::print_error(&format!("ending: {}\n", signal.name));
            }
            let deadline = Duration::from_secs(self.shutdown_timeout);
            collector.shutdown(deadline).await.context("the store was not closed in order")
        })?;
        if !drained {
            output::warn("not all connections ended in time; what was acknowledged is safe");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn configuration(&self) -> Result<Config> {
        let (name, text) = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
                (name, text)
            }
            None => ("the environment".to_owned(), String::new()),
        };
        config::load(&text, std::env::vars()).with_context(|| format!("`{name}`"))
    }
}

/// What was found and where it listens, one fact a line.
fn tell(config: &Config, collector: &Collector) {
    let opened = &collector.opened;
    let directory = config.storage.directory.display().to_string();
    output::print_error(&format!(
        "store: {}, {} segments, {} bytes\n",
        escape(&directory),
        opened.segments,
        opened.bytes
    ));
    if opened.lost > 0 {
        output::warn(&format!(
            "{} records that were acknowledged are missing; see `waspect collect doctor`",
            opened.lost
        ));
    }
    if opened.positions_damaged {
        output::warn("the file of positions is damaged: exporters send again what is stored");
    }
    for (place, address) in &collector.addresses {
        output::print_error(&format!("listening: {place} on {address}\n"));
    }
    output::print_error("ready\n");
}

/// The directory of a store, for who only looks at it.
fn directory(path: PathBuf) -> Result<std::sync::Arc<waspect_collector::log::Directory>, StartError> {
    let mut config = Config::default();
    config.storage.directory = path;
    waspect_collector::open_directory(&config)
}
