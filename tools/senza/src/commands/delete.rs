//! `senza delete`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Delete a single Cloud Formation stack
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeleteArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &DeleteArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
