//! `senza events`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// Show all Cloud Formation events for a single stack
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EventsArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &EventsArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
