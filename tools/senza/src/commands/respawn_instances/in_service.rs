//! Which instances of a group serve.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all};
use stups_aws::autoscaling::types::{AutoScalingGroup, LifecycleState};
use stups_aws::elasticloadbalancingv2::types::{TargetHealthReasonEnum, TargetHealthStateEnum};
use stups_aws::{SdkError, Session};

use crate::Error;

/// What one load balancer or target group says: instance id to state, and whether that means that it gets requests.
type States = BTreeMap<String, (String, bool)>;

/// Which instances of a group serve at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InService {
    /// those that every load balancer of the group sends requests to
    pub(super) serving: BTreeSet<String>,
    /// those that some load balancer sends requests to
    pub(super) in_traffic: BTreeSet<String>,
    /// what there is to say about those that don't serve
    pub(super) others: BTreeMap<String, String>,
}

/// Asks the group's load balancers and target groups. A group without any serves with the instances that Auto Scaling says
/// are in service.
pub(super) async fn read(session: &Session, group: &AutoScalingGroup) -> Result<InService, Error> {
    let (classic, modern) = attached(group);
    let (classic, modern) = try_join(
        try_join_all(classic.iter().map(|name| behind_classic(session, name))),
        try_join_all(modern.iter().map(|arn| behind_target_group(session, arn))),
    )
    .await?;
    let said: Vec<States> = classic.into_iter().chain(modern).flatten().collect();
    Ok(judge(group, &said))
}

/// Names of classic load balancers, and ARNs of target groups.
fn attached(group: &AutoScalingGroup) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let mut classic: BTreeSet<&str> = group.load_balancer_names().iter().map(String::as_str).collect();
    let mut modern: BTreeSet<&str> = group.target_group_arns().iter().map(String::as_str).collect();
    for source in group.traffic_sources() {
        match (source.r#type(), source.identifier()) {
            (Some("elb"), Some(name)) => classic.insert(name),
            (Some("elbv2"), Some(arn)) => modern.insert(arn),
            _ => false,
        };
    }
    (classic, modern)
}

fn judge(group: &AutoScalingGroup, said: &[States]) -> InService {
    let mut judged = InService::default();
    for instance in group.instances() {
        let Some(id) = instance.instance_id() else {
            continue;
        };
        let lifecycle = instance.lifecycle_state().map_or("unknown", LifecycleState::as_str);
        let gets_requests = |states: &States| states.get(id).is_some_and(|(_, gets_requests)| *gets_requests);
        if lifecycle == "InService" && said.iter().all(gets_requests) {
            judged.serving.insert(id.to_owned());
        } else {
            let state = |states: &States| {
                states
                    .get(id)
                    .map_or("not registered".to_owned(), |(state, _)| state.clone())
            };
            let behind = said.iter().filter(|states| !gets_requests(states)).map(state);
            let words: Vec<String> = std::iter::once(lifecycle.to_owned()).chain(behind).collect();
            judged.others.insert(id.to_owned(), words.join(", "));
        }
    }
    judged.in_traffic = said
        .iter()
        .flat_map(|states| states.iter().filter(|(_, (_, gets_requests))| *gets_requests))
        .map(|(id, _)| id.clone())
        .chain(judged.serving.clone())
        .collect();
    judged
}

/// Nothing when the load balancer is gone.
async fn behind_classic(session: &Session, name: &str) -> Result<Option<States>, Error> {
    let request = session.elb().describe_instance_health().load_balancer_name(name);
    let answer = unless_gone(request.send().await, &["LoadBalancerNotFound", "AccessPointNotFound"])?;
    Ok(answer.map(|answer| {
        let states = answer.instance_states().iter().filter_map(|instance| {
            let state = instance.state()?;
            Some((
                instance.instance_id()?.to_owned(),
                (state.to_owned(), state == "InService"),
            ))
        });
        states.collect()
    }))
}

/// Nothing when the target group is gone, or no load balancer uses it.
async fn behind_target_group(session: &Session, arn: &str) -> Result<Option<States>, Error> {
    let request = session.elbv2().describe_target_health().target_group_arn(arn);
    let Some(answer) = unless_gone(request.send().await, &["TargetGroupNotFound"])? else {
        return Ok(None);
    };
    let mut states = States::new();
    for target in answer.target_health_descriptions() {
        let (Some(id), Some(health)) = (target.target().and_then(|target| target.id()), target.target_health()) else {
            continue;
        };
        if health.reason() == Some(&TargetHealthReasonEnum::NotInUse) {
            return Ok(None);
        }
        let state = health.state().map_or("unknown", TargetHealthStateEnum::as_str);
        states.insert(id.to_owned(), (state.to_owned(), state == "healthy"));
    }
    Ok(Some(states))
}

fn unless_gone<T, E, R>(answer: Result<T, SdkError<E, R>>, gone: &[&str]) -> Result<Option<T>, Error>
where
    stups_aws::Error: From<SdkError<E, R>>,
{
    match answer.map_err(stups_aws::Error::from) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if gone.iter().any(|code| error.has_code(code)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use stups_aws::autoscaling::types::Instance;

    use super::*;

    fn group(instances: &[(&str, &str)]) -> AutoScalingGroup {
        let instances = instances.iter().map(|(id, state)| {
            Instance::builder()
                .instance_id(*id)
                .lifecycle_state(LifecycleState::from(*state))
                .build()
        });
        AutoScalingGroup::builder()
            .set_instances(Some(instances.collect()))
            .build()
    }

    fn states(states: &[(&str, &str, bool)]) -> States {
        let states = states.iter();
        states
            .map(|(id, state, gets_requests)| ((*id).to_owned(), ((*state).to_owned(), *gets_requests)))
            .collect()
    }

    #[test]
    fn without_load_balancer_auto_scaling_says_it() {
        let judged = judge(&group(&[("i-1", "InService"), ("i-2", "Pending")]), &[]);
        assert_eq!(judged.serving, BTreeSet::from(["i-1".to_owned()]));
        assert_eq!(judged.in_traffic, judged.serving);
        assert_eq!(judged.others["i-2"], "Pending");
    }

    #[test]
    fn all_load_balancers_have_to_send_requests() {
        let group = group(&[
            ("i-1", "InService"),
            ("i-2", "InService"),
            ("i-3", "InService"),
            ("i-4", "Terminating"),
        ]);
        let one = states(&[
            ("i-1", "InService", true),
            ("i-2", "InService", true),
            ("i-4", "InService", true),
        ]);
        let other = states(&[
            ("i-1", "healthy", true),
            ("i-2", "unhealthy", false),
            ("i-3", "initial", false),
        ]);
        let judged = judge(&group, &[one, other]);
        assert_eq!(judged.serving, BTreeSet::from(["i-1".to_owned()]));
        let in_traffic: Vec<&str> = judged.in_traffic.iter().map(String::as_str).collect();
        assert_eq!(in_traffic, ["i-1", "i-2", "i-4"]);
        assert_eq!(judged.others["i-2"], "InService, unhealthy");
        assert_eq!(judged.others["i-3"], "InService, not registered, initial");
    }
}
