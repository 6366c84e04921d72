//! What is told by EventBridge when a group launches and terminates instances.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::properties::Properties;
use super::resources::{add as add_resource, members};
use super::{Generation, reference};
use crate::Error;

/// What EC2 Auto Scaling calls the events, of which SNS is told as well.
const EVENTS: [&str; 4] = [
    "EC2 Instance Launch Successful",
    "EC2 Instance Launch Unsuccessful",
    "EC2 Instance Terminate Successful",
    "EC2 Instance Terminate Unsuccessful",
];

/// EventBridge's limit for a rule.
const MOST_TARGETS: usize = 5;

/// Adds the rule that the property `EventTargets` asks for, if it does.
pub(super) async fn add(
    group: &str,
    properties: &Properties<'_>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let Some(given) = properties.items("EventTargets") else {
        return Ok(());
    };
    if given.is_empty() || given.len() > MOST_TARGETS {
        let message = format!("must be the ARNs of 1 to {MOST_TARGETS} targets");
        return Err(properties.error("EventTargets", &message));
    }
    let mut targets = Vec::with_capacity(given.len());
    for (index, target) in given.iter().enumerate() {
        let place = format!("EventTargets/{index}");
        if target.as_str().is_some_and(|arn| !arn.starts_with("arn:"))
            || !matches!(target, Value::String(_) | Value::Map(_))
        {
            return Err(properties.wrong(&place, target, "an ARN, a function or a reference"));
        }
        let arn: Json = reference::resolve(target, &properties.path(&place), generation.account).await?;
        targets.push(json!({"Id": format!("Target{}", index + 1), "Arn": arn}));
    }
    let rule = members(json!({
        "Description": {"Fn::Sub": format!("Instances of ${{AWS::StackName}} {group}")},
        "EventPattern": {
            "source": ["aws.autoscaling"],
            "detail-type": EVENTS,
            "detail": {"AutoScalingGroupName": [{"Ref": group}]},
        },
        "Targets": targets,
    }));
    add_resource(
        generation.template,
        &format!("{group}Events"),
        "AWS::Events::Rule",
        rule,
    )
}
