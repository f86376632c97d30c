//! The argument that names the functions of a stripped module, shared by all commands that read one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use waspect_instrumenter::Symbols;

/// Names from outside the module.
#[derive(Args)]
#[command(next_help_heading = "What is observed")]
pub struct Names {
    /// Names of the functions of a stripped module: its build before it was stripped, or a symbol map (lines `index:name`)
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
}

impl Names {
    /// The file's contents.
    pub fn symbols(&self) -> Result<Option<Symbols>> {
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("--symbols `{}`", path.display()));
        Ok(self.symbols.as_ref().map(read).transpose()?.map(|bytes| Symbols(bytes.into())))
    }
}
