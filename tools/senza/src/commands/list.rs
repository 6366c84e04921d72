//! `senza list`

use super::stack_table::{Picture, print_stack_table};
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::stacks::{StackReference, list_stacks_by_name};
use crate::styles::row;

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
    let picture = || picture(context, &references, arguments.all);
    print_stack_table(context, &arguments.stacks, &COLUMNS, picture).await
}

async fn picture(context: &Context, references: &[StackReference], all: bool) -> Result<Picture, Error> {
    let stacks = list_stacks_by_name(&context.session, references, all).await?;
    let rows = stacks.iter().map(|stack| {
        row([
            ("stack_name", stack.name.as_str().into()),
            ("version", stack.version.as_str().into()),
            ("status", stack.status.as_str().into()),
            ("creation_time", (stack.creation_time as i64).into()),
            ("description", stack.description.as_deref().into()),
        ])
    });
    Ok(Picture::of(&stacks, rows.collect()))
}
