//! The tables of imports, exports and functions.

use super::Facts;
use crate::facts;
use crate::table::{Table, section};
use crate::text::{count, escape};

impl Facts {
    pub(super) fn imports(&self, rows_max: usize) -> String {
        let mut table = Table::new(&["INDEX", "KIND", "TYPE", "IMPORT"]).left(3);
        for import in self.info.imports.iter().take(rows_max) {
            let name = format!("{}.{}", import.module, import.field);
            table.row([
                import.index.to_string(),
                facts::kind(import.kind).to_owned(),
                facts::import_type(&self.info, import),
                escape(&name).into_owned(),
            ]);
        }
        section(table, self.info.imports.len(), "import")
    }

    pub(super) fn exports(&self, rows_max: usize) -> String {
        let mut table = Table::new(&["INDEX", "KIND", "TYPE", "EXPORT"]).left(3);
        for export in self.info.exports.iter().take(rows_max) {
            table.row([
                export.index.to_string(),
                facts::kind(export.kind).to_owned(),
                facts::export_type(&self.info, export.kind, export.index),
                escape(&export.name).into_owned(),
            ]);
        }
        section(table, self.info.exports.len(), "export")
    }

    pub(super) fn defined(&self, rows_max: usize) -> String {
        let mut table = Table::new(&["INDEX", "BYTES", "TYPE", "FUNCTION"]).left(2);
        for (index, bytes) in self.bodies().take(rows_max) {
            table.row([
                index.to_string(),
                count(bytes as u64),
                self.info.function_type(index).map_or_else(|| "?".to_owned(), facts::signature),
                escape(&facts::function_name(&self.info, index)).into_owned(),
            ]);
        }
        section(table, self.info.functions.len() - self.info.imported_functions as usize, "function")
    }
}
