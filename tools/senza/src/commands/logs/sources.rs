//! Where stacks write their logs.

use std::collections::BTreeSet;

use stups_aws::Session;
use stups_aws::cloudformation::types::StackResourceSummary;
use stups_aws::ec2::primitives::DateTime;
use stups_aws::ec2::types::{Instance, InstanceStateName};
use stups_yaml::Value;

use crate::Error;
use crate::context::Context;
use crate::ec2::{instances_with, tag, taupage_configuration};
use crate::stacks::{StackReference, StackSummary, about_each, list_stacks_by_name, resources_of};

/// A log group, or the streams of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// whose it is, as far as it is known
    pub(super) stack: Option<StackSummary>,
    /// the group's name
    pub(super) group: String,
    /// how the names of the streams begin; all streams without one
    pub(super) stream_prefix: Option<String>,
    /// whether somebody has asked for this group, so that it has to be there
    pub(super) is_named: bool,
}

impl Source {
    /// A whole group that somebody has asked for.
    pub(super) fn named(group: &str) -> Self {
        Self {
            stack: None,
            group: group.to_owned(),
            stream_prefix: None,
            is_named: true,
        }
    }

    fn of(stack: &StackSummary, group: &str, stream_prefix: Option<&str>) -> Self {
        Self {
            stack: Some(stack.clone()),
            group: group.to_owned(),
            stream_prefix: stream_prefix.map(str::to_owned),
            is_named: false,
        }
    }
}

/// Where the stacks that `references` match write to. With `groups` only these, also those that no stack names. No stack is
/// an error.
pub(super) async fn find(
    context: &Context,
    references: &[StackReference],
    groups: &[String],
) -> Result<Vec<Source>, Error> {
    let sources = match references.first() {
        Some(first) => {
            let stacks = list_stacks_by_name(&context.session, references, false).await?;
            if stacks.is_empty() {
                return Err(Error::Fatal(format!("Stack {} not found!", first.name)));
            }
            of_stacks(context, &stacks).await?
        }
        None => Vec::new(),
    };
    Ok(narrowed(sources, groups))
}

/// Only what is in `groups`, if there are any; groups that are no source yet become one.
fn narrowed(sources: Vec<Source>, groups: &[String]) -> Vec<Source> {
    if groups.is_empty() {
        return sources;
    }
    let unknown = groups
        .iter()
        .filter(|group| !sources.iter().any(|source| source.group == **group))
        .map(|group| Source::named(group));
    let unknown: Vec<Source> = unknown.collect();
    let known = sources.into_iter().filter(|source| groups.contains(&source.group));
    known.chain(unknown).collect()
}

async fn of_stacks(context: &Context, stacks: &[StackSummary]) -> Result<Vec<Source>, Error> {
    let session = &context.session;
    let names: Vec<String> = stacks.iter().map(|stack| stack.stack_name.clone()).collect();
    let (instances, resources) = futures::try_join!(
        instances_with(session, "tag:Name", &names),
        about_each(stacks, |stack| resources_of(session, &stack.stack_id)),
    )?;
    let taupage = about_each(stacks, |stack| of_taupage(context, stack, &instances)).await?;
    let made = stacks.iter().zip(&resources).flat_map(|(stack, resources)| {
        let groups: BTreeSet<String> = resources.iter().filter_map(log_group).collect();
        groups.into_iter().map(|group| Source::of(stack, &group, None))
    });
    Ok(made.chain(taupage.into_iter().flatten()).collect())
}

/// The log group that a resource is, or that it writes to.
fn log_group(resource: &StackResourceSummary) -> Option<String> {
    let id = resource.physical_resource_id().filter(|id| !id.is_empty())?;
    match resource.resource_type()? {
        "AWS::Logs::LogGroup" => Some(id.to_owned()),
        "AWS::Lambda::Function" => Some(format!("/aws/lambda/{id}")),
        _ => None,
    }
}

/// What Taupage writes on the stack's instances: one stream for each instance, called like it. Its groups may be those of other
/// stacks, too.
async fn of_taupage(context: &Context, stack: &StackSummary, instances: &[Instance]) -> Result<Vec<Source>, Error> {
    let own: Vec<&Instance> = instances
        .iter()
        .filter(|instance| tag(instance.tags(), "Name") == Some(&stack.stack_name))
        .collect();
    let Some(newest) = newest_running(&own).and_then(Instance::instance_id) else {
        return Ok(Vec::new());
    };
    let groups = taupage_groups(&context.session, newest).await.unwrap_or_else(|error| {
        let line = format!("Failed to query user data of instance {newest}: {error}");
        context.terminal.warning(&line);
        BTreeSet::new()
    });
    let streams = own.iter().filter_map(|instance| instance.instance_id());
    Ok(streams
        .flat_map(|id| groups.iter().map(move |group| Source::of(stack, group, Some(id))))
        .collect())
}

fn newest_running<'a>(instances: &[&'a Instance]) -> Option<&'a Instance> {
    let is_running = |instance: &&&Instance| {
        let state = instance.state().and_then(|state| state.name());
        matches!(state, Some(InstanceStateName::Pending | InstanceStateName::Running))
    };
    let time = |instance: &&&Instance| instance.launch_time().map(DateTime::secs);
    instances.iter().filter(is_running).max_by_key(time).copied()
}

async fn taupage_groups(session: &Session, instance: &str) -> Result<BTreeSet<String>, Error> {
    let configuration = taupage_configuration(session, instance).await?;
    Ok(configuration.as_ref().map(cloudwatch_logs).unwrap_or_default())
}

/// The groups in `cloudwatch_logs: {file: group}`.
fn cloudwatch_logs(configuration: &Value) -> BTreeSet<String> {
    let files = configuration.get("cloudwatch_logs").and_then(Value::as_map);
    let groups = files.into_iter().flat_map(|files| files.values());
    groups.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_that_write_logs_are_known() {
        for (kind, id, expected) in [
            ("AWS::Logs::LogGroup", "mine", Some("mine")),
            ("AWS::Lambda::Function", "f-1", Some("/aws/lambda/f-1")),
            ("AWS::Logs::LogGroup", "", None),
            ("AWS::Logs::LogStream", "s", None),
        ] {
            let resource = StackResourceSummary::builder().resource_type(kind);
            let resource = resource.physical_resource_id(id).build();
            assert_eq!(log_group(&resource).as_deref(), expected, "{kind} {id}");
        }
    }

    #[test]
    fn taupage_names_its_groups_by_file() {
        for (yaml, expected) in [
            (
                "cloudwatch_logs: {/var/log/syslog: b, /var/log/application.log: a, /var/log/audit.log: b}",
                vec!["a", "b"],
            ),
            ("cloudwatch_logs: {}", vec![]),
            ("cloudwatch_logs: yes", vec![]),
            ("cloudwatch_logs: {/var/log/syslog: 7}", vec![]),
            ("runtime: Docker", vec![]),
        ] {
            let found = cloudwatch_logs(&stups_yaml::load(yaml).unwrap());
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{yaml}");
        }
    }

    #[test]
    fn named_groups_narrow_and_add() {
        let known = Source {
            is_named: false,
            stream_prefix: Some("i-1".to_owned()),
            ..Source::named("known")
        };
        let other = Source {
            group: "other".to_owned(),
            ..known.clone()
        };
        let all = vec![known.clone(), other];
        assert_eq!(narrowed(all.clone(), &[]), all);
        let groups = ["known".to_owned(), "foreign".to_owned()];
        assert_eq!(narrowed(all, &groups), [known, Source::named("foreign")]);
    }
}
