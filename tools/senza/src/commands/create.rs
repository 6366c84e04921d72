//! `senza create`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Create a new Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &CreateArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
