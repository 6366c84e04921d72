//! Why a stack failed: the first real failure among many that only follow from it.

use stups_aws::Session;
use stups_aws::cloudformation::types::StackEvent;
use stups_terminal::Terminal;

use crate::Error;
use crate::stacks::{events_of, is_stopped_by_hook, reason_of, short_resource_type};

const STACK: &str = "AWS::CloudFormation::Stack";
/// How deep stacks inside stacks are looked into.
const DEEPEST: usize = 4;

/// What reasons contain that only say that something else failed.
const CONSEQUENCES: [&str; 6] = [
    "cancelled",
    "The following resource(s) failed to",
    "The following hook(s) failed",
    "Resource creation canceled",
    "was not successfully",
    "Rollback requested by user",
];

/// What reasons contain, and what a person can do about it.
const HINTS: [(&str, &str); 15] = [
    (
        "SUCCESS signal",
        "No instance reported that the application runs. Look at its log: senza console NAME VERSION; a wrong image, a failing \
         health check or a missing parameter are the usual causes.",
    ),
    (
        "resource signal",
        "No instance reported that the application runs. Look at its log: senza console NAME VERSION; a wrong image, a failing \
         health check or a missing parameter are the usual causes.",
    ),
    (
        "launch configuration",
        "This account cannot create launch configurations. Leave out `--compat 2.1`, so that launch templates are made.",
    ),
    (
        "vCPU",
        "The account's limit for this family of instances is reached: raise it in Service Quotas, or take another InstanceType.",
    ),
    (
        "InsufficientInstanceCapacity",
        "AWS has no such instances left in these zones: take another InstanceType, or name SpotAlternatives.",
    ),
    (
        "InstanceLimitExceeded",
        "The account's limit for instances is reached: raise it in Service Quotas, or delete old versions: senza cleanup.",
    ),
    (
        "TooManyLoadBalancers",
        "The account's limit for load balancers is reached: raise it in Service Quotas, delete old versions (senza cleanup), or share \
         one load balancer (Senza::WeightedTargetGroup).",
    ),
    (
        "conflicting RRSet of type CNAME",
        "An old stack has a CNAME record of this name: convert it with senza migrate-cnames NAME, and create the version again.",
    ),
    (
        "riority",
        "Another rule of the listener took the same priority at the same moment: create the version again.",
    ),
    (
        "CertificateNotFound",
        "The load balancer's certificate is gone: senza print shows which one was chosen.",
    ),
    (
        "nvalid IamInstanceProfile",
        "The instance profile or role does not exist: senza init makes it.",
    ),
    (
        "it already exists",
        "Something else made a resource of that name. It has to go first, or this one needs another name.",
    ),
    (
        "already exists",
        "Something else made a resource of that name. It has to go first, or this one needs another name.",
    ),
    (
        "not authorized to perform",
        "Your role may not do that: ask who manages the account for the permission that the message names.",
    ),
    (
        "AccessDenied",
        "Your role may not do that: ask who manages the account for the permission.",
    ),
];

/// Why a stack failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RootCause {
    /// in the template
    pub(crate) logical_id: String,
    /// without `AWS::`
    pub(crate) resource_type: String,
    /// `CREATE_FAILED`, ...
    pub(crate) status: String,
    /// AWS's words
    pub(crate) reason: String,
}

impl RootCause {
    fn of(event: &StackEvent) -> Self {
        Self {
            logical_id: event.logical_resource_id().unwrap_or_default().to_owned(),
            resource_type: short_resource_type(event.resource_type().unwrap_or_default()).to_owned(),
            status: event.resource_status().map_or("", |status| status.as_str()).to_owned(),
            reason: reason_of(event).unwrap_or_default(),
        }
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        let known = HINTS.iter().find(|(sign, _)| self.reason.contains(sign));
        known.map(|(_, hint)| *hint)
    }

    /// Shows it, and the hint.
    pub(crate) fn show(&self, terminal: &Terminal) {
        let kind = match self.resource_type.as_str() {
            "" => String::new(),
            kind => format!(" ({kind})"),
        };
        let Self {
            logical_id,
            status,
            reason,
            ..
        } = self;
        terminal.error(&format!("ROOT CAUSE: {logical_id}{kind} {status}: {reason}"));
        if let Some(hint) = self.hint() {
            terminal.info(&format!("HINT: {hint}"));
        }
    }
}

/// The first real failure of the latest operation on a stack (best given by ARN), inside of stacks that it is made of as well.
/// Nothing: no event says why.
pub(crate) async fn find_root_cause(session: &Session, stack: &str) -> Result<Option<RootCause>, Error> {
    let mut stack = stack.to_owned();
    let mut found = None;
    for _ in 0..DEEPEST {
        let events = events_of(session, &stack).await?;
        let Some(event) = first_failure(&events) else { break };
        found = Some(RootCause::of(event));
        let inner = event.physical_resource_id().unwrap_or_default();
        let is_stack_inside = event.resource_type() == Some(STACK) && inner != stack && inner.starts_with("arn:");
        if !is_stack_inside || event.stack_id() == Some(inner) {
            break;
        }
        inner.clone_into(&mut stack);
    }
    Ok(found)
}

/// The events of the latest operation on the stack.
pub(super) fn latest_operation(events: &[StackEvent]) -> &[StackEvent] {
    let is_start = |event: &StackEvent| {
        let own = event.resource_type() == Some(STACK) && event.physical_resource_id() == event.stack_id();
        let status = event.resource_status().map_or("", |status| status.as_str());
        own && matches!(
            status,
            "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
        )
    };
    let start = events.iter().rposition(is_start).unwrap_or(0);
    events.get(start..).unwrap_or_default()
}

/// The earliest failure with a reason of its own; else that of a stack inside; else the first that has any reason.
fn first_failure(events: &[StackEvent]) -> Option<&StackEvent> {
    let failures: Vec<&StackEvent> = latest_operation(events)
        .iter()
        .filter(|event| is_failure(event))
        .collect();
    let is_inside = |event: &&&StackEvent| {
        let is_own = event.physical_resource_id() == event.stack_id();
        event.resource_type() == Some(STACK) && !is_own && event.physical_resource_id().is_some_and(|id| !id.is_empty())
    };
    let real = failures.iter().find(|event| is_inside(event) || !is_consequence(event));
    real.or(failures.first()).copied()
}

fn is_failure(event: &StackEvent) -> bool {
    let status = event.resource_status().map_or("", |status| status.as_str());
    let has_failed = status.ends_with("_FAILED") || status.ends_with("ROLLBACK_IN_PROGRESS");
    reason_of(event).is_some() && (has_failed || is_stopped_by_hook(event))
}

/// Whether the event only says that something else failed.
pub(super) fn is_consequence(event: &StackEvent) -> bool {
    let reason = event.resource_status_reason().unwrap_or_default();
    let status = event.resource_status().map_or("", |status| status.as_str());
    status.contains("ROLLBACK") || CONSEQUENCES.iter().any(|sign| reason.contains(sign))
}

#[cfg(test)]
mod tests {
    use stups_aws::cloudformation::types::HookStatus;

    use super::*;

    fn event(id: &str, kind: &str, status: &str, reason: &str) -> StackEvent {
        let physical = if kind == STACK { "arn:stack" } else { "" };
        StackEvent::builder()
            .stack_id("arn:stack")
            .logical_resource_id(id)
            .physical_resource_id(physical)
            .resource_type(kind)
            .resource_status(status.into())
            .resource_status_reason(reason)
            .build()
    }

    const GROUP: &str = "AWS::AutoScaling::AutoScalingGroup";

    #[test]
    fn a_hook_that_refuses_is_the_cause() {
        let hook = StackEvent::builder()
            .stack_id("arn:stack")
            .logical_resource_id("Bucket")
            .resource_type("AWS::S3::Bucket")
            .resource_status("CREATE_IN_PROGRESS".into())
            .hook_type("Acme::Hook")
            .hook_status(HookStatus::HookCompleteFailed)
            .hook_status_reason("not encrypted")
            .build();
        let follows = "The following hook(s) failed: [Acme::Hook]";
        let events = [hook, event("Bucket", "AWS::S3::Bucket", "CREATE_FAILED", follows)];
        let cause = RootCause::of(first_failure(&events).unwrap());
        assert_eq!(cause.reason, "Hook Acme::Hook HOOK_COMPLETE_FAILED: not encrypted");
    }

    #[test]
    fn what_follows_from_a_failure_is_not_its_cause() {
        let events = [
            event("app-1", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
            event("Role", "AWS::IAM::Role", "CREATE_FAILED", "Resource creation cancelled"),
            event(
                "AppServer",
                GROUP,
                "CREATE_FAILED",
                "Received 0 SUCCESS signal(s) out of 1.",
            ),
            event("Other", GROUP, "CREATE_FAILED", "no image"),
            event(
                "app-1",
                STACK,
                "ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to create: [AppServer, Role].",
            ),
        ];
        let cause = RootCause::of(first_failure(&events).unwrap());
        assert_eq!(cause.logical_id, "AppServer");
        assert_eq!(cause.resource_type, "AutoScaling::AutoScalingGroup");
        assert!(cause.hint().unwrap().contains("senza console"));
    }

    #[test]
    fn only_the_latest_operation_counts() {
        let events = [
            event("app-1", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
            event("Old", GROUP, "CREATE_FAILED", "long ago"),
            event("app-1", STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
            event("New", GROUP, "UPDATE_FAILED", "just now"),
        ];
        assert_eq!(first_failure(&events).unwrap().logical_resource_id(), Some("New"));
        assert!(first_failure(&events[..1]).is_none());
    }

    #[test]
    fn a_consequence_is_better_than_nothing() {
        let events = [event(
            "app-1",
            STACK,
            "ROLLBACK_IN_PROGRESS",
            "Rollback requested by user.",
        )];
        assert_eq!(first_failure(&events).unwrap().logical_resource_id(), Some("app-1"));
    }

    #[test]
    fn hints_are_given_where_something_is_known() {
        let hint = |reason: &str| {
            let cause = RootCause::of(&event("A", GROUP, "CREATE_FAILED", reason));
            cause.hint().map(str::to_owned)
        };
        for (reason, words) in [
            (
                "You have requested more vCPU capacity than your current vCPU limit",
                "Service Quotas",
            ),
            (
                "User: arn:aws:sts::1:x is not authorized to perform: iam:CreateRole",
                "permission",
            ),
            (
                "RRSet of type A with DNS name app.example.org. is not permitted because a conflicting RRSet of type CNAME with the \
                 same DNS name already exists in zone example.org.",
                "senza migrate-cnames",
            ),
            ("Priority '17' is currently in use", "create the version again"),
            (
                "The Launch Configuration creation operation is not available: launch configuration",
                "--compat 2.1",
            ),
            ("A load balancer with the same name 'x' already exists", "another name"),
        ] {
            assert!(hint(reason).is_some_and(|hint| hint.contains(words)), "{reason}");
        }
        assert_eq!(hint("something new"), None);
    }
}
