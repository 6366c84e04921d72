//! How CloudFormation goes about a stack: what it may do, when it gives up, and what becomes of a failure.

use stups_aws::cloudformation::types::{OnFailure, OnStackFailure, RollbackConfiguration, RollbackTrigger};

/// What CloudFormation is told beside template, parameters and tags. By default nothing.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackOptions {
    /// whether the new stack can't be deleted until somebody allows it
    pub termination_protection: bool,
    /// whether what was made stays when the creation fails
    pub disable_rollback: bool,
    /// what becomes of a stack that can't be created; not together with `disable_rollback`
    pub on_failure: Option<OnFailure>,
    /// after so many minutes a creation has failed
    pub timeout_in_minutes: Option<i32>,
    /// ARN of the role that CloudFormation acts as; without one it acts as the caller, or as the role that the stack has
    pub role_arn: Option<String>,
    /// the stack policy, as JSON text
    pub policy: Option<String>,
    /// ARNs of CloudWatch alarms (of metrics) that make it roll back
    pub rollback_alarms: Vec<String>,
    /// for so many minutes after the work is done the alarms still count
    pub monitoring_in_minutes: Option<i32>,
    /// whether what was just made goes when the work fails, also where the template says to retain it
    pub retain_except_on_create: bool,
    /// whether a change set also takes back what was changed without CloudFormation
    pub revert_drift: bool,
}

impl StackOptions {
    /// `DisableRollback` of CreateStack, which must not stand beside `OnFailure`.
    pub(super) fn disable_rollback(&self) -> Option<bool> {
        self.on_failure.is_none().then_some(self.disable_rollback)
    }

    /// What a change set that creates calls [`Self::on_failure`].
    pub(super) fn on_stack_failure(&self) -> Option<OnStackFailure> {
        let on_failure = self.on_failure.clone();
        let said = on_failure.or_else(|| self.disable_rollback.then_some(OnFailure::DoNothing))?;
        Some(OnStackFailure::from(said.as_str()))
    }

    /// The alarms; nothing where none was given, so that those of the stack stay.
    pub(super) fn rollback_configuration(&self) -> Option<RollbackConfiguration> {
        if self.rollback_alarms.is_empty() {
            return None;
        }
        let triggers = self.rollback_alarms.iter().map(|arn| {
            RollbackTrigger::builder()
                .arn(arn)
                .r#type("AWS::CloudWatch::Alarm")
                .build()
        });
        Some(
            RollbackConfiguration::builder()
                .set_rollback_triggers(Some(triggers.collect()))
                .set_monitoring_time_in_minutes(self.monitoring_in_minutes)
                .build(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_answered_in_one_way_only() {
        let plain = StackOptions::default();
        assert_eq!(
            (plain.disable_rollback(), plain.on_stack_failure()),
            (Some(false), None)
        );
        let kept = StackOptions {
            disable_rollback: true,
            ..StackOptions::default()
        };
        assert_eq!(
            (kept.disable_rollback(), kept.on_stack_failure()),
            (Some(true), Some(OnStackFailure::DoNothing))
        );
        let deleted = StackOptions {
            on_failure: Some(OnFailure::Delete),
            ..StackOptions::default()
        };
        assert_eq!(
            (deleted.disable_rollback(), deleted.on_stack_failure()),
            (None, Some(OnStackFailure::Delete))
        );
    }
}
