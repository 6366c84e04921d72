//! `senza drift`

use std::time::Duration;

use serde_json::Value as Json;
use stups_aws::Session;
use stups_aws::cloudformation::types::{
    DifferenceType, PropertyDifference, StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use stups_terminal::{Failure, Row, Terminal};

use crate::Error;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;
use crate::polling::{Look, until_there};
use crate::stacks::{StackSummary, about_each, list_stacks, parse_references, short_resource_type, split_stack_name};
use crate::styles::{row, table};

/// How long CloudFormation may take to look at one stack.
const LIMIT: Duration = Duration::from_mins(30);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The exit code that says that something has drifted: 1 and 2 say that the command failed.
const DRIFTED: u8 = 3;

const COLUMNS: [&str; 9] = [
    "stack_name",
    "version",
    "LogicalResourceId",
    "resource_type",
    "drift",
    "property",
    "in_template",
    "in_account",
    "by_senza",
];

/// What Senza's own commands change without telling CloudFormation: type of resource and beginning of the property.
/// `patch`, `scale`, `respawn-instances`, `traffic`.
const BY_SENZA: [(&str, &str); 7] = [
    ("AWS::AutoScaling::AutoScalingGroup", "/LaunchConfigurationName"),
    ("AWS::AutoScaling::AutoScalingGroup", "/LaunchTemplate"),
    (
        "AWS::AutoScaling::AutoScalingGroup",
        "/MixedInstancesPolicy/LaunchTemplate",
    ),
    ("AWS::AutoScaling::AutoScalingGroup", "/MinSize"),
    ("AWS::AutoScaling::AutoScalingGroup", "/MaxSize"),
    ("AWS::AutoScaling::AutoScalingGroup", "/DesiredCapacity"),
    ("AWS::Route53::RecordSet", "/Weight"),
];

/// Show what was changed in stacks without CloudFormation
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DriftArguments {
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    stack_references: Vec<String>,
    /// Exit with 3 if anything has drifted that Senza itself has not changed
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Runs the command. Nothing is changed in AWS.
pub(crate) async fn run(context: &Context, arguments: &DriftArguments) -> Result<(), Error> {
    let references = parse_references(&arguments.stack_references)?;
    if references.is_empty() {
        return Err(Error::Usage("Please specify at least one stack".to_owned()));
    }
    let (session, terminal) = (&context.session, &context.terminal);
    let stacks = list_stacks(session, &references, false).await?;
    let drifts = terminal
        .action(&format!("Looking for drift of {} stack(s)..", stacks.len()))
        .during(Box::pin(about_each(&stacks, |stack| {
            drifts_of(session, terminal, stack)
        })))
        .await?;
    let rows: Vec<Row> = stacks
        .iter()
        .zip(&drifts)
        .flat_map(|(stack, drifts)| drifts.iter().flat_map(|drift| rows_of(stack, drift)))
        .collect();
    let has_drifted = rows.iter().any(|row| row.get("by_senza") != Some(&Json::Bool(true)));
    terminal.print_table(&table(&COLUMNS, &arguments.table.fields, rows));
    if arguments.exit_code && has_drifted {
        let drifted = Failure {
            exit_code: DRIFTED,
            ..Failure::silent()
        };
        return Err(drifted.into());
    }
    Ok(())
}

/// Lets CloudFormation compare the stack with its template, and returns the resources that differ or are gone.
async fn drifts_of(
    session: &Session,
    terminal: &Terminal,
    stack: &StackSummary,
) -> Result<Vec<StackResourceDrift>, Error> {
    let cloudformation = session.cloudformation();
    let started = cloudformation
        .detect_stack_drift()
        .stack_name(&stack.stack_id)
        .send()
        .await?;
    let detection = started.stack_drift_detection_id.unwrap_or_default();
    let failure = until_there(
        LIMIT,
        LONGEST_PAUSE,
        || (),
        || async {
            let state = cloudformation
                .describe_stack_drift_detection_status()
                .stack_drift_detection_id(&detection)
                .send()
                .await?;
            Ok(match state.detection_status {
                Some(StackDriftDetectionStatus::DetectionInProgress) => {
                    Look::NotYet(format!("CloudFormation still compares stack {}", stack.stack_name))
                }
                Some(StackDriftDetectionStatus::DetectionFailed) => {
                    let reason = state.detection_status_reason;
                    Look::There(Some(reason.unwrap_or_else(|| "no reason given".to_owned())))
                }
                _ => Look::There(None),
            })
        },
    )
    .await?;
    if let Some(reason) = failure {
        // What could be compared is still told.
        terminal.warning(&format!(
            "Stack {} could not be compared as a whole: {reason}",
            stack.stack_name
        ));
    }
    let mut drifts = Vec::new();
    let mut next = None;
    loop {
        let answer = cloudformation
            .describe_stack_resource_drifts()
            .stack_name(&stack.stack_id)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
            .set_next_token(next)
            .send()
            .await?;
        drifts.extend(answer.stack_resource_drifts.unwrap_or_default());
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            break;
        }
    }
    drifts.sort_by(|one, other| one.logical_resource_id.cmp(&other.logical_resource_id));
    Ok(drifts)
}

/// A row for each property that differs; one for a resource that is gone.
fn rows_of(stack: &StackSummary, drift: &StackResourceDrift) -> Vec<Row> {
    let (name, version) = split_stack_name(&stack.stack_name);
    let resource_type = drift.resource_type().unwrap_or_default();
    let of = |status: &str, difference: Option<&PropertyDifference>| {
        let property = difference.and_then(PropertyDifference::property_path);
        let is_by_senza = property.is_some_and(|property| {
            BY_SENZA
                .iter()
                .any(|(of, beginning)| *of == resource_type && property.starts_with(beginning))
        });
        row([
            ("stack_name", name.into()),
            ("version", version.into()),
            ("LogicalResourceId", drift.logical_resource_id().into()),
            ("resource_type", short_resource_type(resource_type).into()),
            ("drift", status.into()),
            ("property", property.map(|path| path.trim_start_matches('/')).into()),
            (
                "in_template",
                difference.and_then(PropertyDifference::expected_value).into(),
            ),
            (
                "in_account",
                difference.and_then(PropertyDifference::actual_value).into(),
            ),
            ("by_senza", is_by_senza.into()),
        ])
    };
    let status = drift
        .stack_resource_drift_status()
        .map_or("", StackResourceDriftStatus::as_str);
    let differences = drift.property_differences();
    if differences.is_empty() {
        return vec![of(status, None)];
    }
    differences
        .iter()
        .map(|difference| {
            let kind = difference.difference_type().map_or(status, DifferenceType::as_str);
            of(kind, Some(difference))
        })
        .collect()
}
