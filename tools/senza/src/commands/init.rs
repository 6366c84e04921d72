//! `senza init`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Initialize a new Senza definition
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: crate::cli::OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &InitArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
