//! `senza update`

use super::generation::{GenerationArguments, print_result};
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::template::stack::{self, Updated};
use crate::template::{StackRequest, python};
use crate::{Compatibility, Error};

/// Update an existing Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// Replace launch configurations of the deployed stack by launch templates
    #[arg(long, conflicts_with = "compat")]
    pub(crate) launch_templates: bool,
    /// Accepted for compatibility: an update has no rollback to disable
    #[arg(long)]
    pub(crate) disable_rollback: bool,
    /// No-op mode: show what would be updated
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &UpdateArguments) -> Result<(), Error> {
    let requested = if arguments.launch_templates {
        Some(Compatibility::Senza3)
    } else {
        arguments.generation.compat
    };
    let request = arguments.generation.generate(context, requested, true).await?;
    submit(context, &request, arguments.dry_run).await
}

/// Sends the update and says how it went.
pub(crate) async fn submit(context: &Context, request: &StackRequest, dry_run: bool) -> Result<(), Error> {
    let action = context
        .terminal
        .action(&format!("Updating Cloud Formation stack {}..", request.stack_name));
    if dry_run {
        let topics = request
            .notification_arns
            .iter()
            .map(|arn| stups_yaml::Value::from(arn.as_str()))
            .collect();
        let topics = python::repr(&stups_yaml::Value::List(topics));
        context.terminal.info(&format!("**DRY-RUN** {topics}"));
        action.ok();
        print_result(context, request, None, "dry run");
        return Ok(());
    }
    match Box::pin(stack::update(&context.session, request)).await {
        Ok(Updated::Stack(stack_id)) => {
            action.ok();
            print_result(context, request, Some(&stack_id), "updated");
            Ok(())
        }
        Ok(Updated::NoUpdate) => {
            action.done("NO UPDATE");
            print_result(context, request, None, "no update");
            Ok(())
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}
