//! Where a module refers to functions outside bodies: exports, tables, element segments, globals.

use ::walrus::{ConstExpr, ConstOp, ElementItems, ExportItem, FunctionId, GlobalKind, Module};

use super::functions::Replacements;

/// Leads exports to thunks, and every other reference to an allocator to what stands for it. What the pipeline added since is
/// treated alike: a reference is a reference.
pub(super) fn redirect(module: &mut Module, references: &Replacements, thunks: &Replacements) {
    for export in module.exports.iter_mut() {
        if let ExportItem::Function(function) = &mut export.item
            && let Some(instead) = thunks.get(function).or_else(|| references.get(function))
        {
            *function = *instead;
        }
    }
    if references.is_empty() {
        return;
    }
    for element in module.elements.iter_mut() {
        match &mut element.items {
            ElementItems::Functions(functions) => {
                functions.iter_mut().for_each(|function| replace(function, references))
            }
            ElementItems::Expressions(_, expressions) => {
                expressions.iter_mut().for_each(|expression| in_expression(expression, references))
            }
        }
    }
    for table in module.tables.iter_mut() {
        if let Some(init) = &mut table.init {
            in_expression(init, references);
        }
    }
    let globals: Vec<_> = module.globals.iter().map(|global| global.id()).collect();
    for global in globals {
        if let GlobalKind::Local(init) = &mut module.globals.get_mut(global).kind {
            in_expression(init, references);
        }
    }
}

fn in_expression(expression: &mut ConstExpr, references: &Replacements) {
    match expression {
        ConstExpr::RefFunc(function) => replace(function, references),
        ConstExpr::Extended(operators) => {
            for operator in operators {
                if let ConstOp::RefFunc(function) = operator {
                    replace(function, references);
                }
            }
        }
        _ => {}
    }
}

pub(super) fn replace(function: &mut FunctionId, references: &Replacements) {
    if let Some(instead) = references.get(function) {
        *function = *instead;
    }
}
