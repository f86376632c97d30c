//! Modules that are run beside what the rewriter made of them.

use wasmtime::Engine;
use waspect_verify::trial::Trial;
use waspect_verify::{Side, Verdict, verify};

use crate::subject::Subject;

/// Runs a module before and after, as many times as there are outputs, and panics where a host could tell two runs apart. None where
/// wasmtime refuses the original.
#[track_caller]
pub fn beside(
    engine: &Engine,
    name: &str,
    module: &[u8],
    outputs: &[(Subject, Vec<u8>)],
    trial: &Trial,
) -> Option<Verdict> {
    let original = Side::compile(engine, module, module).ok()?;
    let sides: Vec<Side> = outputs
        .iter()
        .map(|(subject, output)| {
            Side::compile(engine, module, output).unwrap_or_else(|error| panic!("{name}, {}: {error:#}", subject.name))
        })
        .collect();
    let verdict = verify(engine, &original, &sides, trial).unwrap_or_else(|error| panic!("{name}: {error}"));
    for ((subject, _), differences) in outputs.iter().zip(&verdict.differences) {
        let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert!(differences.is_empty(), "{name}, {}:\n{}", subject.name, differences.join("\n"));
    }
    Some(verdict)
}
