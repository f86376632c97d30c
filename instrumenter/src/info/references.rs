//! Where sections other than the code name functions: element segments and `ref.func` in constant expressions.
//!
//! One walk serves two: the facts (whose address is taken) and the rewriter (which bytes hold an index that moves).

use std::ops::Range;

use wasmparser::{BinaryReader, ConstExpr, Element, ElementItems, ElementKind, SectionLimited, TableInit};

use super::Section;
use crate::sites::{Site, Sites};

/// A function index that stands somewhere in the module's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The bytes of the index.
    pub at: Range<usize>,
    /// Original function index.
    pub function: u32,
}

/// Finds the references of a table, global or element section, in the order of their bytes; no other section has any.
pub(crate) fn in_section(module: &[u8], section: &Section, mut found: impl FnMut(Reference)) -> wasmparser::Result<()> {
    let reader = || BinaryReader::new(&module[section.range.clone()], section.range.start as u64);
    match section.id {
        super::sections::TABLE => {
            for table in SectionLimited::<wasmparser::Table>::new(reader())? {
                if let TableInit::Expr(expression) = table?.init {
                    in_expression(&expression, &mut found)?;
                }
            }
        }
        super::sections::GLOBAL => {
            for global in SectionLimited::<wasmparser::Global>::new(reader())? {
                in_expression(&global?.init_expr, &mut found)?;
            }
        }
        super::sections::ELEMENT => {
            for element in SectionLimited::<Element>::new(reader())? {
                in_element(module, element?, &mut found)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn in_element(module: &[u8], element: Element<'_>, found: &mut impl FnMut(Reference)) -> wasmparser::Result<()> {
    if let ElementKind::Active { offset_expr, .. } = element.kind {
        in_expression(&offset_expr, found)?;
    }
    match element.items {
        ElementItems::Functions(functions) => {
            for item in functions.into_iter_with_offsets() {
                let (offset, function) = item?;
                let start = offset as usize;
                let length = 1 + module[start..].iter().take_while(|byte| **byte >= 0x80).count();
                found(Reference { at: start..start + length, function });
            }
        }
        ElementItems::Expressions(_, expressions) => {
            for expression in expressions {
                in_expression(&expression?, found)?;
            }
        }
    }
    Ok(())
}

fn in_expression(expression: &ConstExpr<'_>, found: &mut impl FnMut(Reference)) -> wasmparser::Result<()> {
    let mut reader = expression.get_operators_reader();
    let mut sites = Sites::default();
    while !reader.eof() {
        let start = reader.original_position() as usize;
        if let Site::RefFunc(function) = reader.visit_operator(&mut sites)? {
            // The opcode is one byte; the rest is the index.
            found(Reference { at: start + 1..reader.original_position() as usize, function });
        }
    }
    Ok(())
}
