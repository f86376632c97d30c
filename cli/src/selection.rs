//! The arguments that decide what is instrumented, shared by `run`, `instrument`, `plan` and `verify`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use waspect_instrumenter::{Mode, Only, Options, Placement, Role};

use crate::names::Names;

/// What is instrumented, and how deeply.
#[derive(Args)]
#[command(next_help_heading = "What is observed")]
pub struct Selection {
    /// Depth: calls is timed calls; counts is one counter a function; ring is calls with a coarse clock, for less
    #[arg(long, value_name = "MODE", default_value = "calls")]
    mode: ModeArgument,

    #[command(flatten)]
    filter: Filter,
}

/// What is instrumented, at any depth.
#[derive(Args)]
#[command(next_help_heading = "What is observed")]
pub struct Filter {
    /// Only functions whose demangled name matches (repeatable; `*` is anything; imports are `module.field`)
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// Leaves out functions whose demangled name matches (repeatable); wins over --include
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// Functions by index (repeatable or separated by commas), besides those that --include finds
    #[arg(long = "function", value_name = "INDEX", value_delimiter = ',')]
    functions: Vec<u32>,

    /// Only exported functions, or only calls of imports
    #[arg(long, value_name = "WHAT")]
    only: Option<OnlyArgument>,

    /// Leaves out functions with smaller bodies, in bytes
    #[arg(long = "min-body", value_name = "BYTES", default_value_t = 0)]
    body_bytes_min: u32,

    /// Does not observe allocations and memory growth
    #[arg(long)]
    no_alloc: bool,

    /// Does not observe calls of imports
    #[arg(long)]
    no_imports: bool,

    /// Ends a call that an exception leaves at that moment, and not where it is caught; needs a module with `try_table`
    #[arg(long)]
    exact_unwind: bool,

    /// Allocator functions that no name gives away, such as malloc=12,free=13
    ///
    /// Roles: malloc, calloc, realloc, free, aligned_alloc, posix_memalign.
    #[arg(long = "alloc", value_name = "ROLE=INDEX", value_delimiter = ',', value_parser = parse_allocator)]
    allocators: Vec<(Role, u32)>,

    #[command(flatten)]
    names: Names,
}

impl Selection {
    /// The rewriter's options.
    pub fn options(&self, manifest: Placement) -> Result<Options> {
        self.filter.options(self.mode, manifest)
    }
}

impl Filter {
    /// The rewriter's options for a mode.
    pub fn options(&self, mode: ModeArgument, manifest: Placement) -> Result<Options> {
        Ok(Options {
            mode: mode.into(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            functions: self.functions.clone(),
            only: self.only.map(Only::from),
            body_bytes_min: self.body_bytes_min,
            alloc: !self.no_alloc,
            imports: !self.no_imports,
            exact_unwind: self.exact_unwind,
            allocators: self.allocators.clone(),
            symbols: self.names.symbols()?,
            manifest,
            ..Options::default()
        })
    }
}

/// How deeply.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArgument {
    Calls,
    Counts,
    Ring,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Mode {
        match mode {
            ModeArgument::Calls => Mode::Calls,
            ModeArgument::Counts => Mode::Counts,
            ModeArgument::Ring => Mode::Ring,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum OnlyArgument {
    Exports,
    Imports,
}

impl From<OnlyArgument> for Only {
    fn from(only: OnlyArgument) -> Only {
        match only {
            OnlyArgument::Exports => Only::Exports,
            OnlyArgument::Imports => Only::Imports,
        }
    }
}

fn parse_allocator(text: &str) -> Result<(Role, u32), String> {
    const ROLES: [(&str, Role); 6] = [
        ("malloc", Role::Malloc),
        ("calloc", Role::Calloc),
        ("realloc", Role::Realloc),
        ("free", Role::Free),
        ("aligned_alloc", Role::AlignedAlloc),
        ("posix_memalign", Role::PosixMemalign),
    ];
    let (name, index) = text.split_once('=').ok_or("expected ROLE=INDEX, such as malloc=12")?;
    let (_, role) = ROLES
        .into_iter()
        .find(|(role, _)| *role == name)
        .ok_or_else(|| format!("no such role `{name}`; roles: {}", ROLES.map(|(role, _)| role).join(", ")))?;
    let index = index.parse().map_err(|_| format!("`{index}` is no function index; see `waspect inspect`"))?;
    Ok((role, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocators_are_named_by_role_and_index() {
        assert_eq!(parse_allocator("malloc=12"), Ok((Role::Malloc, 12)));
        assert!(parse_allocator("malloc").unwrap_err().contains("ROLE=INDEX"));
        assert!(parse_allocator("new=1").unwrap_err().contains("no such role `new`"));
        assert!(parse_allocator("free=x").unwrap_err().contains("no function index"));
    }
}
