//! A server process that tells on its standard error which ports it got and when it is ready.
//!
//! Its configuration asks for port 0: the kernel chooses, and no two tests ever meet. It is ended by its id when it is
//! dropped, a panic included.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// Longest silence before a server counts as hung: a guard against waiting for ever, not a measurement.
pub const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A running server with a folder of its own.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    folder: TempDir,
}

impl Server {
    /// Starts a program of the Collector's family with a configuration.
    pub fn start(program: &Path, configuration: impl FnOnce(&Path) -> String) -> Server {
        Server::start_with(|folder| {
            let file = folder.join("config.yaml");
            fs::write(&file, configuration(folder)).expect("the configuration can be written");
            let mut command = Command::new(program);
            command.arg("--config").arg(format!("file:{}", file.display()));
            command
        })
    }

    /// Starts any command, made for the server's folder.
    pub fn start_with(command: impl FnOnce(&Path) -> Command) -> Server {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut command = command(folder.path());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("its standard error is piped"));
        thread::spawn(move || {
            // Read to its end, whether anyone listens or not: a full pipe would block the server.
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Server { child, lines, seen: Vec::new(), folder }
    }

    /// The next line of which `find` makes something. Panics with all that it said when the server ends or falls silent.
    #[track_caller]
    pub fn wait_for<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let Ok(line) = self.lines.recv_timeout(SILENCE_MAX) else {
                panic!("no {what} from the server; it said:\n{}", self.seen.join("\n"));
            };
            let found = find(&line);
            self.seen.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// What it said so far, and in the time until it ended.
    pub fn said(&mut self) -> String {
        self.seen.extend(self.lines.iter());
        self.seen.join("\n")
    }

    /// The folder that the server may write to.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process at once, whatever it is doing.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be ended");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks the server to end, and waits until it has written what it holds.
    pub fn finish(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("`kill` can be run");
        assert!(asked.success(), "server {id} cannot be asked to end");
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
