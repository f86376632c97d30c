//! The arguments of commands that look at modules and show what they find.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use waspect_instrumenter::{ModuleInfo, Options};

use crate::input::{self, Input};

/// A module, and how it is shown.
#[derive(Args)]
pub struct View {
    /// Module to read, binary or text; `-` is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,

    #[command(flatten)]
    pub form: Form,
}

/// How something is shown.
#[derive(Args)]
pub struct Form {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,

    /// Rows a table in the text, 0 for all
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub top: usize,
}

impl View {
    /// The module and its facts, with the symbols of these options.
    pub fn read(&self, options: &Options) -> Result<(Input, ModuleInfo)> {
        let input = input::read(&self.input)?;
        let info = facts_of(&input, options)?;
        Ok((input, info))
    }
}

impl Form {
    /// Rows that a table may have.
    pub fn rows_max(&self) -> usize {
        if self.top == 0 { usize::MAX } else { self.top }
    }
}

/// A module's facts.
pub fn facts_of(input: &Input, options: &Options) -> Result<ModuleInfo> {
    ModuleInfo::parse_with(&input.bytes, options).with_context(|| format!("`{}`", input.name))
}
