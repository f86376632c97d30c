//! Modules that Binaryen's Asyncify made: whole stacks are left and gone on with. Known by what it adds, not by names, which builds
//! for release lose.
//!
//! To suspend, somebody sets the state to 1: every function saves its locals and returns. To go on, somebody sets it to 2, and calls the
//! outermost function again; each takes its locals back and calls the next. Two functions of the module set so:
//!
//! ```wat
//! (func (param i32) (global.set $state (i32.const 1)) (global.set $data (local.get 0)) ..)
//! (func (param i32) (global.set $state (i32.const 2)) (global.set $data (local.get 0)) ..)
//! ```
//!
//! and every function that may be left asks `(i32.eq (global.get $state) (i32.const 2))`. Where the stack is saved names it.

use std::collections::BTreeSet;

use wasmparser::{FunctionBody, Operator, OperatorsReader, ValType};

use super::ModuleInfo;

/// The state while functions are left.
pub const UNWINDING: i32 = 1;
/// The state while functions are called again.
pub const REWINDING: i32 = 2;

/// Longest body of a function that sets the state: two settings and a check.
const SETTER_BYTES_MAX: usize = 64;

/// The globals by which Asyncify steers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cells {
    /// What happens: nothing, or one of [`UNWINDING`] and [`REWINDING`].
    pub state: u32,
    /// Where the stack is saved.
    pub data: u32,
}

/// What is known of a module that Asyncify made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asyncify {
    /// The globals.
    pub cells: Cells,
    /// The functions that may be left, and gone on with.
    pub functions: BTreeSet<u32>,
}

/// Whether Asyncify made the module.
pub(super) fn read(info: &ModuleInfo, module: &[u8]) -> Option<Asyncify> {
    let setters: BTreeSet<(Cells, i32)> =
        (0..info.functions.len() as u32).filter_map(|index| setter(info, module, index)).collect();
    let both = |cells: &Cells| setters.contains(&(*cells, UNWINDING)) && setters.contains(&(*cells, REWINDING));
    let cells = setters.iter().map(|(cells, _)| *cells).find(both)?;
    let bodies = (0..info.functions.len() as u32).filter(|index| may_be_left(info, module, *index, cells));
    let functions: BTreeSet<u32> = bodies.collect();
    (!functions.is_empty()).then_some(Asyncify { cells, functions })
}

/// What a function sets, if that is all that it is for.
fn setter(info: &ModuleInfo, module: &[u8], index: u32) -> Option<(Cells, i32)> {
    let r#type = info.function_type(index)?;
    if *r#type.params != [ValType::I32] || !r#type.results.is_empty() {
        return None;
    }
    let range = &info.functions[index as usize].body.as_ref()?.range;
    let mut operators = operators(info, module, index).filter(|_| range.len() <= SETTER_BYTES_MAX)?;
    let mut next = || operators.read().ok();
    let Operator::I32Const { value: value @ (UNWINDING | REWINDING) } = next()? else { return None };
    let Operator::GlobalSet { global_index: state } = next()? else { return None };
    let Operator::LocalGet { local_index: 0 } = next()? else { return None };
    let Operator::GlobalSet { global_index: data } = next()? else { return None };
    let is_cell = |global: u32| info.globals[global as usize].value == ValType::I32;
    (is_cell(state) && is_cell(data)).then_some((Cells { state, data }, value))
}

/// Whether a function asks if it is called again, and leaves the state to others.
fn may_be_left(info: &ModuleInfo, module: &[u8], index: u32, cells: Cells) -> bool {
    let Some(mut operators) = operators(info, module, index) else { return false };
    let (mut asks, mut reads) = (false, false);
    while let Ok(operator) = operators.read() {
        match operator {
            Operator::GlobalSet { global_index } if global_index == cells.state => return false,
            Operator::I32Const { value: REWINDING } => asks |= reads,
            Operator::End if operators.eof() => break,
            _ => {}
        }
        reads = matches!(operator, Operator::GlobalGet { global_index } if global_index == cells.state);
    }
    asks && info.function_type(index).is_some_and(|r#type| !r#type.shared)
}

fn operators<'a>(info: &ModuleInfo, module: &'a [u8], index: u32) -> Option<OperatorsReader<'a>> {
    let range = info.functions[index as usize].body.as_ref()?.range.clone();
    let reader = wasmparser::BinaryReader::new(&module[range.clone()], range.start as u64);
    FunctionBody::new(reader).get_operators_reader().ok()
}
