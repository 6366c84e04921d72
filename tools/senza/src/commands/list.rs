//! `senza list`

use stups_aws::Session;
use stups_terminal::{Terminal, WatchArguments, watch};

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;
use crate::stacks::{StackReference, list_stacks, parse_references};
use crate::styles::{row, table};

const COLUMNS: [&str; 5] = ["stack_name", "version", "status", "creation_time", "description"];

/// List Cloud Formation stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[command(flatten)]
    pub(crate) watch: WatchArguments,
    /// Show all stacks, including deleted ones
    #[arg(long)]
    pub(crate) all: bool,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ListArguments) -> Result<(), Error> {
    let references = parse_references(&arguments.stack_references)?;
    watch(&context.terminal, &arguments.watch, |terminal| {
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
    let mut stacks = list_stacks(session, references, arguments.all).await?;
    stacks.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
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
    terminal.print_table(&table(&COLUMNS, &arguments.table.fields, rows));
    Ok(())
}
