//! `senza cleanup`: delete old versions that nobody uses.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use stups_aws::cloudformation::types::Stack;
use stups_terminal::{Row, Table};

use super::delete;
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::deployed;
use crate::route53::Dns;
use crate::stacks::{StackReference, StackSummary, about_each, describe_stacks, parse_references};
use crate::styles;

const COLUMNS: [&str; 6] = ["stack_name", "version", "status", "creation_time", "action", "reason"];
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Delete old versions of an application that have no traffic
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CleanupArguments {
    /// Name of the application's stacks without version, or a definition file
    pub(crate) stack_name: String,
    /// How many of the newest versions stay, besides those with traffic
    #[arg(short, long, value_name = "N")]
    pub(crate) keep: usize,
    /// Only versions that are older than this many days
    #[arg(long, value_name = "DAYS")]
    pub(crate) older_than: Option<u32>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// No-op mode: show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &CleanupArguments) -> Result<(), Error> {
    // Boxed: what waits for many calls to AWS is large, and stacks are not.
    Box::pin(clean_up(context, arguments)).await
}

async fn clean_up(context: &Context, arguments: &CleanupArguments) -> Result<(), Error> {
    let terminal = &context.terminal;
    let references = parse_references(std::slice::from_ref(&arguments.stack_name))?;
    let rules = Rules {
        keep: arguments.keep,
        older_than_days: arguments.older_than,
    };
    let decided = decide(context, &references, &rules).await?;
    terminal.print_table(&table(&decided));
    let old: Vec<&StackSummary> = to_delete(&decided);
    if old.is_empty() {
        terminal.ok("Nothing to clean up.");
        return Ok(());
    }
    if arguments.dry_run {
        return Ok(());
    }
    let question = format!("Delete {} stack{}?", old.len(), if old.len() == 1 { "" } else { "s" });
    if !arguments.yes && !terminal.confirm(&question, false)? {
        return Err(stups_terminal::Failure::aborted().into());
    }
    delete_all(context, &old).await
}

/// Deletes old versions without asking, after a deployment.
pub(crate) async fn after_deployment(
    context: &Context,
    references: &[StackReference],
    keep: usize,
) -> Result<(), Error> {
    let rules = Rules {
        keep,
        older_than_days: None,
    };
    let decided = decide(context, references, &rules).await?;
    delete_all(context, &to_delete(&decided)).await
}

/// What stays whatever else is true of it.
#[derive(Clone, Copy, Debug)]
struct Rules {
    keep: usize,
    older_than_days: Option<u32>,
}

/// A version, and why it stays; nothing: it goes.
type Decided = (StackSummary, Option<String>);

/// Looks at every version before any is deleted.
async fn decide(context: &Context, references: &[StackReference], rules: &Rules) -> Result<Vec<Decided>, Error> {
    let described = describe_stacks(&context.session, references).await?;
    let mut names: Vec<&str> = described.iter().map(|(stack, _)| stack.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > 1 {
        return Err(Error::Usage(format!(
            "Versions of one application are cleaned up at a time, but several match: {}",
            names.join(", ")
        )));
    }
    if described.is_empty() {
        let name = references.first().map_or("", |reference| reference.name.as_str());
        return Err(Error::Fatal(format!("Stack {name} not found!")));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64());
    let states: Vec<&str> = described.iter().map(|(stack, _)| stack.status.as_str()).collect();
    let by_age = by_age(&states, rules.keep);

    let dns = Dns::new(&context.session);
    let summaries: Vec<StackSummary> = described.iter().map(|(stack, _)| stack.clone()).collect();
    let traffic = about_each(&summaries, |stack| {
        let described = described.iter().find(|(other, _)| other.stack_id == stack.stack_id);
        has_traffic(context, &dns, stack, described.map(|(_, stack)| stack))
    })
    .await?;
    Ok(described
        .into_iter()
        .zip(by_age)
        .zip(traffic)
        .map(|(((summary, stack), by_age), traffic)| {
            let is_young = rules
                .older_than_days
                .is_some_and(|days| now - summary.creation_time < f64::from(days) * SECONDS_PER_DAY);
            let young = is_young.then(|| format!("not older than {} days", rules.older_than_days.unwrap_or(0)));
            let protected = stack.enable_termination_protection() == Some(true);
            let protected = protected.then(|| "protected against termination".to_owned());
            (summary, traffic.or(by_age).or(protected).or(young))
        })
        .collect())
}

/// Why stacks in these states, newest first, stay on account of their age.
fn by_age(states: &[&str], keep: usize) -> Vec<Option<String>> {
    let mut alive = 0;
    let reasons = states.iter().map(|status| {
        if deployed::is_in_progress(status) {
            return Some(format!("it is {status}"));
        }
        if never_lived(status) {
            // What failed just now is still to be looked at.
            return (alive == 0).then(|| "newer than every version that works".to_owned());
        }
        alive += 1;
        (alive <= keep).then(|| match keep {
            1 => "the newest".to_owned(),
            _ => format!("one of the {keep} newest"),
        })
    });
    reasons.collect()
}

fn never_lived(status: &str) -> bool {
    matches!(
        status,
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "REVIEW_IN_PROGRESS"
    )
}

/// Why the version counts as one with traffic: a weight, a name that is all its own, or a name whose weights are all zero.
async fn has_traffic(
    context: &Context,
    dns: &Dns,
    stack: &StackSummary,
    described: Option<&Stack>,
) -> Result<Option<String>, Error> {
    // Unknown is not unused.
    let Some(described) = described else {
        return Ok(Some("nobody knows whether it has traffic".to_owned()));
    };
    if delete::has_traffic(context, dns, described).await? {
        return Ok(Some("it has traffic".to_owned()));
    }
    for resource in deployed::records(&context.session, &stack.stack_id).await? {
        if resource.logical_id.to_lowercase().contains("version") {
            continue;
        }
        let name = resource.domain.trim_end_matches('.');
        let records = dns.address_records(&resource.domain).await?;
        let is_own = |identifier: Option<&str>| identifier == Some(stack.stack_name.as_str());
        if !records.iter().any(|record| is_own(record.set.set_identifier())) {
            if records.iter().any(|record| record.weight().is_none()) {
                return Ok(Some(format!("{name} is all its own")));
            }
            continue;
        }
        if records
            .iter()
            .filter_map(|record| record.weight())
            .all(|(_, weight)| weight == 0)
        {
            return Ok(Some(format!(
                "all weights of {name} are 0, so Route 53 answers with every version"
            )));
        }
    }
    Ok(None)
}

fn to_delete(decided: &[Decided]) -> Vec<&StackSummary> {
    let mut old: Vec<&StackSummary> = decided
        .iter()
        .filter(|(_, reason)| reason.is_none())
        .map(|(stack, _)| stack)
        .collect();
    // The oldest first: interrupted, it has done the most useful part.
    old.reverse();
    old
}

async fn delete_all(context: &Context, stacks: &[&StackSummary]) -> Result<(), Error> {
    for stack in stacks {
        // Somebody may have given it traffic since.
        let described = deployed::describe(&context.session, &stack.stack_id).await?;
        if let Some(described) = described
            && delete::has_traffic(context, &Dns::new(&context.session), &described).await?
        {
            context
                .terminal
                .warning(&format!("Stack {} has traffic by now, it stays", stack.stack_name));
            continue;
        }
        delete::delete_one(context, stack).await?;
    }
    Ok(())
}

fn table(decided: &[Decided]) -> Table {
    let rows: Vec<Row> = decided
        .iter()
        .map(|(stack, reason)| {
            styles::row([
                ("stack_name", json!(stack.name)),
                ("version", json!(stack.version)),
                ("status", json!(stack.status)),
                ("creation_time", json!(stack.creation_time as i64)),
                ("action", json!(if reason.is_some() { "keep" } else { "delete" })),
                ("reason", json!(reason)),
            ])
        })
        .collect();
    styles::table(&COLUMNS, &[], rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stays(states: &[&str], keep: usize) -> Vec<bool> {
        by_age(states, keep).iter().map(Option::is_some).collect()
    }

    #[test]
    fn the_newest_that_work_stay() {
        let done = "CREATE_COMPLETE";
        assert_eq!(stays(&[done, "UPDATE_COMPLETE", done], 2), [true, true, false]);
        assert_eq!(stays(&[done, done], 0), [false, false]);
        // One that never worked neither counts nor goes while it is the latest attempt.
        assert_eq!(
            stays(&["ROLLBACK_COMPLETE", done, "CREATE_FAILED", done], 1),
            [true, true, false, false]
        );
        assert_eq!(stays(&[done, "CREATE_IN_PROGRESS"], 0), [false, true]);
    }

    proptest! {
        #[test]
        fn never_fewer_than_asked_for(
            states in prop::collection::vec(prop::sample::select(vec![
                "CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_IN_PROGRESS",
            ]), 0..20),
            keep in 0_usize..8,
        ) {
            let stay = stays(&states, keep);
            let alive: Vec<bool> = states.iter().zip(&stay)
                .filter(|(status, _)| !never_lived(status) && !deployed::is_in_progress(status))
                .map(|(_, stays)| *stays)
                .collect();
            prop_assert_eq!(alive.iter().filter(|stays| **stays).count(), keep.min(alive.len()));
            prop_assert!(alive.is_sorted_by(|newer, older| *newer || !*older), "an older one stays instead of a newer one");
        }
    }
}
