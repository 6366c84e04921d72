//! What came of a command for each group of instances, for the formats that programs read.

use stups_terminal::{OutputFormat, Row};

use crate::context::Context;
use crate::scaling_groups::StackGroup;
use crate::styles::{row, table};

/// A group and what came of the command.
pub(super) fn group_row(group: &StackGroup, result: &str) -> Row {
    row([
        ("stack_name", group.stack.name.as_str().into()),
        ("version", group.stack.version.as_str().into()),
        ("group", group.id.as_str().into()),
        ("result", result.into()),
    ])
}

/// Prints the rows, except in text: there the progress lines have said it.
pub(super) fn print_groups(context: &Context, columns: &[&str], rows: Vec<Row>) {
    if context.terminal.format() != OutputFormat::Text {
        context.terminal.print_table(&table(columns, &[], rows));
    }
}
