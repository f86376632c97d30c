//! A body's shape: the same for two bodies that differ only in the numbers of functions, globals and types.
//!
//! One function more renumbers every call behind it, and the bytes of nearly every body change. The shape leaves such numbers out,
//! so that what remains different was really changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use wasmparser::{BinaryReader, BlockType, FunctionBody, Operator, Result};

/// The shape of a body, from its bytes: locals and instructions. Bytes that are no body have a shape of their own.
pub fn of(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    if read(body, &mut hasher).is_err() {
        body.hash(&mut hasher);
    }
    hasher.finish()
}

fn read(body: &[u8], hasher: &mut impl Hasher) -> Result<()> {
    let body_reader = FunctionBody::new(BinaryReader::new(body, 0));
    for local in body_reader.get_locals_reader()? {
        local?.hash(hasher);
    }
    let mut operators = body_reader.get_operators_reader()?;
    while !operators.eof() {
        let start = operators.original_position();
        let operator = operators.read()?;
        match renumbered(&operator) {
            true => discriminant(&operator).hash(hasher),
            false => body[start as usize..operators.original_position() as usize].hash(hasher),
        }
    }
    Ok(())
}

/// True for instructions whose index moves when something else is added.
fn renumbered(operator: &Operator<'_>) -> bool {
    match operator {
        Operator::Call { .. }
        | Operator::ReturnCall { .. }
        | Operator::CallIndirect { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::CallRef { .. }
        | Operator::ReturnCallRef { .. }
        | Operator::RefFunc { .. }
        | Operator::GlobalGet { .. }
        | Operator::GlobalSet { .. } => true,
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            matches!(blockty, BlockType::FuncType(_))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waspect_instrumenter::ModuleInfo;

    fn shapes(text: &str) -> Vec<u64> {
        let bytes = wat::parse_str(text).unwrap();
        let info = ModuleInfo::parse(&bytes).unwrap();
        let bodies = info.functions.iter().filter_map(|function| function.body.as_ref());
        bodies.map(|body| of(&bytes[body.range.clone()])).collect()
    }

    #[test]
    fn numbers_of_others_do_not_matter_and_instructions_do() {
        let before = shapes("(module (func) (func (param i32) (call 0) (drop (i32.const 1))))");
        let after = shapes("(module (func) (func) (func (param i32) (call 1) (drop (i32.const 1))))");
        assert_eq!(before[1], after[2]);
        let changed = shapes("(module (func) (func (param i32) (call 0) (drop (i32.const 2))))");
        assert_ne!(before[1], changed[1]);
        assert_ne!(of(b"\xff\xff"), of(b"\xff\xfe"));
    }
}
