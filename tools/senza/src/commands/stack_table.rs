//! The commands that print one table about stacks, once or again and again.

use std::ops::ControlFlow;

use stups_terminal::{Row, Terminal, watch_until};

use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::deployed::is_in_progress;
use crate::stacks::StackSummary;
use crate::styles::table;

/// The rows that one look found.
pub(super) struct Picture {
    rows: Vec<Row>,
    /// whether nothing of it is about to change by itself
    is_settled: bool,
}

impl Picture {
    /// Rows about `stacks`.
    pub(super) fn of(stacks: &[StackSummary], rows: Vec<Row>) -> Self {
        Self {
            rows,
            is_settled: !stacks.iter().any(|stack| is_in_progress(&stack.status)),
        }
    }
}

/// Prints a table of `columns` with what `picture` finds; with `--watch` it finds anew for every picture.
pub(super) async fn print_stack_table<F>(
    context: &Context,
    arguments: &StackTableArguments,
    columns: &[&str],
    picture: impl Fn() -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<Picture, Error>>,
{
    watch_stacks(&context.terminal, arguments, |terminal| {
        let picture = picture();
        async move {
            let picture = picture.await?;
            terminal.print_table(&table(columns, &arguments.table.fields, picture.rows));
            Ok(picture.is_settled)
        }
    })
    .await
}

/// Shows `picture` once or, with `--watch`, again and again. It says whether what it shows is settled: with `--until-settled` the
/// first one that does is the last one.
pub(super) async fn watch_stacks<F>(
    terminal: &Terminal,
    arguments: &StackTableArguments,
    picture: impl Fn(Terminal) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<bool, Error>>,
{
    watch_until(terminal, &arguments.watch_arguments(), |terminal| {
        let picture = picture(terminal);
        async move {
            let is_last = picture.await? && arguments.until_settled;
            Ok(if is_last {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        }
    })
    .await
}
