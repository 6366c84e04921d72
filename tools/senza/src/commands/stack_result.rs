//! What came of a command for each stack, for the formats that programs read; in text the progress lines have said it.

use stups_terminal::{OutputFormat, Row, Terminal};

use crate::styles::{row, table};

const COLUMNS: [&str; 4] = ["stack_name", "version", "stack_id", "result"];

/// A stack of this name and version, its ARN if there is one, and what came of it in a word or two.
pub(super) fn stack_row(name: &str, version: &str, stack_id: Option<&str>, result: &str) -> Row {
    row([
        ("stack_name", name.into()),
        ("version", version.into()),
        ("stack_id", stack_id.into()),
        ("result", result.into()),
    ])
}

/// Prints the rows, unless the format is text.
pub(super) fn print_results(terminal: &Terminal, rows: Vec<Row>) {
    if terminal.format() != OutputFormat::Text {
        terminal.print_table(&table(&COLUMNS, &[], rows));
    }
}
