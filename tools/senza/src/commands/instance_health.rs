//! What a stack's load balancers say about its instances.

use std::collections::BTreeMap;

use futures::future::{try_join, try_join_all};
use stups_aws::cloudformation::types::StackResourceSummary;
use stups_aws::{ErrorKind, SdkError, Session};

use crate::Error;
use crate::stacks::resources_of;

/// Instance id to state: `IN_SERVICE`, `OUT_OF_SERVICE`, `HEALTHY`, `UNHEALTHY`, `DRAINING`, ...
pub(super) type InstanceHealth = BTreeMap<String, String>;

/// The health of the instances behind the load balancers and target groups of the stack with this name. A stack that does
/// not exist has none.
pub(super) async fn health_in_stack(session: &Session, stack_name: &str) -> Result<InstanceHealth, Error> {
    match resources_of(session, stack_name).await {
        Ok(resources) => health_behind(session, &resources).await,
        Err(Error::Aws(error)) if matches!(error.kind, ErrorKind::Validation | ErrorKind::Throttled) => {
            Ok(InstanceHealth::new())
        }
        Err(error) => Err(error),
    }
}

/// As [`health_in_stack`], for a stack whose resources are known.
pub(super) async fn health_behind(
    session: &Session,
    resources: &[StackResourceSummary],
) -> Result<InstanceHealth, Error> {
    let of_type = |wanted: &'static str| {
        resources
            .iter()
            .filter(move |resource| resource.resource_type() == Some(wanted))
            .filter_map(StackResourceSummary::physical_resource_id)
            .filter(|id| !id.is_empty())
    };
    let (classic, groups) = try_join(
        try_join_all(of_type("AWS::ElasticLoadBalancing::LoadBalancer").map(|name| behind_classic(session, name))),
        try_join_all(of_type("AWS::ElasticLoadBalancingV2::TargetGroup").map(|arn| behind_target_group(session, arn))),
    )
    .await?;
    Ok(classic.into_iter().chain(groups).flatten().collect())
}

/// How many are in service; nothing when no instance is known.
pub(super) fn healthy_instances(health: &InstanceHealth) -> Option<usize> {
    let healthy = |state: &&String| matches!(state.as_str(), "IN_SERVICE" | "HEALTHY");
    (!health.is_empty()).then(|| health.values().filter(healthy).count())
}

async fn behind_classic(session: &Session, name: &str) -> Result<Vec<(String, String)>, Error> {
    let answer = session
        .elb()
        .describe_instance_health()
        .load_balancer_name(name)
        .send()
        .await;
    let Some(answer) = known(answer, &["LoadBalancerNotFound", "AccessPointNotFound"])? else {
        return Ok(Vec::new());
    };
    Ok(answer
        .instance_states()
        .iter()
        .filter_map(|instance| Some((instance.instance_id()?.to_owned(), state(instance.state()?))))
        .collect())
}

async fn behind_target_group(session: &Session, arn: &str) -> Result<Vec<(String, String)>, Error> {
    let answer = session
        .elbv2()
        .describe_target_health()
        .target_group_arn(arn)
        .send()
        .await;
    let Some(answer) = known(answer, &["TargetGroupNotFound"])? else {
        return Ok(Vec::new());
    };
    Ok(answer
        .target_health_descriptions()
        .iter()
        .filter_map(|target| {
            let health = target.target_health()?.state()?;
            Some((target.target()?.id()?.to_owned(), state(health.as_str())))
        })
        .collect())
}

/// The answer, or nothing when AWS has no data now: the thing is gone, or too many ask.
fn known<T, E, R>(answer: Result<T, SdkError<E, R>>, gone: &[&str]) -> Result<Option<T>, Error>
where
    stups_aws::Error: From<SdkError<E, R>>,
{
    match answer.map_err(stups_aws::Error::from) {
        Ok(answer) => Ok(Some(answer)),
        Err(error)
            if matches!(error.kind, ErrorKind::Validation | ErrorKind::Throttled)
                || gone.iter().any(|code| error.has_code(code)) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// `InService` as `IN_SERVICE`, `healthy` as `HEALTHY`.
fn state(words: &str) -> String {
    let mut state = String::with_capacity(words.len() + 4);
    for character in words.chars() {
        if character.is_uppercase() && !state.is_empty() && !state.ends_with('_') {
            state.push('_');
        }
        match character {
            '-' | '.' | ' ' => state.push('_'),
            _ => state.extend(character.to_uppercase()),
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_upper_case_words() {
        for (given, expected) in [
            ("InService", "IN_SERVICE"),
            ("OutOfService", "OUT_OF_SERVICE"),
            ("Unknown", "UNKNOWN"),
            ("healthy", "HEALTHY"),
            ("unhealthy.draining", "UNHEALTHY_DRAINING"),
            ("", ""),
        ] {
            assert_eq!(state(given), expected);
        }
    }

    #[test]
    fn instances_in_service_or_healthy_count() {
        let health = |states: &[&str]| -> InstanceHealth {
            states
                .iter()
                .enumerate()
                .map(|(i, state)| (format!("i-{i}"), (*state).to_owned()))
                .collect()
        };
        assert_eq!(healthy_instances(&health(&[])), None);
        assert_eq!(healthy_instances(&health(&["OUT_OF_SERVICE"])), Some(0));
        assert_eq!(
            healthy_instances(&health(&["IN_SERVICE", "HEALTHY", "INITIAL"])),
            Some(2)
        );
    }
}
