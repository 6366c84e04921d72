//! Senza::WeightedDnsElasticLoadBalancer: a load balancer with a domain that all versions share by weight, and one of its own.

use super::properties::Properties;
use super::{Component, Generation, domains, elastic_load_balancer};
use crate::Error;

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let domains = if properties.has("Domains") {
        domains::given(&properties, generation.is_current())?
    } else {
        domains::main_and_version(&properties, generation).await?
    };
    elastic_load_balancer::build(component, &domains, &["MainDomain", "VersionDomain"], generation).await
}
