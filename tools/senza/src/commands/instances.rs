//! `senza instances`

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;

/// List the stack's EC2 instances
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InstancesArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &InstancesArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
