//! `senza update`

use stups_aws::cloudformation::types::ChangeSetType;
use stups_terminal::{Failure, OutputFormat};

use super::generation::{GenerationArguments, print_result};
use super::stack_options::StackOptionArguments;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::template::stack::{self, Updated};
use crate::template::{StackOptions, StackRequest, python};
use crate::{Compatibility, Error, diff};

/// Update an existing Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
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
    /// Show what would change, and ask before it is changed
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) interactive: bool,
    /// Make a change set of this name and stop there
    #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "interactive", "stack_policy", "retain_except_on_create"])]
    pub(crate) change_set: Option<String>,
    /// The change set also takes back what was changed without CloudFormation
    #[arg(long, requires = "change_set")]
    revert_drift: bool,
    #[command(flatten)]
    options: StackOptionArguments,
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
    let options = StackOptions {
        revert_drift: arguments.revert_drift,
        ..arguments.options.read(context)?
    };
    let mut request = arguments.generation.generate(context, requested, true).await?;
    request.options = options;
    if let Some(name) = &arguments.change_set {
        return Box::pin(make_change_set(context, &request, name, ChangeSetType::Update)).await;
    }
    if arguments.interactive {
        let difference = Box::pin(diff::of_request(context, &request, None)).await?;
        if !difference.changes.is_empty() {
            show(context, &diff::text(&difference));
            if !context.terminal.confirm("Do you want to update the stack?", false)? {
                return Err(Failure::aborted().into());
            }
        }
    }
    submit(context, &request, arguments.dry_run).await
}

/// Text for the person at the terminal: stdout is for programs in any other format.
fn show(context: &Context, text: &str) {
    if context.terminal.format() == OutputFormat::Text {
        context.terminal.print(text);
    } else {
        text.lines().for_each(|line| context.terminal.info(line));
    }
}

/// Makes a change set for somebody to look at and to execute, and says how it went.
pub(crate) async fn make_change_set(
    context: &Context,
    request: &StackRequest,
    name: &str,
    kind: ChangeSetType,
) -> Result<(), Error> {
    let action = context.terminal.action(&format!(
        "Making change set {name} of Cloud Formation stack {}..",
        request.stack_name
    ));
    match diff::create_named(context, request, name, kind).await {
        Ok(Some(id)) => {
            action.ok();
            print_result(context, request, Some(&id), "change set");
            Ok(())
        }
        Ok(None) => {
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
