//! `senza create`

use stups_aws::cloudformation::types::ChangeSetType;
use stups_terminal::Failure;

use super::generation::{GenerationArguments, print_result};
use super::update;
use crate::checks::{self, CheckArguments};
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::template::stack::{self, Created};
use crate::template::{StackRequest, python};
use crate::{Error, stack_tags};

/// Create a new Cloud Formation stack from the given Senza definition file
#[derive(Clone, Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// Disable Cloud Formation rollback on failure
    #[arg(long)]
    pub(crate) disable_rollback: bool,
    /// No-op mode: show what would be created
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Updates the stack if it exists
    #[arg(long)]
    pub(crate) update_if_exists: bool,
    /// Tags to associate with the stack
    #[arg(short, long = "tag", value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// Do not add the tags application, version, team, who and commit
    #[arg(long)]
    pub(crate) no_stack_tags: bool,
    /// Protect the stack from being deleted
    #[arg(long)]
    pub(crate) protect: bool,
    /// Make a change set of this name and stop there
    #[arg(long, value_name = "NAME", conflicts_with = "dry_run")]
    pub(crate) change_set: Option<String>,
    #[command(flatten)]
    pub(crate) checks: CheckArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &CreateArguments) -> Result<(), Error> {
    let tags = arguments
        .tags
        .iter()
        .map(|tag| parse_tag(tag))
        .collect::<Result<Vec<_>, _>>()?;
    let generation = &arguments.generation;
    let mut request = generation
        .generate(context, generation.compat, arguments.update_if_exists)
        .await?;
    request.tags.extend(tags);
    request.termination_protection = arguments.protect;
    let facts = Box::pin(checks::before_create(
        context,
        &arguments.checks,
        &request,
        generation.force,
        arguments.dry_run,
    ))
    .await?;
    if !arguments.no_stack_tags {
        Box::pin(stack_tags::add(context, &mut request, &facts)).await;
    }
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
    match Box::pin(stack::create(&context.session, &request, arguments.disable_rollback)).await {
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

/// `KEY=VALUE` with exactly one equals sign.
pub(super) fn parse_tag(tag: &str) -> Result<(String, String), Error> {
    match tag.split_once('=') {
        Some((key, value)) if !value.contains('=') => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Error::Fatal(format!(
            "Invalid tag {tag}. Tags should be in the form of key=value"
        ))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_exactly_one_equals_sign() {
        assert_eq!(parse_tag("a=b").unwrap(), ("a".to_owned(), "b".to_owned()));
        assert_eq!(parse_tag("a=").unwrap(), ("a".to_owned(), String::new()));
        for tag in ["badtag", "a=b=c", ""] {
            let failure = parse_tag(tag).unwrap_err().into_failure();
            assert_eq!(failure.exit_code, 1);
            assert_eq!(
                failure.message,
                format!("Invalid tag {tag}. Tags should be in the form of key=value")
            );
        }
    }
}
