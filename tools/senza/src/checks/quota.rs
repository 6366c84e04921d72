//! Whether the account's limits leave room for what a template makes. Asked are the services themselves, each only about what the
//! template has: Auto Scaling and both generations of load balancers with `DescribeAccountLimits`, IAM with `GetAccountSummary`; and
//! Service Quotas about stacks and virtual CPUs, of which CloudFormation and EC2 do not tell their limits.

mod cloudformation;
mod demand;
mod service_quotas;
mod virtual_cpus;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{join, try_join};
use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::iam::types::SummaryKeyType;
use stups_aws::{Session, elasticloadbalancing, elasticloadbalancingv2};

use super::Outcome;
use crate::Error;
use crate::deployed;
use crate::template::StackRequest;
use virtual_cpus::Shortage;

/// How long may be waited for what takes Service Quotas: from some networks it can't be reached, and nothing is created meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often Service Quotas and what it takes beside it are asked.
const ATTEMPTS: u32 = 3;

/// What is limited, in the words of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Group,
    LaunchConfiguration,
    ClassicBalancer,
    ApplicationBalancer,
    NetworkBalancer,
    TargetGroup,
    Role,
    InstanceProfile,
}

impl Kind {
    /// The kind that a resource is of, if it is limited.
    fn of(resource: &Json) -> Option<Self> {
        Some(match resource.get("Type")?.as_str()? {
            "AWS::AutoScaling::AutoScalingGroup" => Self::Group,
            "AWS::AutoScaling::LaunchConfiguration" => Self::LaunchConfiguration,
            "AWS::ElasticLoadBalancing::LoadBalancer" => Self::ClassicBalancer,
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                let balancer_type = resource.pointer("/Properties/Type").and_then(Json::as_str);
                match balancer_type {
                    Some("network") => Self::NetworkBalancer,
                    // Gateway load balancers have limits of their own, and no component makes them.
                    Some("gateway") => return None,
                    _ => Self::ApplicationBalancer,
                }
            }
            "AWS::ElasticLoadBalancingV2::TargetGroup" => Self::TargetGroup,
            "AWS::IAM::Role" => Self::Role,
            "AWS::IAM::InstanceProfile" => Self::InstanceProfile,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Group => "Auto Scaling groups",
            Self::LaunchConfiguration => "launch configurations",
            Self::ClassicBalancer => "classic load balancers",
            Self::ApplicationBalancer => "application load balancers",
            Self::NetworkBalancer => "network load balancers",
            Self::TargetGroup => "target groups",
            Self::Role => "IAM roles",
            Self::InstanceProfile => "instance profiles",
        }
    }
}

/// How much there may be of a kind, and how much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    limit: i64,
    used: i64,
}

/// How many a template makes of each limited kind.
struct Needs(BTreeMap<Kind, i64>);

impl Needs {
    /// Those of a template.
    fn of(template: &JsonMap<String, Json>) -> Self {
        let mut needs = BTreeMap::new();
        let resources = template.get("Resources").and_then(Json::as_object);
        for kind in resources
            .into_iter()
            .flatten()
            .filter_map(|(_, resource)| Kind::of(resource))
        {
            *needs.entry(kind).or_insert(0) += 1;
        }
        Self(needs)
    }

    fn any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.0.contains_key(kind))
    }

    /// What there is too little room for, in words.
    fn too_many(&self, rooms: &BTreeMap<Kind, Room>) -> Vec<String> {
        let exceeded = self.0.iter().filter_map(|(kind, needed)| {
            let room = rooms.get(kind)?;
            (room.used + needed > room.limit).then(|| {
                format!(
                    "the account has {} of {} {}, and the stack makes {needed} more",
                    room.used,
                    room.limit,
                    kind.words()
                )
            })
        });
        exceeded.collect()
    }
}

/// Whether there is room for the stack. One that is there already has its place.
pub(super) async fn has_room(session: &Session, request: &StackRequest) -> Outcome {
    let needs = Needs::of(&request.template);
    let demands = demand::of_request(request);
    let patient = session.with_attempts(ATTEMPTS);
    let (rooms, no_place, shortage) = join!(
        rooms(session, &needs),
        bounded(cloudformation::no_place(&patient)),
        bounded(async {
            if demands.is_empty() {
                return Ok(Shortage::default());
            }
            virtual_cpus::shortage(&patient, &demands).await
        })
    );
    let mut findings = Findings::default();
    let rooms = findings.known(rooms.map_err(|error| error.to_string()));
    let no_place = findings.known(no_place).flatten();
    let too_many = rooms.map(|rooms| needs.too_many(&rooms)).unwrap_or_default();
    findings.exceeded.extend(too_many.into_iter().chain(no_place));
    if let Some(shortage) = findings.known(shortage) {
        findings.exceeded.extend(shortage.at_start);
        findings.tight = shortage.at_maximum;
    }
    if findings.is_about_place() && matches!(deployed::describe(session, &request.stack_name).await, Ok(Some(_))) {
        findings.exceeded.clear();
        findings.tight.clear();
    }
    findings.outcome(cloudformation::refusals(request))
}

/// What was found out.
#[derive(Debug, Default)]
struct Findings {
    /// what the stack has no room for
    exceeded: Vec<String>,
    /// what there may be no room for later
    tight: Vec<String>,
    /// why something is not known
    unknown: Vec<String>,
}

impl Findings {
    /// The answer; why there is none is noted, once.
    fn known<T>(&mut self, answer: Result<T, String>) -> Option<T> {
        answer
            .map_err(|reason| {
                if !self.unknown.contains(&reason) {
                    self.unknown.push(reason);
                }
            })
            .ok()
    }

    fn is_about_place(&self) -> bool {
        !(self.exceeded.is_empty() && self.tight.is_empty())
    }

    /// How the check ends; `refusals`: what is wrong with the template, wherever it goes.
    fn outcome(self, refusals: Vec<String>) -> Outcome {
        let mut failures = refusals;
        if !self.exceeded.is_empty() {
            failures.push(format!(
                "{}; raise the limit in Service Quotas, or delete old versions: senza cleanup",
                self.exceeded.join("; ")
            ));
        }
        if !failures.is_empty() {
            return Outcome::Failed(failures.join("; "));
        }
        let unknown = self.unknown.join("; ");
        let unknown = (!unknown.is_empty()).then(|| format!("AWS does not tell the account's limits: {unknown}"));
        match unknown {
            Some(unknown) => Outcome::Unknown(
                std::iter::once(unknown)
                    .chain(self.tight)
                    .collect::<Vec<_>>()
                    .join("; "),
            ),
            None if self.tight.is_empty() => Outcome::Passed,
            None => Outcome::Doubtful(self.tight.join("; ")),
        }
    }
}

/// The answer, or why there is none, in time.
async fn bounded<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer in {} seconds", PATIENCE.as_secs())),
    }
}

/// The limits of what is needed, as far as AWS has them.
async fn rooms(session: &Session, needs: &Needs) -> Result<BTreeMap<Kind, Room>, Error> {
    let (mut rooms, classic, second, iam) = try_join!(
        of_auto_scaling(session, needs),
        of_classic_balancers(session, needs),
        of_balancers(session, needs),
        of_iam(session, needs)
    )?;
    rooms.extend(classic.into_iter().chain(second).chain(iam));
    Ok(rooms)
}

type Rooms = Vec<(Kind, Room)>;

async fn of_auto_scaling(session: &Session, needs: &Needs) -> Result<BTreeMap<Kind, Room>, Error> {
    if !needs.any(&[Kind::Group, Kind::LaunchConfiguration]) {
        return Ok(BTreeMap::new());
    }
    let limits = session.autoscaling().describe_account_limits().send().await?;
    let room = |limit: Option<i32>, used: Option<i32>| {
        Some(Room {
            limit: limit?.into(),
            used: used?.into(),
        })
    };
    let groups = room(
        limits.max_number_of_auto_scaling_groups,
        limits.number_of_auto_scaling_groups,
    );
    let configurations = room(
        limits.max_number_of_launch_configurations,
        limits.number_of_launch_configurations,
    );
    let known = [(Kind::Group, groups), (Kind::LaunchConfiguration, configurations)];
    Ok(known
        .into_iter()
        .filter_map(|(kind, room)| Some((kind, room?)))
        .collect())
}

async fn of_classic_balancers(session: &Session, needs: &Needs) -> Result<Rooms, Error> {
    if !needs.any(&[Kind::ClassicBalancer]) {
        return Ok(Rooms::new());
    }
    let elb = session.elb();
    let (limits, balancers) = try_join!(
        async { Ok::<_, Error>(elb.describe_account_limits().send().await?.limits.unwrap_or_default()) },
        async {
            let pages = elb.describe_load_balancers().into_paginator().items().send();
            let balancers: Result<Vec<elasticloadbalancing::types::LoadBalancerDescription>, _> = pages.collect().await;
            Ok(balancers?)
        }
    )?;
    let limit = limits
        .iter()
        .find(|limit| limit.name() == Some("classic-load-balancers"));
    Ok(room(
        Kind::ClassicBalancer,
        limit.and_then(|limit| limit.max()),
        balancers.len(),
    )
    .into_iter()
    .collect())
}

async fn of_balancers(session: &Session, needs: &Needs) -> Result<Rooms, Error> {
    use elasticloadbalancingv2::types::{LoadBalancer, LoadBalancerTypeEnum, TargetGroup};
    if !needs.any(&[Kind::ApplicationBalancer, Kind::NetworkBalancer, Kind::TargetGroup]) {
        return Ok(Rooms::new());
    }
    let elbv2 = session.elbv2();
    let (limits, balancers, groups) = try_join!(
        async { Ok::<_, Error>(elbv2.describe_account_limits().send().await?.limits.unwrap_or_default()) },
        async {
            let pages = elbv2.describe_load_balancers().into_paginator().items().send();
            let balancers: Result<Vec<LoadBalancer>, _> = pages.collect().await;
            Ok(balancers?)
        },
        async {
            let pages = elbv2.describe_target_groups().into_paginator().items().send();
            let groups: Result<Vec<TargetGroup>, _> = pages.collect().await;
            Ok(groups?)
        }
    )?;
    let of_type = |wanted: &LoadBalancerTypeEnum| {
        balancers
            .iter()
            .filter(|balancer| balancer.r#type() == Some(wanted))
            .count()
    };
    let limit = |name: &str| {
        limits
            .iter()
            .find(|limit| limit.name() == Some(name))
            .and_then(|limit| limit.max())
    };
    let known = [
        room(
            Kind::ApplicationBalancer,
            limit("application-load-balancers"),
            of_type(&LoadBalancerTypeEnum::Application),
        ),
        room(
            Kind::NetworkBalancer,
            limit("network-load-balancers"),
            of_type(&LoadBalancerTypeEnum::Network),
        ),
        room(Kind::TargetGroup, limit("target-groups"), groups.len()),
    ];
    Ok(known.into_iter().flatten().collect())
}

async fn of_iam(session: &Session, needs: &Needs) -> Result<Rooms, Error> {
    if !needs.any(&[Kind::Role, Kind::InstanceProfile]) {
        return Ok(Rooms::new());
    }
    let summary = session
        .iam()
        .get_account_summary()
        .send()
        .await?
        .summary_map
        .unwrap_or_default();
    let number = |name: &str| summary.get(&SummaryKeyType::from(name)).copied().map(i64::from);
    let known = [
        (Kind::Role, "RolesQuota", "Roles"),
        (Kind::InstanceProfile, "InstanceProfilesQuota", "InstanceProfiles"),
    ];
    Ok(known
        .into_iter()
        .filter_map(|(kind, limit, used)| {
            let (limit, used) = (number(limit)?, number(used)?);
            Some((kind, Room { limit, used }))
        })
        .collect())
}

/// A limit as Elastic Load Balancing writes it.
fn room(kind: Kind, limit: Option<&str>, used: usize) -> Option<(Kind, Room)> {
    let limit = limit?.parse().ok()?;
    let used = i64::try_from(used).ok()?;
    Some((kind, Room { limit, used }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_limited_is_counted_by_kind() {
        let template = json!({"Resources": {
            "A": {"Type": "AWS::AutoScaling::AutoScalingGroup"},
            "B": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer"},
            "C": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "network"}},
            "D": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "gateway"}},
            "E": {"Type": "AWS::IAM::Role"},
            "F": {"Type": "AWS::IAM::Role"},
            "G": {"Type": "AWS::SQS::Queue"},
        }});
        let Needs(needs) = Needs::of(template.as_object().unwrap());
        let expected = [
            (Kind::Group, 1),
            (Kind::ApplicationBalancer, 1),
            (Kind::NetworkBalancer, 1),
            (Kind::Role, 2),
        ];
        assert_eq!(needs, BTreeMap::from(expected));
        assert!(Needs::of(&JsonMap::new()).0.is_empty());
    }

    #[test]
    fn the_last_free_place_may_be_taken() {
        let needs = Needs(BTreeMap::from([(Kind::Role, 2), (Kind::Group, 1)]));
        let rooms = |used| BTreeMap::from([(Kind::Role, Room { limit: 10, used })]);
        assert!(needs.too_many(&rooms(8)).is_empty());
        assert_eq!(
            needs.too_many(&rooms(9)),
            ["the account has 9 of 10 IAM roles, and the stack makes 2 more"]
        );
        // What nobody knows the limit of has room.
        assert!(needs.too_many(&BTreeMap::new()).is_empty());
    }

    #[test]
    fn what_is_not_known_does_not_hide_what_is_known() {
        let findings = |exceeded: &[&str], tight: &[&str], unknown: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
            Findings {
                exceeded: owned(exceeded),
                tight: owned(tight),
                unknown: owned(unknown),
            }
        };
        let advice = "raise the limit in Service Quotas, or delete old versions: senza cleanup";
        for (findings, refusals, expected) in [
            (findings(&[], &[], &[]), vec![], Outcome::Passed),
            (findings(&[], &["t"], &[]), vec![], Outcome::Doubtful("t".to_owned())),
            (
                findings(&[], &["t"], &["u"]),
                vec![],
                Outcome::Unknown("AWS does not tell the account's limits: u; t".to_owned()),
            ),
            (
                findings(&["a", "b"], &["t"], &["u"]),
                vec![],
                Outcome::Failed(format!("a; b; {advice}")),
            ),
            (
                findings(&["a"], &[], &[]),
                vec!["r".to_owned()],
                Outcome::Failed(format!("r; a; {advice}")),
            ),
            (
                findings(&[], &[], &[]),
                vec!["r".to_owned()],
                Outcome::Failed("r".to_owned()),
            ),
        ] {
            assert_eq!(findings.outcome(refusals), expected);
        }
        let mut twice = Findings::default();
        for _ in 0..2 {
            assert_eq!(twice.known::<()>(Err("u".to_owned())), None);
        }
        assert_eq!(twice.unknown, ["u"]);
    }
}
