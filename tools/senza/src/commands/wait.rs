//! `senza wait`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Wait for successfull stack creation or deletion
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WaitArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &WaitArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
