//! How many bytes instrumentation adds, counted from the two modules alone.
//!
//! Indices are LEB128 numbers: what they take depends on how big the module is, not on what is injected. So each figure
//! comes twice: as it is, and net of the bytes that function, global and local indices and `i32.const` ids take.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::facts::Facts;

/// Bytes of some function bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// As they stand in the module.
    pub gross: u64,
    /// Without the bytes of indices and ids.
    pub net: u64,
}

/// What instrumentation added to a module.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// Bodies of the original that changed other than by indices.
    pub bodies: u64,
    /// Added to those bodies.
    pub body_bytes: Bytes,
    /// New functions that exports lead to.
    pub thunks: u64,
    /// Their bodies.
    pub thunk_bytes: Bytes,
    /// The module before.
    pub module_before: u64,
    /// The module after.
    pub module_after: u64,
}

impl Growth {
    /// Net bytes added to a body, on average.
    pub fn body_net(&self) -> f64 {
        self.body_bytes.net as f64 / self.bodies.max(1) as f64
    }

    /// Net bytes of a thunk, on average.
    pub fn thunk_net(&self) -> f64 {
        self.thunk_bytes.net as f64 / self.thunks.max(1) as f64
    }

    /// Growth of the whole module in percent.
    pub fn percent(&self) -> f64 {
        100.0 * (self.module_after as f64 / self.module_before as f64 - 1.0)
    }
}

/// Compares a module with its instrumented form, whose manifest is kept beside it.
pub fn growth(before: &[u8], after: &[u8]) -> wasmparser::Result<Growth> {
    let (old, new) = (bodies(before)?, bodies(after)?);
    let mut growth =
        Growth { module_before: before.len() as u64, module_after: after.len() as u64, ..Growth::default() };
    for (old, new) in old.iter().zip(&new) {
        if new.net != old.net {
            growth.bodies += 1;
            growth.body_bytes.gross += new.gross.saturating_sub(old.gross);
            growth.body_bytes.net += new.net.saturating_sub(old.net);
        }
    }
    let facts = Facts::of(after);
    let original_end = facts.imported_functions as usize + old.len();
    let kept = Facts::of(before).exports;
    let targets =
        facts.function_exports.iter().filter(|(name, _)| kept.contains(name)).map(|(_, &target)| target as usize);
    let mut thunks: Vec<usize> = targets.filter(|&target| target >= original_end).collect();
    thunks.sort_unstable();
    thunks.dedup();
    for thunk in thunks {
        let bytes = new[thunk - facts.imported_functions as usize];
        growth.thunks += 1;
        growth.thunk_bytes.gross += bytes.gross;
        growth.thunk_bytes.net += bytes.net;
    }
    Ok(growth)
}

fn bodies(module: &[u8]) -> wasmparser::Result<Vec<Bytes>> {
    let mut sizes = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            sizes.push(measure(&body)?);
        }
    }
    Ok(sizes)
}

fn measure(body: &FunctionBody<'_>) -> wasmparser::Result<Bytes> {
    let gross = body.range().end - body.range().start;
    let mut indices = 0;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        let is_index = matches!(
            operator,
            Operator::Call { .. }
                | Operator::ReturnCall { .. }
                | Operator::GlobalGet { .. }
                | Operator::GlobalSet { .. }
                | Operator::LocalGet { .. }
                | Operator::LocalSet { .. }
                | Operator::LocalTee { .. }
                | Operator::RefFunc { .. }
                | Operator::I32Const { .. }
        );
        if is_index {
            indices += operators.original_position() - offset - 1;
        }
    }
    Ok(Bytes { gross, net: gross - indices })
}
