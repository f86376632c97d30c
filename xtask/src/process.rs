//! Child processes: run one, or say which one failed.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// Runs a command to its end, its output on ours. It is printed first, so that a log can be read and repeated by hand.
pub fn run(command: &mut Command) -> Result<()> {
    run_with_input(command, Stdio::null())
}

/// Like [`run`], with something to read.
pub fn run_with_input(command: &mut Command, input: Stdio) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    check(&line, command.stdin(input).status())
}

/// Like [`run`], and keeps the lines of standard output that matter at the end of a long log.
pub fn run_and_keep(command: &mut Command, keep: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let line = line(command);
    eprintln!("$ {line}");
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return check(&line, Err(error)).map(|()| Vec::new()),
    };
    let mut kept = Vec::new();
    let stdout = child.stdout.take().expect("its output is piped");
    for text in BufReader::new(stdout).lines() {
        let text = text?;
        println!("{text}");
        if keep(&text) {
            kept.push(text);
        }
    }
    check(&line, child.wait())?;
    Ok(kept)
}

/// Runs a command whose output matters only when it fails.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output();
    if let Ok(output) = &output
        && !output.status.success()
    {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    check(&line, output.map(|output| output.status))
}

/// Runs a command and gives what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    check(&line, output.as_ref().map(|output| output.status).map_err(|error| error.kind().into()))?;
    Ok(String::from_utf8_lossy(&output?.stdout).trim().to_owned())
}

fn check(line: &str, status: std::io::Result<std::process::ExitStatus>) -> Result<()> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{line}` failed ({status})"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("`{line}` cannot start: the program, or its folder, is not there; is it installed and on PATH?")
        }
        Err(error) => bail!("`{line}` cannot start: {error}"),
    }
}

/// The command as it would be typed.
fn line(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(folder) = command.get_current_dir() {
        words.push(format!("cd {} &&", folder.display()));
    }
    for (key, value) in command.get_envs().filter_map(|(key, value)| Some((key, value?))) {
        words.push(format!("{}={}", key.display(), value.display()));
    }
    words.push(command.get_program().display().to_string());
    words.extend(command.get_args().map(|argument| quoted(&argument.display().to_string())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    match word.contains(|c: char| c.is_whitespace() || "'\"$&|;<>()*?".contains(c)) || word.is_empty() {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.to_owned(),
    }
}
