//! `senza images`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// Show all used AMIs and available Taupage AMIs
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImagesArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ImagesArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
