//! `senza print`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Print the generated Cloud Formation template
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PrintArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &PrintArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
