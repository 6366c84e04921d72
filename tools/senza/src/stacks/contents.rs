//! What stacks are made of, and what happened to them.

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{StreamExt, TryStreamExt};
use stups_aws::Session;
use stups_aws::cloudformation::types::{StackEvent, StackResourceSummary};

use super::StackSummary;
use crate::Error;

/// How many stacks are asked about at the same time: more only makes AWS throttle.
const STACKS_AT_A_TIME: usize = 8;

/// What `question` answers about each stack, in the order of `stacks`; several are asked about at the same time.
pub(crate) async fn about_each<'a, T, F>(
    stacks: &'a [StackSummary],
    question: impl Fn(&'a StackSummary) -> F,
) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<T, Error>> + Send + 'a,
{
    // Boxed: a stream of the closure's own futures would not be `Send` for every lifetime.
    let answers: Vec<BoxFuture<'a, _>> = stacks.iter().map(|stack| question(stack).boxed()).collect();
    futures::stream::iter(answers)
        .buffered(STACKS_AT_A_TIME)
        .try_collect()
        .await
}

/// All resources (all pages) of the stack with this name or ARN.
pub(crate) async fn resources_of(session: &Session, stack: &str) -> Result<Vec<StackResourceSummary>, Error> {
    Ok(session
        .cloudformation()
        .list_stack_resources()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await?)
}

/// All events (all pages) of the stack with this name or ARN, oldest first.
pub(crate) async fn events_of(session: &Session, stack: &str) -> Result<Vec<StackEvent>, Error> {
    let mut events: Vec<StackEvent> = session
        .cloudformation()
        .describe_stack_events()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await?;
    // AWS lists the newest first.
    events.reverse();
    Ok(events)
}

/// A resource type as it is shown: without `AWS::`.
pub(crate) fn short_resource_type(resource_type: &str) -> &str {
    resource_type.strip_prefix("AWS::").unwrap_or(resource_type)
}

#[cfg(test)]
mod tests {
    use super::short_resource_type;

    #[test]
    fn only_aws_is_left_out_of_a_type() {
        for (full, short) in [
            ("AWS::EC2::Instance", "EC2::Instance"),
            ("Custom::elastigroup", "Custom::elastigroup"),
            ("", ""),
        ] {
            assert_eq!(short_resource_type(full), short);
        }
    }
}
