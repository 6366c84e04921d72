//! The options of create, deploy and update that say how CloudFormation goes about a stack.

use std::time::Duration;

use crate::Error;
use crate::context::Context;
use crate::duration::duration;
use crate::template::StackOptions;

/// CloudFormation takes no more alarms than these.
const MOST_ALARMS: usize = 5;
/// The longest time that CloudFormation looks at alarms, in minutes.
const LONGEST_MONITORING: u64 = 180;
/// The longest stack policy, in bytes.
const LONGEST_POLICY: usize = 16 << 10;

/// What may be said about a stack that is made or updated.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StackOptionArguments {
    /// ARN of the role that CloudFormation acts as
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// File with a stack policy (JSON or YAML): which resources updates may change
    #[arg(long, value_name = "FILE")]
    stack_policy: Option<String>,
    /// ARN of a CloudWatch alarm that makes CloudFormation roll back; may be repeated, up to five times
    #[arg(long = "rollback-alarm", value_name = "ARN")]
    rollback_alarms: Vec<String>,
    /// For so long after the work is done those alarms still count (up to 3h)
    #[arg(long, value_name = "TIME", requires = "rollback_alarms", value_parser = duration)]
    rollback_monitoring: Option<Duration>,
    /// When it fails, delete also those of the new resources that the template says to retain
    #[arg(long)]
    retain_except_on_create: bool,
}

impl StackOptionArguments {
    /// Checks and completes them: reads the policy, and takes the role from the configuration (`defaults.role_arn`) if none is said.
    pub(crate) fn read(&self, context: &Context) -> Result<StackOptions, Error> {
        if self.rollback_alarms.len() > MOST_ALARMS {
            return Err(Error::Usage(format!(
                "CloudFormation takes at most {MOST_ALARMS} times --rollback-alarm"
            )));
        }
        if let Some(name) = self.rollback_alarms.iter().find(|alarm| !alarm.starts_with("arn:")) {
            return Err(Error::Usage(format!(
                "--rollback-alarm takes the ARN of an alarm, not \"{name}\""
            )));
        }
        let monitoring = self.rollback_monitoring.map(minutes);
        if monitoring.is_some_and(|minutes| minutes > LONGEST_MONITORING) {
            return Err(Error::Usage("--rollback-monitoring takes at most 3h".to_owned()));
        }
        let role = self.role_arn.clone();
        Ok(StackOptions {
            role_arn: role.or_else(|| context.settings.text("defaults", "role_arn").map(str::to_owned)),
            policy: self.stack_policy.as_deref().map(read_policy).transpose()?,
            rollback_alarms: self.rollback_alarms.clone(),
            monitoring_in_minutes: monitoring.and_then(|minutes| i32::try_from(minutes).ok()),
            retain_except_on_create: self.retain_except_on_create,
            ..StackOptions::default()
        })
    }
}

/// Whole minutes, the last one begun counts.
pub(super) fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

/// The policy in a file, as the JSON that CloudFormation wants.
fn read_policy(path: &str) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("The stack policy {path} can't be read: {error}")))?;
    let wrong = |reason: &str| Error::Usage(format!("{path} is no stack policy: {reason}"));
    let policy = stups_yaml::load(&text).map_err(|error| wrong(&error.to_string()))?;
    if policy.get("Statement").is_none() {
        return Err(wrong("it must be a map with Statement"));
    }
    let policy = policy.to_json().to_string();
    if policy.len() > LONGEST_POLICY {
        return Err(wrong("it is longer than 16 KiB"));
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_that_has_begun_counts() {
        for (seconds, expected) in [(0, 0), (1, 1), (60, 1), (61, 2), (10_800, 180)] {
            assert_eq!(minutes(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn policies_are_json_in_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy");
        let path = path.to_str().unwrap();
        for (text, expected) in [
            (r#"{"Statement": []}"#, Some(r#"{"Statement":[]}"#)),
            (
                "Statement:\n- Effect: Allow\n",
                Some(r#"{"Statement":[{"Effect":"Allow"}]}"#),
            ),
            ("[]", None),
            ("{Statement: [", None),
        ] {
            std::fs::write(path, text).unwrap();
            assert_eq!(read_policy(path).ok().as_deref(), expected, "{text}");
        }
        assert_eq!(read_policy("/nowhere").unwrap_err().into_failure().exit_code, 2);
    }
}
