//! `senza wait`

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use stups_aws::cloudformation::types::StackEvent;
use stups_aws::{ErrorKind, Session};
use stups_terminal::{Failure, Terminal};

use super::stack_result::{print_results, stack_row};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::live::{View, find_root_cause};
use crate::stacks::{
    StackReference, StackSummary, events_of, is_stopped_by_hook, list_unique_stacks, parse_references, reason_of,
};

/// Wait for successful stack creation or deletion
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WaitArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Wait for deletion instead of CREATE_COMPLETE
    #[arg(short, long)]
    pub(crate) deletion: bool,
    /// Maximum wait time
    #[arg(short, long, value_name = "SECS", default_value = "1800", value_parser = clamped(0, 7200))]
    pub(crate) timeout: u64,
    /// Time between checks
    #[arg(short, long, value_name = "SECS", default_value = "5", value_parser = clamped(1, 600))]
    pub(crate) interval: u64,
    /// Show what happens meanwhile, and first of all why a stack failed
    #[arg(long)]
    pub(crate) events: bool,
    /// Stack names (regular expressions) with versions, or definition files; all stacks when there is none
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &WaitArguments) -> Result<(), Error> {
    let terminal = &context.terminal;
    let references = parse_references(&arguments.stack_references)?;
    let deadline = Instant::now() + Duration::from_secs(arguments.timeout);
    let mut watched = Watched::new(arguments.deletion);
    let mut answered = false;
    let mut views = Views::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::aborted().into());
        }
        match list_unique_stacks(&context.session, &references).await {
            // A passing trouble is no reason to give up a wait that has begun.
            Err(Error::Aws(error))
                if answered && matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable) =>
            {
                terminal.warning(&error.to_string());
            }
            Err(error) => return Err(error),
            Ok(stacks) if stacks.is_empty() => {
                let words = arguments.stack_references.join(" ");
                return Err(Error::Usage(format!("No matching stack for \"{words}\" found")));
            }
            Ok(stacks) => {
                answered = true;
                if arguments.events {
                    views.update(context, &stacks).await;
                }
                match watched.judge(&stacks, &references) {
                    Verdict::Failed(stacks) => {
                        drop(views);
                        if arguments.events {
                            show_root_causes(context, &stacks).await?;
                        }
                        return Err(report_failed(terminal, &context.session, &stacks).await?);
                    }
                    Verdict::Waiting(_) if arguments.events => {}
                    Verdict::Waiting(stacks) => terminal.info(&waiting_line(left, &stacks)),
                    Verdict::Done(stacks) => {
                        drop(views);
                        terminal.ok(&done_line(&stacks));
                        let rows = stacks
                            .iter()
                            .map(|stack| stack_row(&stack.name, &stack.version, Some(&stack.stack_id), action(stack)));
                        print_results(terminal, rows.collect());
                        return Ok(());
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(arguments.interval).min(left)).await;
    }
}

/// What has been shown of each stack's events, by ARN.
#[derive(Debug, Default)]
struct Views(HashMap<String, View>);

impl Views {
    /// Shows what is new. What cannot be asked for now is shown the next time.
    async fn update(&mut self, context: &Context, stacks: &[StackSummary]) {
        for stack in stacks {
            let view = self.0.entry(stack.stack_id.clone());
            let view = view.or_insert_with(|| View::new(&context.terminal, stacks.len() == 1));
            if let Err(error) = view.update(&context.session, &stack.stack_id).await {
                view.note(&error.to_string());
            }
        }
    }
}

async fn show_root_causes(context: &Context, stacks: &[&StackSummary]) -> Result<(), Error> {
    for stack in stacks {
        if let Some(cause) = find_root_cause(&context.session, &stack.stack_id).await? {
            cause.show(&context.terminal);
        }
    }
    Ok(())
}

/// What to do about the stacks as they are listed now.
#[derive(Debug, PartialEq)]
enum Verdict<'a> {
    /// some can no longer become what is waited for
    Failed(Vec<&'a StackSummary>),
    /// none failed, some are still at it
    Waiting(Vec<&'a StackSummary>),
    /// all are there
    Done(Vec<&'a StackSummary>),
}

/// What is waited for, and what has been seen while waiting.
#[derive(Debug)]
struct Watched {
    deletion: bool,
    /// ARNs of stacks that were being deleted: for them, being gone is what is waited for
    seen_deleting: HashSet<String>,
}

impl Watched {
    fn new(deletion: bool) -> Self {
        Self {
            deletion,
            seen_deleting: HashSet::new(),
        }
    }

    fn judge<'a>(&mut self, stacks: &'a [StackSummary], references: &[StackReference]) -> Verdict<'a> {
        let (mut done, mut waiting, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for stack in stacks {
            if stack.status == "DELETE_IN_PROGRESS" {
                self.seen_deleting.insert(stack.stack_id.clone());
            }
            if self.is_target(stack) {
                done.push(stack);
            } else if stack.status.ends_with("_IN_PROGRESS") {
                waiting.push(stack);
            } else if self.deletion || stack.status != "DELETE_COMPLETE" || !has_successor(stack, stacks, references) {
                failed.push(stack);
            }
        }
        let by_name = |stacks: &mut Vec<&StackSummary>| {
            stacks.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        };
        by_name(&mut done);
        by_name(&mut waiting);
        if !failed.is_empty() {
            Verdict::Failed(failed)
        } else if !waiting.is_empty() {
            Verdict::Waiting(waiting)
        } else {
            Verdict::Done(done)
        }
    }

    fn is_target(&self, stack: &StackSummary) -> bool {
        match stack.status.as_str() {
            "DELETE_COMPLETE" => self.deletion || self.seen_deleting.contains(&stack.stack_id),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => !self.deletion,
            _ => false,
        }
    }
}

/// Whether every reference that matches the deleted `stack` matches an existing one as well: then the reference names an
/// application, whose old versions are gone as they should be, rather than this stack.
fn has_successor(stack: &StackSummary, stacks: &[StackSummary], references: &[StackReference]) -> bool {
    let existing = |reference: Option<&StackReference>| {
        stacks
            .iter()
            .filter(|other| other.status != "DELETE_COMPLETE")
            .any(|other| reference.is_none_or(|reference| reference.matches(&other.stack_name)))
    };
    if references.is_empty() {
        return existing(None);
    }
    references
        .iter()
        .filter(|reference| reference.matches(&stack.stack_name))
        .all(|reference| existing(Some(reference)))
}

fn waiting_line(left: Duration, stacks: &[&StackSummary]) -> String {
    let names: Vec<String> = stacks
        .iter()
        .map(|stack| format!("{} ({})", stack.stack_name, stack.status))
        .collect();
    format!(
        "Waiting up to {:.0} more secs for stack{} {}..",
        left.as_secs_f64(),
        if names.len() > 1 { "s" } else { "" },
        names.join(", ")
    )
}

fn done_line(stacks: &[&StackSummary]) -> String {
    let names: Vec<&str> = stacks.iter().map(|stack| stack.stack_name.as_str()).collect();
    let actions: BTreeSet<&str> = stacks.iter().map(|stack| action(stack)).collect();
    let actions: Vec<&str> = actions.into_iter().collect();
    format!("OK: Stack(s) {} {} successfully.", names.join(", "), actions.join("/"))
}

/// What has been done to a stack that is there.
fn action(stack: &StackSummary) -> &'static str {
    match stack.status.as_str() {
        "DELETE_COMPLETE" => "deleted",
        "IMPORT_COMPLETE" => "imported",
        "UPDATE_COMPLETE" => "updated",
        _ => "created",
    }
}

/// Says why each stack failed; the answer is how the command then ends.
async fn report_failed(terminal: &Terminal, session: &Session, stacks: &[&StackSummary]) -> Result<Error, Error> {
    for stack in stacks {
        for event in events_of(session, &stack.stack_id).await? {
            if let Some(line) = failure_line(&event) {
                terminal.error(&line);
            }
        }
        terminal.error(&format!(
            "ERROR: Stack {} has status {}",
            stack.stack_name, stack.status
        ));
    }
    Ok(Failure::silent().into())
}

/// The line about an event that tells why a stack failed; nothing for any other event.
fn failure_line(event: &StackEvent) -> Option<String> {
    let status = event.resource_status()?.as_str();
    let reason = reason_of(event)?;
    let tells_why = status.contains("FAIL") || status.contains("ROLLBACK") || is_stopped_by_hook(event);
    tells_why.then(|| {
        format!(
            "ERROR: {} {status}: {reason}",
            event.logical_resource_id().unwrap_or_default()
        )
    })
}

#[cfg(test)]
mod tests {
    use stups_aws::cloudformation::types::{HookStatus, ResourceStatus};

    use super::*;

    fn stack(name: &str, status: &str) -> StackSummary {
        let (short, version) = crate::stacks::split_stack_name(name);
        StackSummary {
            stack_name: name.to_owned(),
            stack_id: format!("arn:{name}"),
            name: short.to_owned(),
            version: version.to_owned(),
            status: status.to_owned(),
            creation_time: 0.0,
            description: None,
        }
    }

    /// The verdict on stacks given as `name STATUS`, in one word and the stacks' names.
    fn verdict(watched: &mut Watched, references: &[&str], stacks: &[(&str, &str)]) -> (&'static str, Vec<String>) {
        let stacks: Vec<_> = stacks.iter().map(|(name, status)| stack(name, status)).collect();
        let references: Vec<_> = references
            .iter()
            .map(|name| StackReference::new(name, None).unwrap())
            .collect();
        let (word, names) = match watched.judge(&stacks, &references) {
            Verdict::Failed(stacks) => ("failed", stacks),
            Verdict::Waiting(stacks) => ("waiting", stacks),
            Verdict::Done(stacks) => ("done", stacks),
        };
        (word, names.iter().map(|stack| stack.stack_name.clone()).collect())
    }

    #[test]
    fn each_status_is_waited_for_done_or_failed() {
        let table = [
            ("CREATE_COMPLETE", "done", "failed"),
            ("UPDATE_COMPLETE", "done", "failed"),
            ("IMPORT_COMPLETE", "done", "failed"),
            ("DELETE_COMPLETE", "failed", "done"),
            ("CREATE_IN_PROGRESS", "waiting", "waiting"),
            ("UPDATE_IN_PROGRESS", "waiting", "waiting"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "waiting", "waiting"),
            ("DELETE_IN_PROGRESS", "waiting", "waiting"),
            ("REVIEW_IN_PROGRESS", "waiting", "waiting"),
            ("IMPORT_IN_PROGRESS", "waiting", "waiting"),
            ("ROLLBACK_IN_PROGRESS", "waiting", "waiting"),
            ("ROLLBACK_COMPLETE", "failed", "failed"),
            ("CREATE_FAILED", "failed", "failed"),
            ("DELETE_FAILED", "failed", "failed"),
            ("UPDATE_ROLLBACK_COMPLETE", "failed", "failed"),
            ("IMPORT_ROLLBACK_COMPLETE", "failed", "failed"),
        ];
        for (status, creation, deletion) in table {
            assert_eq!(
                verdict(&mut Watched::new(false), &["a"], &[("a-1", status)]).0,
                creation,
                "{status}"
            );
            assert_eq!(
                verdict(&mut Watched::new(true), &["a"], &[("a-1", status)]).0,
                deletion,
                "{status} -d"
            );
        }
    }

    #[test]
    fn one_that_failed_outweighs_those_in_progress_and_they_outweigh_those_done() {
        let stacks = [
            ("b-1", "CREATE_IN_PROGRESS"),
            ("a-1", "CREATE_COMPLETE"),
            ("c-1", "ROLLBACK_COMPLETE"),
        ];
        assert_eq!(
            verdict(&mut Watched::new(false), &[], &stacks),
            ("failed", vec!["c-1".to_owned()])
        );
        assert_eq!(
            verdict(&mut Watched::new(false), &[], &stacks[..2]),
            ("waiting", vec!["b-1".to_owned()])
        );
    }

    #[test]
    fn a_deletion_seen_in_progress_is_waited_for() {
        let mut watched = Watched::new(false);
        assert_eq!(
            verdict(&mut watched, &["a"], &[("a-1", "DELETE_IN_PROGRESS")]).0,
            "waiting"
        );
        assert_eq!(verdict(&mut watched, &["a"], &[("a-1", "DELETE_COMPLETE")]).0, "done");
        let mut watched = Watched::new(false);
        assert_eq!(
            verdict(&mut watched, &["a"], &[("a-1", "DELETE_IN_PROGRESS")]).0,
            "waiting"
        );
        assert_eq!(verdict(&mut watched, &["a"], &[("a-1", "DELETE_FAILED")]).0, "failed");
    }

    #[test]
    fn deleted_versions_of_an_application_that_lives_on_are_left_out() {
        let stacks = [("a-1", "DELETE_COMPLETE"), ("a-2", "CREATE_COMPLETE")];
        for references in [&["a"][..], &[]] {
            assert_eq!(
                verdict(&mut Watched::new(false), references, &stacks),
                ("done", vec!["a-2".to_owned()])
            );
        }
        let stacks = [("a-1", "DELETE_COMPLETE"), ("b-2", "CREATE_COMPLETE")];
        assert_eq!(
            verdict(&mut Watched::new(false), &["a", "b"], &stacks),
            ("failed", vec!["a-1".to_owned()])
        );
    }

    #[test]
    fn the_lines_are_the_original_ones() {
        let (created, updated, deleted) = (
            stack("a-1", "CREATE_COMPLETE"),
            stack("b-2", "UPDATE_COMPLETE"),
            stack("c-3", "DELETE_COMPLETE"),
        );
        assert_eq!(done_line(&[&created]), "OK: Stack(s) a-1 created successfully.");
        assert_eq!(
            done_line(&[&created, &updated]),
            "OK: Stack(s) a-1, b-2 created/updated successfully."
        );
        assert_eq!(done_line(&[&deleted]), "OK: Stack(s) c-3 deleted successfully.");
        let (creating, updating) = (stack("a-1", "CREATE_IN_PROGRESS"), stack("b-2", "UPDATE_IN_PROGRESS"));
        assert_eq!(
            waiting_line(Duration::from_millis(1_799_600), &[&creating]),
            "Waiting up to 1800 more secs for stack a-1 (CREATE_IN_PROGRESS).."
        );
        assert_eq!(
            waiting_line(Duration::from_secs(9), &[&creating, &updating]),
            "Waiting up to 9 more secs for stacks a-1 (CREATE_IN_PROGRESS), b-2 (UPDATE_IN_PROGRESS).."
        );
    }

    #[test]
    fn events_that_tell_why_a_stack_failed() {
        let event = |status: ResourceStatus, reason: Option<&str>| {
            StackEvent::builder()
                .logical_resource_id("AppServer")
                .resource_status(status)
                .set_resource_status_reason(reason.map(str::to_owned))
                .build()
        };
        assert_eq!(
            failure_line(&event(ResourceStatus::CreateFailed, Some("no image"))).unwrap(),
            "ERROR: AppServer CREATE_FAILED: no image"
        );
        assert!(failure_line(&event(ResourceStatus::RollbackInProgress, Some("all of it"))).is_some());
        let stopped = StackEvent::builder()
            .logical_resource_id("AppServer")
            .resource_status(ResourceStatus::CreateInProgress)
            .hook_type("Acme::Hook")
            .hook_status(HookStatus::HookCompleteFailed)
            .hook_status_reason("not encrypted");
        assert_eq!(
            failure_line(&stopped.build()).unwrap(),
            "ERROR: AppServer CREATE_IN_PROGRESS: Hook Acme::Hook HOOK_COMPLETE_FAILED: not encrypted"
        );
        assert!(failure_line(&event(ResourceStatus::CreateFailed, None)).is_none());
        assert!(failure_line(&event(ResourceStatus::CreateComplete, Some("fine"))).is_none());
    }
}
