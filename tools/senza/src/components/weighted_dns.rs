//! Senza::WeightedDnsElasticLoadBalancer and its second version: a load balancer with a domain that all versions share by
//! weight, and one of its own.

use super::domains::Domain;
use super::properties::Properties;
use super::property_table::{Property, text};
use super::{Component, Generation, domains, elastic_load_balancer, elastic_load_balancer_v2};
use crate::Error;

/// What it has beside the properties of the load balancer.
pub(super) const ADDITIONS: &[Property] = &[
    text("MainDomain", "the weighted domain; false for none").default("<StackName>.<zone>"),
    text("VersionDomain", "the version's own domain").default("<StackName>-<StackVersion>.<zone>"),
];

/// The same, which the load balancers need not know.
const CONSUMED: &[&str] = &["MainDomain", "VersionDomain"];

/// Applies Senza::WeightedDnsElasticLoadBalancer.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let domains = domains(component, generation).await?;
    elastic_load_balancer::build(component, &domains, CONSUMED, generation).await
}

/// Applies Senza::WeightedDnsElasticLoadBalancerV2.
pub(super) async fn apply_v2(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let domains = domains(component, generation).await?;
    elastic_load_balancer_v2::build(component, &domains, generation).await
}

async fn domains(component: &Component, generation: &Generation<'_>) -> Result<Vec<Domain>, Error> {
    let properties = Properties::of(component);
    if properties.has("Domains") {
        domains::given(&properties, generation.is_current())
    } else {
        domains::main_and_version(&properties, generation).await
    }
}
