//! The subcommands, one a file.

mod collect;
mod completions;
mod diff;
mod inspect;
mod instrument;
mod man;
mod manifest;
mod plan;
mod run;
mod top;
mod up;
mod verify;
mod view;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What `waspect` can be asked for.
#[derive(Subcommand)]
pub enum Command {
    Run(Box<run::Run>),
    Instrument(instrument::Instrument),
    Plan(plan::Plan),
    Inspect(inspect::Inspect),
    Diff(diff::Diff),
    Verify(Box<verify::Verify>),
    Up(up::Up),
    Collect(collect::Collect),
    Manifest(manifest::Manifest),
    Top(top::Top),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Does what was asked; the exit code is the process's.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Command::Run(command) => command.run(),
            Command::Instrument(command) => command.run(),
            Command::Plan(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Diff(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Up(command) => command.run(),
            Command::Collect(command) => command.run(),
            Command::Manifest(command) => command.run(),
            Command::Top(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}
