//! The tables of imports, exports and functions.

use super::{Facts, kind, signature};
use crate::facts;
use crate::table::{self, Table};
use crate::text::{count, escape};

impl Facts {
    pub(super) fn imports(&self, top: usize) -> String {
        let mut table = Table::new(&["INDEX", "KIND", "TYPE", "IMPORT"]).left(3);
        for import in self.info.imports.iter().take(limit(top)) {
            let name = format!("{}.{}", import.module, import.field);
            table.row([
                import.index.to_string(),
                kind(import.kind).to_owned(),
                self.import_type(import),
                escape(&name).into_owned(),
            ]);
        }
        section(table, self.info.imports.len(), "import")
    }

    pub(super) fn exports(&self, top: usize) -> String {
        let mut table = Table::new(&["INDEX", "KIND", "TYPE", "EXPORT"]).left(3);
        for export in self.info.exports.iter().take(limit(top)) {
            table.row([
                export.index.to_string(),
                kind(export.kind).to_owned(),
                self.export_type(export.kind, export.index),
                escape(&export.name).into_owned(),
            ]);
        }
        section(table, self.info.exports.len(), "export")
    }

    pub(super) fn defined(&self, top: usize) -> String {
        let mut table = Table::new(&["INDEX", "BYTES", "TYPE", "FUNCTION"]).left(2);
        for (index, bytes) in self.bodies().take(limit(top)) {
            table.row([
                index.to_string(),
                count(bytes as u64),
                self.info.function_type(index).map_or_else(|| "?".to_owned(), signature),
                escape(&facts::function_name(&self.info, index)).into_owned(),
            ]);
        }
        section(table, self.info.functions.len() - self.info.imported_functions as usize, "function")
    }
}

fn limit(top: usize) -> usize {
    if top == 0 { usize::MAX } else { top }
}

fn section(table: Table, all: usize, noun: &str) -> String {
    match table.is_empty() {
        true => String::new(),
        false => format!("\n{}{}", table.render(table::stdout_width()), table::more(all - table.len(), noun, "")),
    }
}
