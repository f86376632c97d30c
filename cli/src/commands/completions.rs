//! `waspect completions`: a completion script, generated from the arguments themselves.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, output};

/// Prints a completion script for a shell
///
/// For bash: waspect completions bash > ~/.local/share/bash-completion/completions/waspect
#[derive(Args)]
pub struct Completions {
    /// Shell to complete in
    shell: Shell,
}

impl Completions {
    /// Prints the script to standard output.
    pub fn run(self) -> Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "waspect", &mut script);
        output::print(&String::from_utf8(script)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
