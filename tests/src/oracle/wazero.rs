//! Runs a module that nobody rewrote under wazero, whose listener tells every call (`tests/observer`).

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use wasmparser::{Parser, Payload, TypeRef};
use waspect_abi::Hook;

use super::program::blank;
use crate::assets;
use crate::mock::FIRST_BASE;
use crate::tape::{Event, Select, Tape};
use crate::wasi::Drive;

const RETURNED: u32 = 1 << 31;
const ABORTED: u32 = 1 << 30;
/// Programs that wazero's compiler cannot run: 1.12 never comes back from the first `throw` of this one, listener or not.
const INTERPRETED: [&str; 1] = ["cpp-exceptions"];
/// The observer's exit code after a trap.
pub const EXIT_TRAPPED: i32 = 134;

/// What wazero saw.
#[derive(Debug)]
pub struct Observed {
    /// Calls and returns, as hooks with the ids of the mock's first module.
    pub tape: Tape,
    /// What the guest printed or returned; after a trap followed by its words.
    pub output: String,
    /// The guest's exit code, or [`EXIT_TRAPPED`].
    pub code: Option<i32>,
}

/// What the two observers are held to: calls and returns. Boundaries are no calls, and what an abort or an exception leaves
/// behind has no event of its own. An import that stands twice is the first of the two: wazero cannot tell them apart.
pub fn calls(module: &[u8]) -> Select {
    let imports = first_imports(module);
    Arc::new(move |event| {
        let hook = match event.hook {
            Hook::Enter | Hook::EnterOrResume => Hook::Enter,
            Hook::Exit | Hook::ExitOrSuspend => Hook::Exit,
            _ => return None,
        };
        let import = event.func.checked_sub(FIRST_BASE).and_then(|index| imports.get(index as usize));
        let func = import.map_or(event.func, |first| FIRST_BASE + first);
        Some(Event { hook, func, depth: 0, values: [0; 3] })
    })
}

/// For each imported function, the first that is imported by the same name.
fn first_imports(module: &[u8]) -> Vec<u32> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Ok(Payload::ImportSection(imports)) = payload {
            let imports = imports.into_imports().flatten();
            names.extend(imports.filter(|import| matches!(import.ty, TypeRef::Func(_))).map(|it| (it.module, it.name)));
        }
    }
    let first = |name| names.iter().position(|other| other == name).expect("it is in the list") as u32;
    names.iter().map(first).collect()
}

/// Runs a module.
pub fn observe(module: &Path, drive: Drive<'_>, keep: Option<usize>) -> Observed {
    let mut command = Command::new(assets::program("observer"));
    let interpreted = module.file_stem().is_some_and(|name| INTERPRETED.iter().any(|other| name == *other));
    command.arg(if interpreted { "interpreter" } else { "compiler" }).arg(module);
    match drive {
        Drive::Command(arguments) => command.arg("command").args(arguments),
        Drive::Invoke(name, argument) => command.arg("invoke").arg(name).arg(argument.to_string()),
        Drive::QuickJs(arguments) => command.arg("quickjs").args(arguments),
        Drive::PiiShield(texts) => command.arg("pii-shield").args(texts),
    };
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = child.stderr.take().expect("it is a pipe");
    let output = thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned()).expect("it can be read")
    });
    let tape = read(BufReader::with_capacity(1 << 20, child.stdout.take().expect("it is a pipe")), keep);
    let code = child.wait().expect("it ends").code();
    Observed { tape, output: output.join().expect("it reads"), code }
}

fn read(mut events: impl Read, keep: Option<usize>) -> Tape {
    let mut tape = blank(keep);
    let mut word = [0; 4];
    while events.read_exact(&mut word).is_ok() {
        let word = u32::from_le_bytes(word);
        let hook = if word & RETURNED == 0 { Hook::Enter } else { Hook::Exit };
        if word & ABORTED == 0 {
            tape.note(Event { hook, func: FIRST_BASE + (word & !RETURNED), depth: 0, values: [0; 3] });
        }
    }
    tape
}
