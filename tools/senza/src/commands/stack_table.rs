//! The commands that print one table about stacks, once or again and again.

use stups_terminal::{Row, watch};

use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::styles::table;

/// Prints a table of `columns` with what `rows` finds; with `--watch` it finds anew for every picture.
pub(super) async fn print_stack_table<F>(
    context: &Context,
    arguments: &StackTableArguments,
    columns: &[&str],
    rows: impl Fn() -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<Vec<Row>, Error>>,
{
    watch(&context.terminal, &arguments.watch, |terminal| {
        let rows = rows();
        async move {
            terminal.print_table(&table(columns, &arguments.table.fields, rows.await?));
            Ok(())
        }
    })
    .await
}
