//! Sets up, demonstrates and tests Waspect.
//!
//! It calls the tools that a developer would call, and depends on next to nothing: on a fresh machine it is compiled first.

mod demo;
mod layers;
mod pictures;
mod process;
mod setup;
mod stages;
mod stamp;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo             instrument and run real programs; see what they did
  demo web         serve a page with SQLite in it; see its spans
  setup [PART...]  fetch and build what the tests need, below target/waspect
  test [STAGE...]  set up and test everything, or these stages
  bench [NAME]     set up and measure everything, or one benchmark
  pictures         take the documentation's pictures again
  list             what there is to set up and to test
";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<()> {
    match words {
        [] | ["help" | "--help" | "-h", ..] => print!("{USAGE}"),
        ["demo"] => demo::demonstrate()?,
        ["demo", "web"] => demo::serve_page()?,
        ["setup", parts @ ..] => set_up(parts)?,
        ["test", names @ ..] => stages::test(names)?,
        ["bench", names @ ..] if names.len() <= 1 => bench(names.first().unwrap_or(&"*"))?,
        ["pictures"] => pictures::take()?,
        ["list"] => list()?,
        _ => bail!("`{}` is not a command\n\n{USAGE}", words.join(" ")),
    }
    Ok(())
}

fn set_up(names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return setup::PARTS.iter().try_for_each(setup::Part::run);
    }
    names.iter().try_for_each(|name| setup::Part::find(name)?.run())
}

/// Benchmarks are optimised builds of their own: no test runs them.
fn bench(name: &str) -> Result<()> {
    if name == "javascript" {
        return stages::bench_javascript();
    }
    ["targets", "modules", "guests", "baselines"].iter().try_for_each(|name| setup::Part::find(name)?.run())?;
    // What is measured as a process: cargo builds the programs of a bench's own package alone.
    if ["*", "s4_collector"].contains(&name) {
        process::run(workspace::cargo().args(["build", "--release", "--workspace", "--bin", "waspect"]))?;
    }
    process::run(workspace::cargo().args(["bench", "--workspace", "--bench", name]))
}

fn list() -> Result<()> {
    println!("cargo xtask setup PART");
    for part in setup::PARTS {
        println!("  {:20} {}", part.name, part.what);
    }
    println!("\ncargo xtask test STAGE");
    for stage in stages::all().context("cannot list the stages")? {
        println!("  {:20} {}", stage.name, stage.what);
    }
    Ok(())
}
