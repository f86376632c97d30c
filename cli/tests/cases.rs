//! Every `cases/*.wat` is a test: its first lines say how `waspect` is run, the files beside it what is printed.
//!
//! ```text
//! ;; RUN: plan %                `%` is the module, `%tmp` an empty directory; runs in `cases/`
//! ;; RUN[json]: plan % --json   a further run, its files are `name.json.stdout`, `name.json.stderr`
//! ;; EXIT: 134                  exit code of the run above, 0 unless said
//! ;; ENV: NAME=VALUE            a variable of the run above, which has no others
//! ```
//!
//! `BLESS=1 cargo test -p waspect --test cases` writes the files; read the diff, then commit. An empty output has no file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;

/// What differs from run to run, and what stands for it in the files. The only such place.
static VOLATILE: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Durations as the table shows them, with the spaces that align them.
        (r" *\b\d+(\.\d+)? (ns|µs|ms|s)\b", " <time>"),
        // Durations and times in JSON.
        (r#"("[a-z0-9_]*_ns": )\d+"#, "$1\"<time>\""),
        (r#"("[a-z0-9_]*share": )\d+(\.\d+)?(e-?\d+)?"#, "$1\"<share>\""),
        // Shares of a duration.
        (r" *\b\d+\.\d%", " <share>"),
        // Headings over columns of durations.
        (r" *\b(TOTAL|SELF|P50|P99|SHARE)\b", " $1"),
        (r" +<time>", " <time>"),
        // Empty cells, which are as wide as the durations above and below them.
        (r"(?m) +-( |$)", " -$1"),
        (r"/[^ ]*/waspect-case-[A-Za-z0-9]+", "%tmp"),
    ]
    .map(|(pattern, replacement)| (Regex::new(pattern).expect("a pattern of ours"), replacement))
    .into()
});

struct Run {
    wat: PathBuf,
    name: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    exit: i32,
}

fn main() {
    let arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = directory.read_dir().expect("cases").map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", directory.display());
    let trials = cases.iter().flat_map(|wat| runs_of(wat)).map(|run| Trial::test(run.name.clone(), || check(run)));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// The runs that a case's first lines ask for.
fn runs_of(wat: &Path) -> Vec<Run> {
    let text = std::fs::read_to_string(wat).expect("a case is text");
    let stem = wat.file_stem().unwrap().to_string_lossy();
    let mut runs: Vec<Run> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix(";; ")) {
        if let Some(exit) = line.strip_prefix("EXIT: ") {
            runs.last_mut().expect("EXIT follows RUN").exit = exit.trim().parse().expect("an exit code");
        } else if let Some(variable) = line.strip_prefix("ENV: ") {
            let (name, value) = variable.trim().split_once('=').expect("ENV: NAME=VALUE");
            runs.last_mut().expect("ENV follows RUN").variables.push((name.to_owned(), value.to_owned()));
        } else if let Some(rest) = line.strip_prefix("RUN") {
            let (name, arguments) = rest.split_once(": ").expect("RUN: arguments");
            let name = match name.trim_matches(['[', ']']) {
                "" => stem.to_string(),
                name => format!("{stem}.{name}"),
            };
            let arguments = arguments.split_whitespace().map(str::to_owned).collect();
            runs.push(Run { wat: wat.to_owned(), name, arguments, variables: Vec::new(), exit: 0 });
        }
    }
    assert!(!runs.is_empty(), "{} has no line `;; RUN: arguments`", wat.display());
    runs
}

fn check(run: Run) -> Result<(), Failed> {
    let directory = run.wat.parent().unwrap();
    let temporary = tempfile::Builder::new().prefix("waspect-case-").tempdir()?;
    let module = run.wat.file_name().unwrap().to_string_lossy();
    let temporary_path = temporary.path().to_string_lossy();
    let arguments = run.arguments.iter().map(|argument| match argument.as_str() {
        "%" => module.to_string(),
        other => other.replace("%tmp", &temporary_path),
    });
    let output = Command::new(env!("CARGO_BIN_EXE_waspect"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(run.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()?;
    if output.status.code() != Some(run.exit) {
        return Err(format!("{}, expected {}\n{}", output.status, run.exit, text_of(&output.stderr)).into());
    }
    compare(&directory.join(format!("{}.stdout", run.name)), &text_of(&output.stdout))?;
    compare(&directory.join(format!("{}.stderr", run.name)), &text_of(&output.stderr))
}

fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    VOLATILE.iter().fold(text, |text, (pattern, replacement)| pattern.replace_all(&text, *replacement).into_owned())
}

fn compare(file: &Path, actual: &str) -> Result<(), Failed> {
    if std::env::var_os("BLESS").is_some() {
        if actual.is_empty() {
            return std::fs::remove_file(file).or(Ok(()));
        }
        return Ok(std::fs::write(file, actual)?);
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    let name = file.file_name().unwrap().to_string_lossy();
    Err(format!("{name} differs; if that is right: BLESS=1\n--- expected\n{expected}\n--- actual\n{actual}").into())
}
