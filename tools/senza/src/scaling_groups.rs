//! The groups of instances that stacks have: Auto Scaling groups of AWS, and Elastigroups of Spot.

use stups_aws::Session;
use stups_aws::autoscaling::types::{AutoScalingGroup, LifecycleState};

use crate::Error;
use crate::stacks::{StackSummary, about_each, resources_of};

const AUTO_SCALING_GROUP: &str = "AWS::AutoScaling::AutoScalingGroup";
const ELASTIGROUP: &str = "Custom::elastigroup";

/// Who runs a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// EC2 Auto Scaling
    AutoScaling,
    /// Spot
    Elastigroup,
}

/// A group of a stack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackGroup {
    /// the stack
    pub(crate) stack: StackSummary,
    /// who runs it
    pub(crate) kind: GroupKind,
    /// its name (Auto Scaling) or id (Spot)
    pub(crate) id: String,
}

/// All groups of `stacks`, in their order. A group that is not there yet has no id and is left out.
pub(crate) async fn groups_of(session: &Session, stacks: &[StackSummary]) -> Result<Vec<StackGroup>, Error> {
    let resources = about_each(stacks, |stack| resources_of(session, &stack.stack_id)).await?;
    let of_stacks = stacks.iter().zip(resources).flat_map(|(stack, resources)| {
        resources.into_iter().filter_map(|resource| {
            let kind = match resource.resource_type()? {
                AUTO_SCALING_GROUP => GroupKind::AutoScaling,
                ELASTIGROUP => GroupKind::Elastigroup,
                _ => return None,
            };
            let id = resource.physical_resource_id.filter(|id| !id.is_empty())?;
            Some(StackGroup {
                stack: stack.clone(),
                kind,
                id,
            })
        })
    });
    Ok(of_stacks.collect())
}

/// The Auto Scaling group with this name.
pub(crate) async fn describe_group(session: &Session, name: &str) -> Result<AutoScalingGroup, Error> {
    let answer = session
        .autoscaling()
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(name)
        .send()
        .await?;
    answer
        .auto_scaling_groups
        .unwrap_or_default()
        .into_iter()
        .find(|group| group.auto_scaling_group_name() == Some(name))
        .ok_or_else(|| Error::Fatal(format!("Auto Scaling Group {name} not found")))
}

/// How many instances a group may, should and must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// never fewer
    pub(crate) min: i32,
    /// as many as there should be now
    pub(crate) desired: i32,
    /// never more
    pub(crate) max: i32,
}

impl Sizes {
    /// Those of a group.
    pub(crate) fn of(group: &AutoScalingGroup) -> Self {
        Self {
            min: group.min_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            max: group.max_size().unwrap_or_default(),
        }
    }

    /// All of them larger by `extra`.
    pub(crate) fn enlarged(self, extra: i32) -> Self {
        Self {
            min: self.min.saturating_add(extra),
            desired: self.desired.saturating_add(extra),
            max: self.max.saturating_add(extra),
        }
    }
}

/// Gives the group these sizes.
pub(crate) async fn resize(session: &Session, group: &str, sizes: Sizes) -> Result<(), Error> {
    session
        .autoscaling()
        .update_auto_scaling_group()
        .auto_scaling_group_name(group)
        .min_size(sizes.min)
        .max_size(sizes.max)
        .desired_capacity(sizes.desired)
        .send()
        .await?;
    Ok(())
}

/// Whether an instance in this state runs, or is about to.
pub(crate) fn is_running(state: Option<&LifecycleState>) -> bool {
    match state.map(LifecycleState::as_str) {
        Some("InService" | "Rebooting") => true,
        Some(state) => state.starts_with("Pending"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_that_run_or_will_are_told_from_others() {
        for (state, expected) in [
            ("Pending", true),
            ("Pending:Wait", true),
            ("InService", true),
            ("Rebooting", true),
            ("Terminating", false),
            ("Standby", false),
            ("Warmed:Stopped", false),
        ] {
            assert_eq!(is_running(Some(&LifecycleState::from(state))), expected, "{state}");
        }
        assert!(!is_running(None));
    }
}
