//! Look-ups in advance: everything that a definition's components will ask, all at the same time.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt, join_all};
use stups_yaml::Value;

use super::component_type::ComponentType;
use super::properties::Properties;
use super::{Component, certificate, reference, security_groups, subnets, taupage};
use crate::account::Account;

/// Everything of a kind that the account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Listing {
    /// for servers without public address
    NatGateways,
    TaupageImages,
    HostedZones,
    Certificates,
    ServerCertificates,
}

/// What the components will ask.
#[derive(Debug, Default)]
struct Needs<'a> {
    /// components that look for subnets
    networks: Vec<&'a Component>,
    listings: BTreeSet<Listing>,
    security_groups: BTreeSet<String>,
    references: Vec<reference::Reference>,
    roles: BTreeSet<String>,
    certificate_arns: BTreeSet<String>,
}

/// Asks everything at the same time; the account keeps the answers, and failures are met again by the component that needs them.
pub(crate) async fn prefetch(components: &[Component], account: &Account) {
    let needs = needs(components);
    let mut questions: Vec<BoxFuture<'_, ()>> = Vec::new();
    let nat_gateways = needs.listings.contains(&Listing::NatGateways);
    for network in &needs.networks {
        questions.push(prefetch_network(network, nat_gateways, account).boxed());
    }
    for listing in &needs.listings {
        match listing {
            // They follow the subnets.
            Listing::NatGateways => {}
            Listing::TaupageImages => questions.push(account.taupage_images().map(drop).boxed()),
            Listing::HostedZones => questions.push(account.hosted_zones().map(drop).boxed()),
            Listing::Certificates => questions.push(account.acm_certificates().map(drop).boxed()),
            Listing::ServerCertificates => questions.push(account.server_certificates().map(drop).boxed()),
        }
    }
    let names: Vec<String> = needs.security_groups.into_iter().collect();
    questions.push(async move { drop(account.load_security_groups(&names).await) }.boxed());
    for reference in &needs.references {
        questions.push(reference.prefetch(account).boxed());
    }
    for role in &needs.roles {
        questions.push(account.inline_policies(role).map(drop).boxed());
    }
    for arn in &needs.certificate_arns {
        questions.push(account.describe_certificate(arn).map(drop).boxed());
    }
    join_all(questions).await;
}

async fn prefetch_network(component: &Component, nat_gateways: bool, account: &Account) {
    let found = match subnets::given_vpc(component) {
        Some(id) => account.subnets(&id).await.map(Some),
        None => account.evident_subnets().await,
    };
    let Ok(Some(found)) = found else { return };
    if nat_gateways && subnets::servers_share_internal_subnets(component, &found) {
        drop(account.nat_gateways().await);
    }
}

fn needs(components: &[Component]) -> Needs<'_> {
    let mut needs = Needs::default();
    for component in components {
        let Ok(component_type) = ComponentType::of(component) else {
            continue;
        };
        match component_type {
            ComponentType::Configuration | ComponentType::WeightedTargetGroup => {}
            ComponentType::SubnetAutoConfiguration | ComponentType::CoreosAutoConfiguration => {
                needs.networks.push(component);
            }
            ComponentType::StupsAutoConfiguration => {
                needs.networks.push(component);
                needs.listings.insert(Listing::TaupageImages);
            }
            ComponentType::AutoScalingGroup | ComponentType::Elastigroup => needs.add_group(component),
            ComponentType::TaupageAutoScalingGroup => {
                needs.add_group(component);
                if !taupage::has_public_address(&Properties::of(component)) {
                    needs.listings.insert(Listing::NatGateways);
                }
            }
            ComponentType::ElasticLoadBalancer | ComponentType::ElasticLoadBalancerV2 => needs.add_balancer(component),
            ComponentType::WeightedDnsElasticLoadBalancer | ComponentType::WeightedDnsElasticLoadBalancerV2 => {
                needs.add_balancer(component);
                if present(component, "Domains").is_none() {
                    needs.listings.insert(Listing::HostedZones);
                }
            }
            ComponentType::IamRole => needs.add_roles(items(present(component, "MergePoliciesFromIamRoles"))),
            ComponentType::RedisNode | ComponentType::RedisCluster => needs.add_security_groups(component),
        }
        let properties = component.properties.values();
        for reference in properties.flat_map(reference::references) {
            if !needs.references.contains(&reference) {
                needs.references.push(reference);
            }
        }
    }
    needs
}

impl Needs<'_> {
    fn add_security_groups(&mut self, component: &Component) {
        let groups = items(present(component, "SecurityGroups"));
        self.security_groups
            .extend(groups.iter().filter_map(security_groups::name).map(str::to_owned));
    }

    fn add_group(&mut self, component: &Component) {
        self.add_security_groups(component);
        let roles = items(present(component, "IamRoles"));
        if roles.len() > 1 {
            self.add_roles(roles);
        }
    }

    fn add_roles(&mut self, roles: &[Value]) {
        self.roles
            .extend(roles.iter().filter_map(Value::as_str).map(str::to_owned));
    }

    fn add_balancer(&mut self, component: &Component) {
        self.add_security_groups(component);
        let is_weighted = match ComponentType::of(component) {
            Ok(ComponentType::WeightedDnsElasticLoadBalancer | ComponentType::WeightedDnsElasticLoadBalancerV2)
                if present(component, "Domains").is_none() =>
            {
                present(component, "MainDomain") != Some(&Value::Bool(false))
            }
            _ => present(component, "Domains")
                .and_then(Value::as_map)
                .into_iter()
                .flat_map(stups_yaml::Map::values)
                .any(|domain| domain.get("Type").and_then(Value::as_str) == Some("weighted")),
        };
        let listeners = items(present(component, "Listeners"));
        if listeners.is_empty() {
            match present(component, "SSLCertificateId") {
                Some(Value::List(certificates)) => {
                    for certificate in certificates {
                        self.add_certificate(Some(certificate), is_weighted);
                    }
                }
                written => self.add_certificate(written, is_weighted),
            }
        }
        for listener in listeners {
            if matches!(listener.get("Protocol").and_then(Value::as_str), Some("HTTPS" | "SSL")) {
                let written = listener.get("SSLCertificateId").filter(|value| **value != Value::Null);
                self.add_certificate(written, is_weighted);
            }
        }
    }

    fn add_certificate(&mut self, written: Option<&Value>, is_weighted: bool) {
        match written {
            None if is_weighted => {
                self.listings.insert(Listing::Certificates);
            }
            Some(Value::String(text)) => {
                // The second generation of load balancers takes several, with commas between.
                for part in text.split(',').map(str::trim) {
                    if certificate::is_acm_arn(part) {
                        self.certificate_arns.insert(part.to_owned());
                    } else if !part.starts_with("arn:") {
                        self.listings.insert(Listing::ServerCertificates);
                    }
                }
            }
            Some(_) | None => {}
        }
    }
}

fn present<'a>(component: &'a Component, name: &str) -> Option<&'a Value> {
    component.properties.get(name).filter(|value| **value != Value::Null)
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        Some(other) => std::slice::from_ref(other),
        None => &[],
    }
}
