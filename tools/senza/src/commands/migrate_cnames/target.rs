//! What a CNAME record points to, as an alias record has to know it.

use stups_aws::route53::types::RrType;
use stups_aws::{Session, elasticloadbalancing, elasticloadbalancingv2, is_known_region};

use crate::Error;
use crate::context::Context;
use crate::route53::{Dns, Record, canonical};

/// The target of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// it is there, and Route 53 keeps it in this hosted zone
    InZone(String),
    /// a load balancer that does not exist any more
    Gone,
    /// nothing that an alias can point to
    Other,
}

/// The target of a CNAME record in the hosted zone with the name `zone`.
pub(super) async fn of(context: &Context, dns: &Dns, record: &Record, zone: &str) -> Result<Target, Error> {
    let target = canonical(&record.value());
    if let Some(region) = region_of(&target) {
        let found = zone_of_balancer(&context.session.in_region(region), &target).await?;
        return Ok(found.map_or(Target::Gone, Target::InZone));
    }
    if target != zone && !target.ends_with(&format!(".{zone}")) {
        return Ok(Target::Other);
    }
    let records = dns.address_records(&target).await?;
    let is_address = |other: &Record| other.zone_id == record.zone_id && *other.set.r#type() == RrType::A;
    Ok(if records.iter().any(is_address) {
        Target::InZone(record.zone_id.clone())
    } else {
        Target::Other
    })
}

/// The region in the DNS name of a load balancer: `<name>.<region>.elb.amazonaws.com` for classic and application load balancers,
/// `<name>.elb.<region>.amazonaws.com` for network load balancers.
fn region_of(name: &str) -> Option<&str> {
    let rest = name
        .strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"))?;
    let (head, last) = rest.rsplit_once('.')?;
    let (_, before) = head.rsplit_once('.')?;
    let ((region, "elb") | ("elb", region)) = (before, last) else {
        return None;
    };
    is_known_region(region).then_some(region)
}

/// The hosted zone of the load balancer with this DNS name, of either generation; nothing when there is none.
async fn zone_of_balancer(session: &Session, name: &str) -> Result<Option<String>, Error> {
    // The console puts this before the name of a load balancer with IPv6.
    let is_it = |found: Option<&str>| {
        let found = canonical(found.unwrap_or_default());
        name.strip_prefix("dualstack.").unwrap_or(name) == found
    };
    let pages = session.elb().describe_load_balancers().into_paginator().items().send();
    let classic: Result<Vec<elasticloadbalancing::types::LoadBalancerDescription>, _> = pages.collect().await;
    let classic = classic?.into_iter().find(|balancer| is_it(balancer.dns_name()));
    if let Some(balancer) = classic {
        return Ok(balancer.canonical_hosted_zone_name_id);
    }
    let pages = session
        .elbv2()
        .describe_load_balancers()
        .into_paginator()
        .items()
        .send();
    let balancers: Result<Vec<elasticloadbalancingv2::types::LoadBalancer>, _> = pages.collect().await;
    let balancer = balancers?.into_iter().find(|balancer| is_it(balancer.dns_name()));
    Ok(balancer.and_then(|balancer| balancer.canonical_hosted_zone_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancer_s_name_says_its_region() {
        for (name, region) in [
            ("app-v1-123.eu-west-1.elb.amazonaws.com", Some("eu-west-1")),
            ("internal-app-v1-123.us-east-1.elb.amazonaws.com", Some("us-east-1")),
            ("dualstack.app-v1-123.us-east-1.elb.amazonaws.com", Some("us-east-1")),
            ("app-v1-0a1b2c.elb.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("app-v1-123.cn-north-1.elb.amazonaws.com.cn", Some("cn-north-1")),
            ("bucket.s3.eu-west-1.amazonaws.com", None),
            ("app.nowhere.elb.amazonaws.com", None),
            ("eu-west-1.elb.amazonaws.com", None),
            ("elb.example.com", None),
        ] {
            assert_eq!(region_of(name), region, "{name}");
        }
    }
}
