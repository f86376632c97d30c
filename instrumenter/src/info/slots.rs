//! Which function stands in which slot of which table, as far as active element segments with constant offsets say.

use wasmparser::{BinaryReader, ConstExpr, Element, ElementItems, ElementKind, Operator, SectionLimited};

use super::{Section, sections};

/// A function in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub table: u32,
    pub at: u64,
    pub function: u32,
}

/// Finds the slots, in the order of their segments; the module has been validated.
pub(super) fn each(all: &[Section], module: &[u8], mut found: impl FnMut(Slot)) {
    for section in all.iter().filter(|section| section.id == sections::ELEMENT) {
        let reader = BinaryReader::new(&module[section.range.clone()], section.range.start as u64);
        let Ok(elements) = SectionLimited::<Element>::new(reader) else { continue };
        for element in elements.into_iter().flatten() {
            let ElementKind::Active { table_index, offset_expr } = element.kind else { continue };
            let Some(start) = constant(&offset_expr) else { continue };
            let table = table_index.unwrap_or(0);
            let mut place = |at: usize, function| found(Slot { table, at: start + at as u64, function });
            match element.items {
                ElementItems::Functions(functions) => {
                    functions.into_iter().flatten().enumerate().for_each(|(at, function)| place(at, function));
                }
                ElementItems::Expressions(_, expressions) => {
                    for (at, expression) in expressions.into_iter().flatten().enumerate() {
                        if let Some(Operator::RefFunc { function_index }) = only(&expression) {
                            place(at, function_index);
                        }
                    }
                }
            }
        }
    }
}

/// The value of an offset that is a plain number; a dynamic library's is a global of its host.
pub(super) fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    match only(expression)? {
        Operator::I32Const { value } => Some(u64::from(value as u32)),
        Operator::I64Const { value } => Some(value as u64).filter(|value| *value < 1 << 48),
        _ => None,
    }
}

/// The one instruction of an expression, if it has no more.
fn only<'a>(expression: &ConstExpr<'a>) -> Option<Operator<'a>> {
    let mut reader = expression.get_operators_reader();
    let operator = reader.read().ok()?;
    matches!(reader.read().ok()?, Operator::End).then_some(operator)
}
