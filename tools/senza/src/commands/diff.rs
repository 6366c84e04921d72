//! `senza diff`

use stups_terminal::Failure;

use super::generation::GenerationArguments;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::{Compatibility, Error, diff};

/// The exit code that says that there are differences: 1 and 2 say that the command failed.
const DIFFERENT: u8 = 3;

/// Show what create or update would change, resource by resource
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// Replace launch configurations of the deployed stack by launch templates
    #[arg(long, conflicts_with = "compat")]
    pub(crate) launch_templates: bool,
    /// Compare with another version of the application, or with any other stack, instead of the stack itself
    #[arg(long, value_name = "STACK_REF")]
    pub(crate) against: Option<String>,
    /// Exit with 3 if there are differences
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command. Nothing is changed in AWS.
pub(crate) async fn run(context: &Context, arguments: &DiffArguments) -> Result<(), Error> {
    let requested = if arguments.launch_templates {
        Some(Compatibility::Senza3)
    } else {
        arguments.generation.compat
    };
    let request = arguments.generation.generate(context, requested, true).await?;
    let difference = Box::pin(diff::of_request(context, &request, arguments.against.as_deref())).await?;
    diff::print(&context.terminal, &difference);
    if arguments.exit_code && !difference.changes.is_empty() {
        let different = Failure {
            exit_code: DIFFERENT,
            ..Failure::silent()
        };
        return Err(different.into());
    }
    Ok(())
}
