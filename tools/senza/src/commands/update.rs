//! `senza update`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Update an existing Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &UpdateArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
