//! What CloudFormation knows about one stack that is there.

use std::time::Duration;

use serde_json::Value as Json;
use stups_aws::Session;
use stups_aws::cloudformation::primitives::DateTime;
use stups_aws::cloudformation::types::{Stack, StackResourceSummary, StackStatus, TemplateStage};

use crate::Error;
use crate::polling::{Look, until_there};
use crate::stacks::resources_of;

/// The resource type of a DNS record.
const RECORD_SET: &str = "AWS::Route53::RecordSet";
/// The longest pause between two looks at a stack.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// A DNS record that a stack made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackRecord {
    /// the name in the template
    pub(crate) logical_id: String,
    /// the record's name
    pub(crate) domain: String,
    /// seconds since the epoch, when CloudFormation says it
    pub(crate) updated: Option<i64>,
}

/// A stack by name or ARN; nothing when there is none.
pub(crate) async fn describe(session: &Session, stack: &str) -> Result<Option<Stack>, Error> {
    let answer = session
        .cloudformation()
        .describe_stacks()
        .stack_name(stack)
        .send()
        .await;
    match answer.map_err(stups_aws::Error::from) {
        Ok(output) => Ok(output.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether CloudFormation says that there is no such stack.
pub(crate) fn is_absence(error: &stups_aws::Error) -> bool {
    error.has_code("ValidationError") && error.message.contains("does not exist")
}

/// The DNS records that a stack (name or ARN) made, all pages.
pub(crate) async fn records(session: &Session, stack: &str) -> Result<Vec<StackRecord>, Error> {
    Ok(records_among(resources_of(session, stack).await?))
}

/// The DNS records among what a stack made.
pub(crate) fn records_among(resources: Vec<StackResourceSummary>) -> Vec<StackRecord> {
    resources
        .into_iter()
        .filter(|resource| resource.resource_type() == Some(RECORD_SET))
        .filter_map(|resource| {
            Some(StackRecord {
                // The SDK puts the epoch where an answer lacks a time that it has to have.
                updated: resource
                    .last_updated_timestamp()
                    .map(DateTime::secs)
                    .filter(|time| *time > 0),
                domain: resource.physical_resource_id?,
                logical_id: resource.logical_resource_id?,
            })
        })
        .collect()
}

/// The template of a stack (name or ARN), as it was sent.
pub(crate) async fn template_body(session: &Session, stack: &str) -> Result<String, Error> {
    let request = session.cloudformation().get_template().stack_name(stack);
    let answer = request.template_stage(TemplateStage::Original).send().await?;
    Ok(answer.template_body.unwrap_or_default())
}

/// A template as CloudFormation keeps it: JSON or YAML text. The error says why it can't be read.
pub(crate) fn parse_template(body: &str) -> Result<Json, String> {
    match serde_json::from_str(body) {
        Ok(template) => Ok(template),
        Err(_) => stups_yaml::load(body)
            .map(|template| template.to_json())
            .map_err(|error| format!("its template cannot be read: {error}")),
    }
}

/// Whether CloudFormation is still at work on a stack in this status. A stack under review waits for a person instead.
pub(crate) fn is_in_progress(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != StackStatus::ReviewInProgress.as_str()
}

/// The stack's status as CloudFormation spells it.
pub(crate) fn status(stack: &Stack) -> &str {
    stack.stack_status().map_or("", StackStatus::as_str)
}

/// Waits until CloudFormation is no longer at work on the stack (best given by ARN, which still finds it when it is gone),
/// for at most `limit`; calls `tick` at each look that finds it at work. Nothing: there is no such stack.
pub(crate) async fn wait_until_settled(
    session: &Session,
    stack: &str,
    limit: Duration,
    tick: impl Fn(),
) -> Result<Option<Stack>, Error> {
    until_there(limit, LONGEST_PAUSE, tick, || async {
        let found = describe(session, stack).await?;
        Ok(match &found {
            Some(stack) if is_in_progress(status(stack)) => {
                let name = stack.stack_name().unwrap_or_default();
                Look::NotYet(format!("Stack {name} is still {}", status(stack)))
            }
            _ => Look::There(found),
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_under_review_is_not_at_work() {
        assert!(is_in_progress("UPDATE_IN_PROGRESS"));
        assert!(is_in_progress("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"));
        assert!(!is_in_progress("REVIEW_IN_PROGRESS"));
        assert!(!is_in_progress("CREATE_COMPLETE"));
    }
}
