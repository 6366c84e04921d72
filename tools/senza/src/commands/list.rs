//! `senza list`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// List Cloud Formation stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ListArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
