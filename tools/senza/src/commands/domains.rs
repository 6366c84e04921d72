//! `senza domains`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// List the stack's Route53 domains
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DomainsArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &DomainsArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
