//! The domains of a load balancer and their records.

use serde_json::{Map as JsonMap, json};

use super::certificate::Host;
use super::properties::Properties;
use super::resources::{add, members};
use super::{Component, Generation};
use crate::Error;
use crate::route53::{HostedZone, matching_zone};

/// One domain of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    /// what its logical id ends with: `MainDomain`
    pub(crate) name: String,
    /// whether several stacks share it by weight
    pub(crate) is_weighted: bool,
    /// the hosted zone's name
    pub(crate) zone: String,
    /// what precedes the zone; empty for the zone's own name
    pub(crate) subdomain: String,
    /// the hosted zone's id, where its name alone is ambiguous
    pub(crate) zone_id: Option<String>,
}

impl Domain {
    /// The full name: `<subdomain>.<zone>`, or the zone itself.
    pub(crate) fn full_name(&self) -> String {
        if self.subdomain.is_empty() {
            self.zone.clone()
        } else {
            format!("{}.{}", self.subdomain, self.zone)
        }
    }
}

/// The domains in the property `Domains`.
pub(crate) fn given(properties: &Properties<'_>, is_current: bool) -> Result<Vec<Domain>, Error> {
    let Some(domains) = properties.map("Domains")? else {
        return Ok(Vec::new());
    };
    let mut result = Vec::new();
    for (name, value) in domains.iter() {
        let domain = domains
            .map(&name)?
            .ok_or_else(|| domains.wrong(&name, value, "a map with Type, Zone and Subdomain"))?;
        let text = |property: &str, advice: &str| {
            domain.required(property, advice)?;
            Ok::<_, Error>(domain.text(property)?.unwrap_or_default())
        };
        let record_type = text("Type", "weighted or standalone")?;
        let is_weighted = record_type == "weighted";
        if !is_weighted && record_type != "standalone" && is_current {
            return Err(domain.error(
                "Type",
                &format!("must be weighted or standalone, not \"{record_type}\""),
            ));
        }
        let mut zone = text("Zone", "the name of a hosted zone, such as example.org.")?;
        if is_current && !zone.ends_with('.') {
            // CloudFormation finds a hosted zone by its name with the dot only.
            zone.push('.');
        }
        result.push(Domain {
            name,
            is_weighted,
            zone,
            subdomain: text("Subdomain", "what precedes the zone")?,
            zone_id: None,
        });
    }
    Ok(result)
}

/// The main (weighted) and version (standalone) domain of a load balancer that has no `Domains`.
///
/// A named domain belongs to the zone that shares the most labels with it, and makes that zone the account's domain from
/// then on; a domain that is not named is made of the stack's name and the account's domain. `MainDomain: false` leaves the
/// main domain out.
pub(crate) async fn main_and_version(
    properties: &Properties<'_>,
    generation: &Generation<'_>,
) -> Result<Vec<Domain>, Error> {
    let mut domains = Vec::new();
    let is_left_out = properties.get("MainDomain") == Some(&stups_yaml::Value::Bool(false));
    if !is_left_out {
        let subdomain = generation.stack_name()?;
        domains.push(domain("MainDomain", true, subdomain, properties, generation).await?);
    }
    let subdomain = generation.stack_id()?;
    domains.push(domain("VersionDomain", false, subdomain, properties, generation).await?);
    Ok(domains)
}

async fn domain(
    name: &str,
    is_weighted: bool,
    default_subdomain: String,
    properties: &Properties<'_>,
    generation: &Generation<'_>,
) -> Result<Domain, Error> {
    let account = generation.account;
    let is_internal = properties.filled_text("Scheme")?.as_deref() != Some("internet-facing");
    let Some(written) = properties.get(name) else {
        let domain = account.domain().await.map_err(|error| match error {
            Error::Fatal(message) => Error::Fatal(format!("{}: {message}", properties.path(name))),
            other => other,
        })?;
        let zone = format!("{domain}.");
        let zones = account.hosted_zones().await?;
        let found = zone_of(&zone, is_internal, generation).await?;
        let found = found.filter(|found| found.name == zone);
        let zone_id = found.and_then(|found| ambiguous_id(found, zones, generation));
        return Ok(Domain {
            name: name.to_owned(),
            is_weighted,
            zone,
            subdomain: default_subdomain,
            zone_id,
        });
    };
    let wanted = written
        .as_str()
        .map(|text| text.trim_end_matches('.'))
        .filter(|text| !text.is_empty())
        .ok_or_else(|| properties.wrong(name, written, "a domain name"))?;
    let zones = account.hosted_zones().await?;
    let zone = zone_of(wanted, is_internal, generation).await?;
    let zone = zone.ok_or_else(|| no_zone(name, wanted, zones, properties))?;
    account.set_domain(&zone.name);
    // Names are compared in any letter case, so the zone is as long as the end of the name.
    let prefix_length = wanted.len().saturating_sub(zone.domain().len());
    let subdomain = wanted.get(..prefix_length).unwrap_or_default().trim_end_matches('.');
    Ok(Domain {
        name: name.to_owned(),
        is_weighted,
        zone: format!("{}.", zone.domain()),
        subdomain: subdomain.to_owned(),
        zone_id: ambiguous_id(zone, zones, generation),
    })
}

/// The zone that a name belongs to. The VPC has a say where the zone's id is in the record, which senza 2.1 never does.
async fn zone_of<'a>(
    name: &str,
    prefer_private: bool,
    generation: &Generation<'a>,
) -> Result<Option<&'a HostedZone>, Error> {
    if generation.is_current() {
        return generation.account.zone_of(name, prefer_private).await;
    }
    Ok(matching_zone(
        generation.account.hosted_zones().await?,
        name,
        prefer_private,
    ))
}

/// The zone's id if another zone has the same name: CloudFormation then refuses the name. senza 2.1 gives the name anyway.
fn ambiguous_id(zone: &HostedZone, zones: &[HostedZone], generation: &Generation<'_>) -> Option<String> {
    let count = zones.iter().filter(|other| other.name == zone.name).count();
    (generation.is_current() && count > 1).then(|| zone.id.clone())
}

fn no_zone(name: &str, wanted: &str, zones: &[HostedZone], properties: &Properties<'_>) -> Error {
    let existing: Vec<&str> = zones.iter().map(HostedZone::domain).collect();
    let existing = if existing.is_empty() {
        "the account has none".to_owned()
    } else {
        format!("the account has {}", existing.join(", "))
    };
    Error::Fatal(format!(
        "{}: No Domain configured: there is no hosted zone for {wanted} ({existing})",
        properties.path(name)
    ))
}

/// The hosts that the load balancer's certificates must be for: the weighted domains. senza 2.1 knows the last of them only;
/// today a load balancer without any has the certificate of its last other domain.
pub(crate) fn hosts(domains: &[Domain], is_current: bool) -> Vec<Host> {
    let host = |domain: &Domain| Host {
        zone: domain.zone.clone(),
        name: domain.full_name(),
    };
    let weighted: Vec<Host> = domains.iter().filter(|domain| domain.is_weighted).map(host).collect();
    match (weighted.is_empty(), is_current) {
        (false, true) => weighted,
        (true, true) => domains.last().map(host).into_iter().collect(),
        (_, false) => weighted.into_iter().last().into_iter().collect(),
    }
}

/// Adds a record of each of the `types` (`A`, `AAAA`) for each domain of the load balancer that `component` makes.
/// `zone_id_attribute` is what the kind of balancer calls the id of its own zone.
pub(crate) fn add_records(
    domains: &[Domain],
    component: &Component,
    zone_id_attribute: &str,
    types: &[&str],
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let balancer = component.name.as_str();
    let evaluates_health = generation
        .is_current()
        .then(|| Properties::of(component).boolean("EvaluateTargetHealth"))
        .transpose()?
        .flatten();
    for (domain, record_type) in domains
        .iter()
        .flat_map(|domain| types.iter().map(move |of| (domain, *of)))
    {
        let mut record: JsonMap<_, _> = members(json!({
            "Type": record_type,
            "Name": domain.full_name(),
            "AliasTarget": {
                "DNSName": {"Fn::GetAtt": [balancer, "DNSName"]},
                "HostedZoneId": {"Fn::GetAtt": [balancer, zone_id_attribute]},
            },
        }));
        if let (Some(evaluates_health), Some(alias)) = (evaluates_health, record.get_mut("AliasTarget")) {
            alias["EvaluateTargetHealth"] = json!(evaluates_health);
        }
        match &domain.zone_id {
            Some(id) => record.insert("HostedZoneId".to_owned(), json!(id)),
            None => record.insert("HostedZoneName".to_owned(), json!(domain.zone)),
        };
        if domain.is_weighted {
            record.insert("Weight".to_owned(), json!(0));
            record.insert("SetIdentifier".to_owned(), json!(generation.stack_id()?));
        }
        let suffix = if record_type == "AAAA" { "Ipv6" } else { "" };
        let logical_id = format!("{balancer}{}{suffix}", domain.name);
        add(generation.template, &logical_id, "AWS::Route53::RecordSet", record)?;
    }
    Ok(())
}
