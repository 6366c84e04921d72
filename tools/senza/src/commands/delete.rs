//! `senza delete`

use std::time::Duration;

use stups_aws::cloudformation::types::{DeletionMode, Stack};
use stups_terminal::{Row, until_interrupted};

use super::stack_result::{print_results, stack_row};
use super::traffic::shared::{self, SharedTarget};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::deployed;
use crate::route53::{Dns, Record};
use crate::stacks::{StackSummary, about_each, describe_stacks, list_stacks, parse_references};

/// How long `--wait` waits for one stack.
const DELETION_LIMIT: Duration = Duration::from_hours(2);

/// Delete a single Cloud Formation stack
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeleteArguments {
    /// Name and version of stacks, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
    /// No-op mode: show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not show error when stack does not exist
    #[arg(short = 'g', long)]
    pub(crate) ignore_non_existent: bool,
    /// Allow deleting multiple stacks and stacks with traffic
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Prompt before every deletion
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Wait until the stacks are gone
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    deletion: DeletionArguments,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// How CloudFormation goes about the deletion.
#[derive(Clone, Debug, Default, clap::Args)]
struct DeletionArguments {
    /// ARN of the role that CloudFormation acts as
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Leave this resource (its name in the template) when a deletion has failed before; may be repeated
    #[arg(long = "retain", value_name = "RESOURCE")]
    retained: Vec<String>,
    /// When a deletion has failed before: leave whatever can't be deleted
    #[arg(long, conflicts_with = "retained")]
    leave_rest: bool,
}

impl DeletionArguments {
    /// Refuses what CloudFormation would refuse for some of the stacks, before any is deleted.
    fn check(&self, stacks: &[StackSummary]) -> Result<(), Error> {
        if self.retained.is_empty() && !self.leave_rest {
            return Ok(());
        }
        let mut others = stacks.iter().filter(|stack| stack.status != "DELETE_FAILED");
        match others.next() {
            None => Ok(()),
            Some(stack) => Err(Error::Fatal(format!(
                "Stack {} has status {}: only when a deletion has failed something can be left (--retain, --leave-rest)",
                stack.stack_name, stack.status
            ))),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &DeleteArguments) -> Result<(), Error> {
    // Boxed: what waits for many calls to AWS is large, and stacks are not.
    Box::pin(delete(context, arguments)).await
}

async fn delete(context: &Context, arguments: &DeleteArguments) -> Result<(), Error> {
    let terminal = context.terminal.with_format(arguments.output.output);
    let references = parse_references(&arguments.stack_references)?;
    let Some(first) = references.first() else {
        return Err(Error::Usage("Please specify at least one stack".to_owned()));
    };
    let stacks = list_stacks(&context.session, &references, false).await?;

    let all_versions_named = references.iter().all(|reference| reference.version.is_some());
    if stacks.len() > 1 && !all_versions_named && !arguments.force && !arguments.dry_run {
        return Err(Error::Fatal(format!(
            "{} matching stacks found. Please use the \"--force\" flag if you really want to delete multiple stacks.",
            stacks.len()
        )));
    }
    if !arguments.ignore_non_existent {
        if stacks.is_empty() {
            return Err(Error::Fatal(format!("Stack {} not found!", first.name)));
        }
        for reference in &references {
            if !stacks.iter().any(|stack| reference.matches(&stack.stack_name)) {
                let version = reference.version.as_deref().unwrap_or_default();
                terminal.warning(&format!("Stack {} {version} not found!", reference.name));
            }
        }
    }

    // All of them before any: a refusal in the middle would leave half of the work done.
    let on_shared_listeners = check_all(context, &stacks, arguments.force).await?;

    arguments.deletion.check(&stacks)?;

    let mut deleted = Vec::new();
    let mut rows = Vec::new();
    for (stack, shared) in stacks.iter().zip(&on_shared_listeners) {
        let question = format!("Delete '{}'?", stack.stack_name);
        if arguments.interactive && !terminal.confirm(&question, false)? {
            rows.push(result_row(stack, "kept"));
            continue;
        }
        let action = terminal.action(&format!("Deleting Cloud Formation stack {}..", stack.stack_name));
        if arguments.dry_run {
            action.ok();
            rows.push(result_row(stack, "dry run"));
            continue;
        }
        action
            .during(delete_stack(context, stack, shared, &arguments.deletion))
            .await?;
        rows.push(result_row(stack, "deleted"));
        deleted.push(stack);
    }
    if arguments.wait {
        for stack in deleted {
            let action = terminal.action(&format!("Waiting until {} is gone..", stack.stack_name));
            let gone = until_interrupted(wait_until_gone(context, stack, || action.progress())).await;
            action.during(async { gone }).await?;
        }
    }
    print_results(&terminal, rows);
    Ok(())
}

fn result_row(stack: &StackSummary, result: &str) -> Row {
    stack_row(&stack.name, &stack.version, Some(&stack.stack_id), result)
}

/// Deletes a stack under a progress line; does not wait until it is gone.
pub(crate) async fn delete_one(context: &Context, stack: &StackSummary) -> Result<(), Error> {
    let described = deployed::describe(&context.session, &stack.stack_id).await?;
    let shared = described.as_ref().map(shared::targets_of).unwrap_or_default();
    let action = context
        .terminal
        .action(&format!("Deleting Cloud Formation stack {}..", stack.stack_name));
    let deletion = DeletionArguments::default();
    action.during(delete_stack(context, stack, &shared, &deletion)).await
}

/// DeleteStack; before it, the stack leaves the rules of listeners that it shares with other versions.
async fn delete_stack(
    context: &Context,
    stack: &StackSummary,
    shared: &[SharedTarget],
    deletion: &DeletionArguments,
) -> Result<(), Error> {
    if !shared.is_empty() {
        let others = describe_stacks(&context.session, &[]).await?;
        for target in shared {
            let mut others = others.iter().filter(|(other, _)| other.stack_id != stack.stack_id);
            let is_last = !others.any(|(_, other)| {
                let mut targets = shared::targets_of(other).into_iter();
                targets.any(|other| other.domain == target.domain && other.listener == target.listener)
            });
            shared::release(&context.session, target, is_last).await?;
        }
    }
    let request = context.session.cloudformation().delete_stack();
    request
        .stack_name(&stack.stack_id)
        .set_role_arn(deletion.role_arn.clone())
        .set_retain_resources((!deletion.retained.is_empty()).then(|| deletion.retained.clone()))
        .set_deletion_mode(deletion.leave_rest.then_some(DeletionMode::ForceDeleteStack))
        .send()
        .await?;
    Ok(())
}

/// Returns what each stack has on listeners that it shares with other versions.
async fn check_all(context: &Context, stacks: &[StackSummary], force: bool) -> Result<Vec<Vec<SharedTarget>>, Error> {
    let dns = Dns::new(&context.session);
    about_each(stacks, |stack| check(context, &dns, stack, force)).await
}

/// Refuses a stack that AWS would not delete, and one with traffic unless forced.
async fn check(context: &Context, dns: &Dns, stack: &StackSummary, force: bool) -> Result<Vec<SharedTarget>, Error> {
    let name = &stack.stack_name;
    let description = deployed::describe(&context.session, &stack.stack_id);
    let weight = async { Ok(!force && has_weighted_record(context, dns, &stack.stack_id, name).await?) };
    let (described, has_weight) = futures::try_join!(description, weight)?;
    let shared = described.as_ref().map(shared::targets_of).unwrap_or_default();
    if let Some(protected) = described.filter(|stack| stack.enable_termination_protection() == Some(true)) {
        let has_traffic = has_weight || has_traffic(context, dns, &protected).await?;
        return Err(Error::Fatal(protection_in_words(name, has_traffic)));
    }
    if has_weight || !force && is_forwarded_to(context, &shared).await? {
        return Err(Error::Fatal(format!(
            "Stack {name} has traffic!\nUse --force if you really want to delete it"
        )));
    }
    Ok(shared)
}

/// Why a protected stack is not deleted, and what to do about it.
fn protection_in_words(name: &str, has_traffic: bool) -> String {
    let (state, way) = if has_traffic {
        (
            "has traffic and is protected against termination",
            "Give its traffic to another version (senza traffic): a protection that came with the traffic goes with it. Otherwise \
             switch it off",
        )
    } else {
        ("is protected against termination", "Switch that off first")
    };
    format!(
        "Stack {name} {state}! --force does not change that. {way} if you really want to delete it: aws cloudformation \
         update-termination-protection --no-enable-termination-protection --stack-name {name}"
    )
}

/// Whether the stack gets traffic right now, by a weighted record or by the rule of a shared listener.
pub(crate) async fn has_traffic(context: &Context, dns: &Dns, stack: &Stack) -> Result<bool, Error> {
    let name = stack.stack_name().unwrap_or_default();
    let id = stack.stack_id().unwrap_or(name);
    Ok(has_weighted_record(context, dns, id, name).await?
        || is_forwarded_to(context, &shared::targets_of(stack)).await?)
}

/// Whether any weighted record of the stack (its ARN and its name) gets traffic right now.
async fn has_weighted_record(context: &Context, dns: &Dns, id: &str, name: &str) -> Result<bool, Error> {
    for resource in deployed::records(&context.session, id).await? {
        let records = dns.address_records(&resource.domain).await?;
        let mut weights = records.iter().filter_map(Record::weight);
        if weights.any(|(identifier, weight)| identifier == name && weight > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a shared listener forwards to any of these target groups.
async fn is_forwarded_to(context: &Context, targets: &[SharedTarget]) -> Result<bool, Error> {
    for target in targets {
        if shared::weight_of(&context.session, target).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn wait_until_gone(context: &Context, stack: &StackSummary, tick: impl Fn()) -> Result<(), Error> {
    match deployed::wait_until_settled(&context.session, &stack.stack_id, DELETION_LIMIT, tick).await? {
        Some(found) if deployed::status(&found) != "DELETE_COMPLETE" => Err(Error::Fatal(format!(
            "Stack {} has status {}: {}\nTo leave what can't be deleted: senza delete --retain RESOURCE, or --leave-rest",
            stack.stack_name,
            deployed::status(&found),
            found.stack_status_reason().unwrap_or("no reason given")
        ))),
        _ => Ok(()),
    }
}
