//! `senza status`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// Show stack status information
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &StatusArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
