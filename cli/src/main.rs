//! The `waspect` binary: parses, reads, prints. Everything that is meant, measured or rewritten lives in the crates below.

mod beacon;
mod commands;
mod facts;
mod fetch;
mod flamegraph;
mod guest;
mod input;
mod manifest_file;
mod names;
mod observable;
mod output;
mod progress;
mod selection;
mod signals;
mod source_map;
mod summary;
mod table;
mod telemetry;
mod text;
mod trace_file;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Exit code of our own errors; usage errors are clap's 2.
const FAILURE: u8 = 1;

/// Makes any WebAssembly module observable: which functions ran, how long, what they allocated.
#[derive(Parser)]
#[command(name = "waspect", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            // Messages may quote the module: nothing of it reaches a terminal raw.
            let message = text::escape_lines(&format!("{error:#}"));
            output::print_error(&format!("{} {message}\n", table::styled(table::BAD, "error:")));
            ExitCode::from(FAILURE)
        }
    }
}
