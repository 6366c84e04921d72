//! Tables in all output formats.

use std::collections::HashMap;

use crate::OutputFormat;

/// One row: column name to value. Absent and null are the same.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// How a value is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// the colour of the text
    pub color: Option<anstyle::AnsiColor>,
    /// bold face
    pub bold: bool,
}

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// key in the rows, name in JSON and TSV
    pub name: String,
    /// heading in text output
    pub title: String,
    /// text output cuts longer cells to this many characters
    pub max_width: Option<usize>,
}

impl Column {
    /// A column with the default title: the name in title case, underscores as blanks.
    pub fn new(name: &str) -> Self {
        let _ = name;
        todo!()
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Sets the maximum width.
    #[must_use]
    pub fn max_width(mut self, width: usize) -> Self {
        self.max_width = Some(width);
        self
    }
}

/// Columns, rows and the styles of values; rendered by [`crate::Terminal::print_table`].
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// columns in order
    pub columns: Vec<Column>,
    /// rows in order
    pub rows: Vec<Row>,
    /// style by cell value, whatever the column
    pub styles: HashMap<String, Style>,
}

impl Table {
    /// The table as text in `format`, ending in a newline; `color` puts ANSI styles in.
    pub fn render(&self, format: OutputFormat, color: bool) -> String {
        let _ = (format, color);
        todo!()
    }
}
