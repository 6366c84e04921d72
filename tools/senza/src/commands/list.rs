//! `senza list`

use stups_aws::Session;
use stups_terminal::{Terminal, watch};

use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::stacks::{StackReference, list_stacks_by_name};
use crate::styles::{row, table};

const COLUMNS: [&str; 5] = ["stack_name", "version", "status", "creation_time", "description"];

/// List Cloud Formation stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
    /// Show all stacks, including deleted ones
    #[arg(long)]
    pub(crate) all: bool,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ListArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    watch(&context.terminal, &arguments.stacks.watch, |terminal| {
        show(terminal, &context.session, &references, arguments)
    })
    .await
}

async fn show(
    terminal: Terminal,
    session: &Session,
    references: &[StackReference],
    arguments: &ListArguments,
) -> Result<(), Error> {
    let stacks = list_stacks_by_name(session, references, arguments.all).await?;
    let rows = stacks
        .into_iter()
        .map(|stack| {
            row([
                ("stack_name", stack.name.into()),
                ("version", stack.version.into()),
                ("status", stack.status.into()),
                ("creation_time", (stack.creation_time as i64).into()),
                ("description", stack.description.into()),
            ])
        })
        .collect();
    terminal.print_table(&table(&COLUMNS, &arguments.stacks.table.fields, rows));
    Ok(())
}
