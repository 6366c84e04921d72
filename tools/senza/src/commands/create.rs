//! `senza create`

use stups_aws::cloudformation::types::ChangeSetType;
use stups_terminal::Failure;

use super::generation::{GenerationArguments, print_result};
use super::new_stack::NewStackArguments;
use super::update;
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::template::stack::{self, Created};
use crate::template::{StackRequest, python};

/// Create a new Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// No-op mode: show what would be created
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Updates the stack if it exists
    #[arg(long)]
    pub(crate) update_if_exists: bool,
    /// Make a change set of this name and stop there
    #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "protect", "stack_policy", "creation_timeout", "retain_except_on_create"])]
    pub(crate) change_set: Option<String>,
    #[command(flatten)]
    pub(crate) new_stack: NewStackArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &CreateArguments) -> Result<(), Error> {
    let (new_stack, generation) = (&arguments.new_stack, &arguments.generation);
    let mut request = new_stack
        .generate(context, generation, arguments.update_if_exists)
        .await?;
    new_stack
        .check(context, &mut request, generation.force, arguments.dry_run)
        .await?;
    if let Some(name) = &arguments.change_set {
        return Box::pin(update::make_change_set(context, &request, name, ChangeSetType::Create)).await;
    }

    let name = &request.stack_name;
    let action = context
        .terminal
        .action(&format!("Creating Cloud Formation stack {name}.."));
    if arguments.dry_run {
        show_dry_run(context, &request);
        action.ok();
        print_result(context, &request, None, "dry run");
        return Ok(());
    }
    match Box::pin(stack::create(&context.session, &request)).await {
        Ok(Created::Stack(stack_id)) => {
            action.ok();
            print_result(context, &request, Some(&stack_id), "created");
            Ok(())
        }
        Ok(Created::AlreadyExists) if arguments.update_if_exists => {
            action.warning(&format!("Stack {name} already exists. It will be updated"));
            action.ok();
            Box::pin(update::submit(context, &request, false)).await
        }
        Ok(Created::AlreadyExists) => {
            action.fatal(&format!(
                "Stack {name} already exists. Please choose another version, or update it with --update-if-exists."
            ));
            Err(Failure::silent().into())
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

/// The topics and tags, in the form that scripts know.
fn show_dry_run(context: &Context, request: &StackRequest) {
    let text = |text: &str| stups_yaml::Value::from(text);
    let topics = request.notification_arns.iter().map(|arn| text(arn)).collect();
    let tags = request
        .tags
        .iter()
        .map(|(key, value)| {
            stups_yaml::Value::Map(
                [("Key".into(), text(key)), ("Value".into(), text(value))]
                    .into_iter()
                    .collect(),
            )
        })
        .collect();
    let shown = |list| python::repr(&stups_yaml::Value::List(list));
    context.terminal.info(&format!("**DRY-RUN** {}", shown(topics)));
    context.terminal.info(&format!(" Tags: {}", shown(tags)));
}
