//! `senza resources`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// Show all resources of a single Cloud Formation stack
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ResourcesArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ResourcesArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
