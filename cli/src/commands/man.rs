//! `waspect man`: manual pages, generated from the arguments themselves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use crate::{Cli, output};

/// Prints the manual page, or writes all pages into a directory
#[derive(Args)]
pub struct Man {
    /// Directory for waspect.1 and one page a subcommand; without it, waspect.1 is printed
    dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages.
    pub fn run(self) -> Result<ExitCode> {
        match self.dir {
            Some(dir) => {
                std::fs::create_dir_all(&dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
                clap_mangen::generate_to(Cli::command(), &dir)
                    .with_context(|| format!("cannot write manual pages into `{}`", dir.display()))?;
            }
            None => {
                let mut page = Vec::new();
                Page::new(Cli::command()).render(&mut page)?;
                output::print(&String::from_utf8(page)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
