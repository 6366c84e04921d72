//! Who else may reach the instances: the SSH bastion host and the monitoring.

use std::collections::BTreeMap;

use stups_aws::Session;
use stups_aws::ec2::types::Instance;
use stups_terminal::Choice;

use super::super::answers::Answers;
use super::super::checks;
use super::super::security_groups::{self, BASTION_GROUP};
use crate::Error;
use crate::account::Account;
use crate::ec2::instances_with;

/// The stack whose instances monitor the account.
const MONITORING_STACK: &str = "zmon-appliance";
/// What is in the names of their groups.
const MONITORING_GROUP: &str = "zmon";

/// The bastion's group, if there is one and it may come in.
pub(super) async fn bastion_group(answers: &Answers<'_>, account: &Account) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "odd_sg_id";
    if answers.has(VARIABLE) {
        return answers.value(VARIABLE, "", None, checks::security_group_id);
    }
    let Some(group) = security_groups::bastion(answers, account).await? else {
        return Ok(None);
    };
    let question = format!("Do you want to allow access to the Spilo nodes from {BASTION_GROUP}?");
    Ok(answers.agree(&question, true)?.then_some(group))
}

/// The monitoring's group, if it is deployed and may come in.
pub(super) async fn monitoring_group(answers: &Answers<'_>, session: &Session) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "zmon_sg_id";
    if answers.has(VARIABLE) {
        return answers.value(VARIABLE, "", None, checks::security_group_id);
    }
    let instances = instances_with(session, "tag:StackName", &[MONITORING_STACK.to_owned()]).await?;
    let groups: BTreeMap<&str, &str> = instances
        .iter()
        .flat_map(Instance::security_groups)
        .filter_map(|group| Some((group.group_id()?, group.group_name()?)))
        .filter(|(_, name)| name.contains(MONITORING_GROUP))
        .collect();
    let choices: Vec<Choice<String>> = groups
        .into_iter()
        .map(|(id, name)| Choice {
            value: id.to_owned(),
            label: format!("{id}: {name}"),
        })
        .collect();
    let Some(first) = choices.first() else {
        answers.terminal().warning(&format!(
            "Could not find {MONITORING_GROUP} security group, do you have the {MONITORING_STACK} deployed?"
        ));
        return Ok(None);
    };
    let question = format!("Do you want to allow access to the Spilo nodes from {MONITORING_GROUP}?");
    if !answers.agree(&question, true)? {
        return Ok(None);
    }
    if let [only] = choices.as_slice() {
        return Ok(Some(only.value.clone()));
    }
    let heading = "Which Security Group should we allow access from?";
    answers.choose(heading, &choices, &first.value).map(Some)
}
