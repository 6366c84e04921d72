//! EC2's limits of virtual CPUs: what runs now, and what the stack's groups add
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html>).

use std::collections::{BTreeMap, BTreeSet};

use stups_aws::Session;
use stups_aws::ec2::types::{Filter, Instance, InstanceLifecycleType, InstanceType, VCpuInfo};

use super::demand::{Demand, Purchase};
use super::service_quotas;
use crate::Error;
use crate::ec2::all_instances;

/// The families that EC2 counts together as "standard"; each other family has a limit of its own.
const STANDARD: [&str; 11] = ["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"];
/// So many types are described in one call.
const TYPES_IN_A_CALL: usize = 100;

/// Whether an instance of this type counts against the limits of standard instances.
pub(super) fn is_standard(instance_type: &str) -> bool {
    let end = instance_type.find(|character: char| character.is_ascii_digit());
    let family = end.and_then(|end| instance_type.get(..end));
    family.is_some_and(|family| STANDARD.contains(&family))
}

impl Purchase {
    /// The code of its limit at Service Quotas.
    fn quota_code(self) -> &'static str {
        match self {
            Self::OnDemand => "L-1216C47A",
            Self::Spot => "L-34B43A08",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::OnDemand => "standard on-demand instances",
            Self::Spot => "standard spot instances",
        }
    }

    fn of(instance: &Instance) -> Self {
        match instance.instance_lifecycle() {
            Some(InstanceLifecycleType::Spot) => Self::Spot,
            _ => Self::OnDemand,
        }
    }
}

/// What there is too little room for, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shortage {
    /// for what the stack begins with: it can't be created
    pub(super) at_start: Vec<String>,
    /// for what its groups may grow to
    pub(super) at_maximum: Vec<String>,
}

/// Compares what runs and what is demanded with the account's limits.
pub(super) async fn shortage(session: &Session, demands: &[Demand]) -> Result<Shortage, Error> {
    let purchases: BTreeSet<Purchase> = demands.iter().map(|demand| demand.purchase).collect();
    let limits = purchases.iter().map(|purchase| async move {
        let limit = service_quotas::limit(session, "ec2", purchase.quota_code()).await?;
        Ok::<_, Error>(limit.map(|limit| (*purchase, limit)))
    });
    let limits: BTreeMap<Purchase, i64> = futures::future::try_join_all(limits)
        .await?
        .into_iter()
        .flatten()
        .collect();
    if limits.is_empty() {
        return Ok(Shortage::default());
    }
    let running = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(vec!["pending".to_owned(), "running".to_owned()]))
        .build();
    let running: Vec<(String, Purchase)> = all_instances(session, vec![running])
        .await?
        .iter()
        .filter_map(|instance| Some((instance.instance_type()?.as_str().to_owned(), Purchase::of(instance))))
        .filter(|(instance_type, _)| is_standard(instance_type))
        .collect();
    let wanted = demands.iter().flat_map(|demand| &demand.types);
    let types: BTreeSet<&String> = running.iter().map(|(name, _)| name).chain(wanted).collect();
    let sizes = sizes(session, types).await?;
    Ok(compare(&limits, &running, demands, &sizes))
}

/// How many virtual CPUs each of these types has.
async fn sizes(session: &Session, types: BTreeSet<&String>) -> Result<BTreeMap<String, i64>, Error> {
    let types: Vec<InstanceType> = types
        .into_iter()
        .map(|name| InstanceType::from(name.as_str()))
        .collect();
    let calls = types.chunks(TYPES_IN_A_CALL).map(|types| {
        let request = session.ec2().describe_instance_types();
        request.set_instance_types(Some(types.to_vec())).send()
    });
    let mut sizes = BTreeMap::new();
    for answer in futures::future::try_join_all(calls).await? {
        for info in answer.instance_types() {
            let size = info.v_cpu_info().and_then(VCpuInfo::default_v_cpus);
            if let (Some(name), Some(size)) = (info.instance_type(), size) {
                sizes.insert(name.as_str().to_owned(), i64::from(size));
            }
        }
    }
    Ok(sizes)
}

fn compare(
    limits: &BTreeMap<Purchase, i64>,
    running: &[(String, Purchase)],
    demands: &[Demand],
    sizes: &BTreeMap<String, i64>,
) -> Shortage {
    let mut shortage = Shortage::default();
    for (purchase, limit) in limits {
        let size = |name: &String| sizes.get(name).copied();
        let same = running.iter().filter(|(_, of)| of == purchase);
        let used: i64 = same.filter_map(|(name, _)| size(name)).sum();
        let (mut at_start, mut at_maximum) = (0_i64, 0_i64);
        for demand in demands.iter().filter(|demand| demand.purchase == *purchase) {
            // Of several types the group takes whichever there is: at least it is the smallest, at most the largest.
            let smallest = demand.types.iter().filter_map(size).min().unwrap_or(0);
            let largest = demand.types.iter().filter_map(size).max().unwrap_or(0);
            at_start = at_start.saturating_add(smallest.saturating_mul(demand.at_start));
            at_maximum = at_maximum.saturating_add(largest.saturating_mul(demand.at_maximum));
        }
        let account = format!("the account has {used} of {limit} virtual CPUs of {}", purchase.words());
        if at_start > 0 && used.saturating_add(at_start) > *limit {
            shortage
                .at_start
                .push(format!("{account}, and the stack starts {at_start} more"));
        } else if at_maximum > 0 && used.saturating_add(at_maximum) > *limit {
            shortage.at_maximum.push(format!(
                "{account}, and the stack's groups can grow to {at_maximum} more"
            ));
        }
    }
    shortage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_counted_together_or_alone() {
        for standard in [
            "t3.micro",
            "m7g.large",
            "c5.xlarge",
            "im4gn.large",
            "is4gen.large",
            "z1d.large",
        ] {
            assert!(is_standard(standard), "{standard}");
        }
        for other in [
            "g5.xlarge",
            "p4d.24xlarge",
            "inf1.xlarge",
            "hpc6a.48xlarge",
            "dl1.24xlarge",
            "u-6tb1.metal",
            "x1.16xlarge",
            "mac1.metal",
            "",
            "large",
        ] {
            assert!(!is_standard(other), "{other}");
        }
    }

    #[test]
    fn what_runs_and_what_comes_is_compared_by_purchase() {
        let demand = |purchase, at_start, at_maximum| Demand {
            purchase,
            types: vec!["m.2".to_owned(), "m.4".to_owned()],
            at_start,
            at_maximum,
        };
        let sizes = BTreeMap::from([("m.2".to_owned(), 2), ("m.4".to_owned(), 4)]);
        let running = [
            ("m.4".to_owned(), Purchase::OnDemand),
            ("m.2".to_owned(), Purchase::Spot),
        ];
        let compare = |limit, demands: &[Demand]| {
            let limits = BTreeMap::from([(Purchase::OnDemand, limit)]);
            compare(&limits, &running, demands, &sizes)
        };
        // 4 run, 2 x 2 are started, 3 x 4 may become of them.
        let both = [demand(Purchase::OnDemand, 2, 3), demand(Purchase::Spot, 100, 100)];
        assert_eq!(compare(16, &both), Shortage::default());
        assert_eq!(
            compare(15, &both).at_maximum,
            [
                "the account has 4 of 15 virtual CPUs of standard on-demand instances, and the stack's groups can grow to 12 more"
            ]
        );
        assert_eq!(compare(8, &both).at_start, Vec::<String>::new());
        let too_few = compare(7, &both);
        assert_eq!(
            too_few.at_start,
            ["the account has 4 of 7 virtual CPUs of standard on-demand instances, and the stack starts 4 more"]
        );
        assert_eq!(too_few.at_maximum, Vec::<String>::new());
        // Who starts nothing takes no room, also where there is too little of it already.
        assert_eq!(compare(1, &[demand(Purchase::OnDemand, 0, 0)]), Shortage::default());
    }
}
