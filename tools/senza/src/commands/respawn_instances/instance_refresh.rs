//! Leaving the replacement to EC2 Auto Scaling.

use std::time::{Duration, Instant};

use stups_aws::autoscaling::types::{
    AutoScalingGroup, DesiredConfiguration, InstanceRefresh, InstanceRefreshStatus, RefreshPreferences,
};
use stups_aws::{ErrorKind, Session};
use stups_terminal::{Action, Failure, until_interrupted};

use super::{Options, Outcome};
use crate::Error;
use crate::context::Context;
use crate::launch::{mixed_policy, specification_of};
use crate::scaling_groups::describe_group;

const PAUSE: Duration = Duration::from_secs(5);
/// All of the group stays in service; new instances come before old ones go.
const MIN_HEALTHY: i32 = 100;
const MAX_HEALTHY: i32 = 110;

/// Starts an instance refresh, or finds the one that is under way, and waits for its end. Interrupted, it goes on in AWS.
pub(super) async fn respawn(context: &Context, name: &str, options: &Options) -> Result<Outcome, Error> {
    let group = describe_group(&context.session, name).await?;
    let instances = group.instances().len();
    let action = context.terminal.action(&format!("Refreshing instances of {name}.."));
    let refresh = async {
        let id = start(&context.session, &group, options).await?;
        wait(context, name, id.as_deref(), options, &action).await
    };
    match until_interrupted(Box::pin(refresh)).await {
        Ok(refresh) => {
            action.ok();
            let to_update = refresh.instances_to_update.unwrap_or_default();
            let replaced = instances.saturating_sub(usize::try_from(to_update).unwrap_or_default());
            Ok(Outcome { instances, replaced })
        }
        Err(Error::Terminal(failure)) if failure.is_aborted() => {
            action.error("INTERRUPTED");
            context.terminal.warning(&format!(
                "The instance refresh goes on in AWS. To stop it: aws autoscaling cancel-instance-refresh \
                 --auto-scaling-group-name {name}"
            ));
            Err(Failure::aborted().into())
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

/// The new refresh's id; nothing when another one is under way already.
async fn start(session: &Session, group: &AutoScalingGroup, options: &Options) -> Result<Option<String>, Error> {
    let configuration = fixed_configuration(group);
    let preferences = RefreshPreferences::builder()
        .min_healthy_percentage(MIN_HEALTHY)
        .max_healthy_percentage(MAX_HEALTHY)
        .skip_matching(!options.force)
        .set_auto_rollback(configuration.is_some().then_some(true))
        .build();
    let answer = session
        .autoscaling()
        .start_instance_refresh()
        .set_auto_scaling_group_name(group.auto_scaling_group_name.clone())
        .set_desired_configuration(configuration)
        .preferences(preferences)
        .send()
        .await;
    match answer.map_err(stups_aws::Error::from) {
        Ok(answer) => Ok(answer.instance_refresh_id),
        Err(error)
            if error
                .code
                .as_deref()
                .is_some_and(|code| code.starts_with("InstanceRefreshInProgress")) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// AWS goes back by itself only from a launch template of a fixed version.
fn fixed_configuration(group: &AutoScalingGroup) -> Option<DesiredConfiguration> {
    let specification = specification_of(group)?;
    specification.version()?.parse::<u64>().ok()?;
    let builder = DesiredConfiguration::builder();
    if let Some(policy) = mixed_policy(group) {
        return Some(builder.mixed_instances_policy(policy.clone()).build());
    }
    // By id alone: AWS refuses a template that is given by id and by name.
    let mut specification = specification.clone();
    if specification.launch_template_id.is_some() {
        specification.launch_template_name = None;
    }
    Some(builder.launch_template(specification).build())
}

/// Looks until the refresh is over; one that gets no further for the time of a step is given up, and goes on in AWS.
async fn wait(
    context: &Context,
    name: &str,
    id: Option<&str>,
    options: &Options,
    action: &Action,
) -> Result<InstanceRefresh, Error> {
    let mut last_progress = (Instant::now(), None);
    loop {
        match look(&context.session, name, id).await {
            Ok(refresh) => {
                let done = refresh.percentage_complete;
                match refresh.status() {
                    Some(InstanceRefreshStatus::Successful) => return Ok(refresh),
                    Some(status) if is_failure(status) => {
                        return Err(Error::Fatal(format!(
                            "The instance refresh of {name} ended as {status}: {}",
                            refresh.status_reason().unwrap_or("no reason given")
                        )));
                    }
                    _ if done != last_progress.1 => last_progress = (Instant::now(), done),
                    _ => {}
                }
                if last_progress.0.elapsed() > options.timeout {
                    return Err(Error::Fatal(format!(
                        "The instance refresh of {name} has been at {}% for {} seconds ({}). It goes on in AWS.",
                        done.unwrap_or_default(),
                        options.timeout.as_secs(),
                        refresh.status_reason().unwrap_or("no reason given")
                    )));
                }
            }
            Err(Error::Aws(error)) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable) => {
                context.terminal.warning(&error.to_string());
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(options.pause(PAUSE)).await;
        action.progress();
    }
}

async fn look(session: &Session, name: &str, id: Option<&str>) -> Result<InstanceRefresh, Error> {
    let answer = session
        .autoscaling()
        .describe_instance_refreshes()
        .auto_scaling_group_name(name)
        .set_instance_refresh_ids(id.map(|id| vec![id.to_owned()]))
        .send()
        .await?;
    // The newest first.
    let found = answer.instance_refreshes.unwrap_or_default().into_iter().next();
    found.ok_or_else(|| Error::Fatal(format!("The instance refresh of {name} is gone")))
}

fn is_failure(status: &InstanceRefreshStatus) -> bool {
    matches!(
        status,
        InstanceRefreshStatus::Failed
            | InstanceRefreshStatus::Cancelled
            | InstanceRefreshStatus::RollbackFailed
            | InstanceRefreshStatus::RollbackSuccessful
    )
}
