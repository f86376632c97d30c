//! The stages of the tests: what runs, in which order, and what each needs.
//!
//! All of them build the whole workspace with one profile, so that features unify once and nothing heavy is compiled twice:
//! a stage selects what runs by `--test NAME`, never by `-p`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process::{run, run_and_keep};
use crate::setup::Part;
use crate::{layers, web, workspace};

/// Something to test.
pub struct Stage {
    /// What the command line calls it.
    pub name: String,
    /// What it shows, in a line.
    pub what: String,
    /// The parts of the set-up that it needs.
    needs: &'static [&'static str],
    /// Gives back the closing lines of the test runners that it started.
    run: fn(name: &str) -> Result<Vec<String>>,
}

/// The whole-system tests are one stage a file of `tests/tests`.
const NEEDS: &[(&str, &[&str])] = &[
    ("back_ends", &["targets", "guests", "backends"]),
    ("collector", &["targets", "guests", "backends", "clients"]),
    ("endurance", &["backends"]),
    ("metrics", &["targets", "backends", "clients"]),
    ("query", &["targets", "backends", "clients"]),
    ("oracle", &["targets", "modules", "guests", "observer"]),
    ("survey", &["targets", "survey"]),
];

/// All stages, in the order in which they run.
pub fn all() -> Result<Vec<Stage>> {
    let mut stages = vec![
        Stage::new("fmt", "the code is formatted", &["targets"], |_| cargo(&["fmt", "--all", "--check"])),
        Stage::new("layers", "dependencies point one way", &[], |_| layers::check().map(|()| Vec::new())),
        Stage::new("build", "everything compiles, in the one profile of the tests", &[], |_| {
            cargo(&["build", "--workspace", "--all-targets"])
        }),
        Stage::new("clippy", "no lint has anything to say", &["targets"], |_| {
            cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
        }),
        Stage::new("wasm32", "the pure crates compile to Wasm", &["targets"], |_| {
            let pure = layers::PURE.iter().flat_map(|name| ["-p", name]);
            cargo(&["build", "--target", "wasm32-unknown-unknown"].into_iter().chain(pure).collect::<Vec<_>>())
        }),
        Stage::new("unit", "each crate's own tests", &["targets"], |_| unit()),
        Stage::new("doc", "the examples in the documentation", &[], |_| cargo(&["test", "--workspace", "--doc"])),
    ];
    stages.push(Stage::new(
        "node",
        "recorder.wasm and the JavaScript adapter: vectors, boundaries, export, real modules; conformance in every runtime",
        &["targets", "modules", "web", "runtimes", "firefox", "backends"],
        |_| node(),
    ));
    stages.push(Stage::new(
        "page",
        "the collector's page in Chromium and Firefox: a real module's data, the keyboard alone, a hundred hostile names",
        &["targets", "modules", "runtimes", "firefox"],
        |_| page(),
    ));
    for path in rust_files(&workspace::root().join("tests/tests"))? {
        let name = path.file_stem().unwrap_or_default().display().to_string();
        let needs =
            NEEDS.iter().find(|(test, _)| *test == name).map_or(&["targets", "modules", "guests"][..], |needs| needs.1);
        stages.push(Stage::new(&name, &headline(&path)?, needs, whole));
    }
    Ok(stages)
}

/// Runs the stages of these names, or all of them. One that fails stops no other.
pub fn test(names: &[&str]) -> Result<()> {
    let mut stages = all()?;
    if let Some(unknown) = names.iter().find(|name| stages.iter().all(|stage| stage.name != **name)) {
        bail!("`{unknown}` is not a stage; see `cargo xtask list`");
    }
    stages.retain(|stage| names.is_empty() || names.contains(&&*stage.name));

    let mut set_up = HashMap::new();
    let mut report = Vec::new();
    let mut failed = Vec::new();
    for stage in &stages {
        eprintln!("\n== {}: {}", stage.name, stage.what);
        let start = Instant::now();
        let outcome = stage.run_with(&mut set_up);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(lines) => {
                report.push(format!("{} ok ({seconds:.0} s)", stage.name));
                report.extend(lines);
            }
            Err(error) => {
                let line = format!("{0} FAILED: {error:#}; alone: cargo xtask test {0}", stage.name);
                eprintln!("{line}");
                report.push(line);
                failed.push(&*stage.name);
            }
        }
    }
    println!("\n{}", report.join("\n"));
    if !failed.is_empty() {
        bail!("{} of {} stages failed: {}", failed.len(), stages.len(), failed.join(", "));
    }
    Ok(())
}

impl Stage {
    fn new(name: &str, what: &str, needs: &'static [&'static str], run: fn(&str) -> Result<Vec<String>>) -> Stage {
        Stage { name: name.to_owned(), what: what.to_owned(), needs, run }
    }

    /// Sets up what the stage needs, each part once in all, and runs it.
    fn run_with(&self, set_up: &mut HashMap<&'static str, bool>) -> Result<Vec<String>> {
        for need in self.needs {
            match set_up.get(need) {
                Some(true) => {}
                Some(false) => bail!("it needs `{need}`, whose set-up failed before"),
                None => {
                    let outcome = Part::find(need)?.run();
                    set_up.insert(need, outcome.is_ok());
                    outcome?;
                }
            }
        }
        (self.run)(&self.name)
    }
}

/// Runs cargo; the lines to keep are those with which test runners close.
fn cargo(arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = workspace::cargo();
    command.args(arguments);
    match arguments[0] {
        "test" => run_and_keep(&mut command, |line| line.starts_with("test result:")),
        _ => run(&mut command).map(|()| Vec::new()),
    }
}

/// A test of the whole system. What it starts is built first: cargo sees to what a test links alone.
fn whole(name: &str) -> Result<Vec<String>> {
    cargo(&["build", "--workspace", "--all-targets"])?;
    cargo(&["test", "--workspace", "--test", name])
}

/// Libraries, programs, and the integration tests of every crate but the whole-system one.
///
/// Cargo selects a test by its name alone, in every crate: one named as a whole-system test would run that one here too,
/// before its set-up.
fn unit() -> Result<Vec<String>> {
    let mut arguments =
        ["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--examples"].map(str::to_owned).to_vec();
    let stages = rust_files(&workspace::root().join("tests/tests"))?;
    for folder in member_folders()? {
        let tests = workspace::root().join(&folder).join("tests");
        if folder == "tests" || !tests.exists() {
            continue;
        }
        for file in rust_files(&tests)? {
            if let Some(stage) = stages.iter().find(|stage| stage.file_stem() == file.file_stem()) {
                bail!("{} and {} have one name; rename one", file.display(), stage.display());
            }
            arguments.extend(["--test".to_owned(), file.file_stem().unwrap_or_default().display().to_string()]);
        }
    }
    cargo(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The recorder as Wasm, driven by a second host: by the vectors, by modules that are really instrumented, and as the core of the
/// adapter for JavaScript, by that one's own tests.
fn node() -> Result<Vec<String>> {
    let recorders = web::recorders()?;
    cargo(&["build", "--workspace", "--all-targets"])?;
    let built = workspace::target();
    let programs = [built.join("debug/waspect"), built.join("debug/examples/otlp_json")];
    let real = built.join("waspect/modules/as-sha256.wasm");
    let mut lines = Vec::new();
    for (script, others) in [("size", &[][..]), ("vectors", &[]), ("drive", &[&programs[0], &programs[1], &real][..])] {
        let mut command = Command::new("node");
        command.current_dir(workspace::root()).arg(format!("adapters/recorder-wasm/node/{script}.mjs"));
        command.args(if others.is_empty() { &recorders[..] } else { &recorders[..1] }).args(others);
        lines.extend(run_and_keep(&mut command, |line| line.ends_with("cases pass"))?);
    }
    web::instrumenter()?;
    web::compile()?;
    let runtimes = workspace::assets().join("runtimes/node_modules");
    let mut command = Command::new("node");
    command.current_dir(web::folder()).args(["--test", "--test-reporter=spec"]).args(web::tests()?);
    command.env("WASPECT", &programs[0]).env("OTLP_JSON", &programs[1]);
    command.env("README", workspace::root().join("README.md"));
    command
        .env("RUNTIMES", &runtimes)
        .env("OTELCOL", built.join("waspect/bin/otelcol"))
        .env("MODULES", built.join("waspect/modules"))
        .env("PACKAGES", workspace::node_modules());
    lines.extend(run_and_keep(&mut command, |line| ["pass ", "fail "].iter().any(|word| line.contains(word)))?);
    let mut command = in_every_runtime("tests/conformance/matrix.mjs", "test/conform.mjs");
    command.env("OTLP_JSON", &programs[1]).env("PACKAGES", workspace::node_modules());
    lines.extend(run_and_keep(&mut command, |line| line.ends_with("cases pass"))?);
    Ok(lines)
}

/// A script that runs one of the adapter's in every runtime of JavaScript.
fn in_every_runtime(script: &str, adapter_script: &str) -> Command {
    let runtimes = workspace::assets().join("runtimes/node_modules");
    let mut command = Command::new("node");
    command.current_dir(workspace::root()).arg(script).arg(web::folder().join(adapter_script)).arg(&runtimes);
    command.env("WASPECT", workspace::target().join("debug/waspect")).env("RUNTIMES", &runtimes);
    command.env("MODULES", workspace::target().join("waspect/modules"));
    command
}

/// What a call costs in every runtime of JavaScript. The command line that instruments needs no optimised build of its own.
pub fn bench_javascript() -> Result<()> {
    for part in ["targets", "modules", "web", "runtimes", "firefox"] {
        Part::find(part)?.run()?;
    }
    cargo(&["build", "--workspace", "--bin", "waspect"])?;
    web::recorders()?;
    web::compile()?;
    run(&mut in_every_runtime("tests/runtimes/calls.mjs", "bench/calls.mjs"))
}

/// The page as browsers show it.
fn page() -> Result<Vec<String>> {
    cargo(&["build", "--workspace", "--all-targets"])?;
    let built = workspace::target();
    let mut command = Command::new("node");
    command.current_dir(workspace::root()).args(["--test", "--test-reporter=spec"]);
    command.args(["pure", "page", "names"].map(|name| format!("tests/page/{name}.test.mjs")));
    command.env("WASPECT", built.join("debug/waspect")).env("MODULES", built.join("waspect/modules"));
    command.env("RUNTIMES", workspace::assets().join("runtimes/node_modules"));
    run_and_keep(&mut command, |line| {
        ["pass ", "fail ", "hostile names", "never shipped"].iter().any(|word| line.contains(word))
    })
}

/// The workspace's members, as the root manifest lists them: one quoted path a line.
fn member_folders() -> Result<Vec<String>> {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let (_, members) = manifest.split_once("members = [").context("Cargo.toml lists no members")?;
    let (members, _) = members.split_once(']').context("Cargo.toml does not close its list of members")?;
    Ok(members.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The tests of a folder as cargo finds them: `name.rs` and `name/main.rs`, the latter given as `name`.
fn rust_files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The first line of a test's own documentation.
fn headline(path: &Path) -> Result<String> {
    let path = if path.is_dir() { path.join("main.rs") } else { path.to_owned() };
    let text = fs::read_to_string(&path)?;
    let first = text.lines().find_map(|line| line.strip_prefix("//! "));
    Ok(first.unwrap_or_default().trim_end_matches(['.', ':']).to_owned())
}
