//! `senza traffic`

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;

/// Manage stack traffic
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TrafficArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &TrafficArguments) -> Result<(), Error> {
    let _ = (context, arguments);
    todo!()
}
