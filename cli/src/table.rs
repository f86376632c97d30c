//! Plain tables for terminals: figures to the right, names last, no frames. Knows nothing of what it shows.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table as Layout};

use crate::text;

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What is beside the point.
pub const DIM: Style = Style::new().dimmed();
/// What went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// Text in a style.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A table whose last column is a name that may be shortened to the width of the terminal.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    /// A table with these headings; all but the last column are right-aligned.
    pub fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|&title| title.to_owned()).collect(), rows: Vec::new(), left: 1 }
    }

    /// Left-aligns the last `columns`.
    pub fn left(mut self, columns: usize) -> Table {
        self.left = columns;
        self
    }

    /// Adds a row; guest text must be escaped already.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, each ended; `width` is the terminal's, none shortens nothing.
    pub fn render(&self, width: Option<usize>) -> String {
        let mut layout = Layout::new();
        layout.load_style(comfy_table::presets::NOTHING);
        let last_width = width.map(|width| width.saturating_sub(self.width_before_last()).max(20));
        layout.set_header(&self.head);
        for row in &self.rows {
            let shown = row.iter().enumerate().map(|(at, cell)| match last_width {
                Some(room) if at + 1 == self.head.len() => text::shorten(cell, room).into_owned(),
                _ => cell.clone(),
            });
            layout.add_row(shown);
        }
        for (at, column) in layout.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if at + self.left < self.head.len() {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines = layout.trim_fmt();
        let mut lines = lines.lines();
        let mut rendered = lines.next().map(|head| styled(HEADING, head) + "\n").unwrap_or_default();
        lines.for_each(|line| rendered.extend([line, "\n"]));
        rendered
    }

    fn width_before_last(&self) -> usize {
        use unicode_width::UnicodeWidthStr;
        let before = self.head.len().saturating_sub(1);
        let widest = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).chain([&self.head[at]]);
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        (0..before).map(|at| widest(at) + 2).sum()
    }
}

/// A table below an empty line, with what of `all` it leaves out; nothing for a table without rows.
pub fn section(table: Table, all: usize, noun: &str) -> String {
    match table.is_empty() {
        true => String::new(),
        false => format!("\n{}{}", table.render(stdout_width()), more(all - table.len(), noun, "")),
    }
}

/// The line under a table that was cut: says how much is left, and how to see it. Empty when nothing is.
pub fn more(rest: usize, noun: &str, detail: &str) -> String {
    match rest {
        0 => String::new(),
        rest => {
            let plural = if rest == 1 { "" } else { "s" };
            let rest = text::count(rest as u64);
            styled(DIM, format_args!("and {rest} more {noun}{plural}{detail}; all with --top 0")) + "\n"
        }
    }
}

/// The width of the terminal behind standard output; none where it is no terminal.
pub fn stdout_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into())
}

/// The width of the terminal behind standard error; none where it is no terminal.
pub fn stderr_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_right_and_names_last() {
        let mut table = Table::new(&["CALLS", "TOTAL", "FUNCTION"]);
        table.row(["1".into(), "1.50 ms".into(), "main".into()]);
        table.row(["1,234".into(), "2 ns".into(), "a::very::long::path::to::a::function".into()]);
        let plain = anstream::adapter::strip_str(&table.render(None)).to_string();
        assert_eq!(
            plain,
            "CALLS    TOTAL  FUNCTION\n    1  1.50 ms  main\n1,234     2 ns  a::very::long::path::to::a::function\n"
        );
        let narrow = anstream::adapter::strip_str(&table.render(Some(40))).to_string();
        assert!(narrow.contains("a::very::lo…") && narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    }
}
