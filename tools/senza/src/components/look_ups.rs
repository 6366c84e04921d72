//! Look-ups in advance: everything that a definition's components will ask, all at the same time.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt, join_all};
use stups_yaml::Value;

use super::component_type::ComponentType;
use super::{Component, certificate, reference, security_groups, subnets};
use crate::account::Account;

/// What the components will ask.
#[derive(Debug, Default, PartialEq)]
struct Needs {
    /// subnets of these VPCs; nothing stands for the account's VPC
    vpcs: BTreeSet<Option<String>>,
    taupage_images: bool,
    security_groups: BTreeSet<String>,
    references: Vec<reference::Reference>,
    roles: BTreeSet<String>,
    hosted_zones: bool,
    certificates: bool,
    certificate_arns: BTreeSet<String>,
    server_certificates: bool,
}

/// Asks everything at the same time; the account keeps the answers, and failures are met again by the component that needs them.
pub(crate) async fn prefetch(components: &[Component], account: &Account) {
    let needs = needs(components);
    let mut questions: Vec<BoxFuture<'_, ()>> = Vec::new();
    for vpc in &needs.vpcs {
        questions.push(prefetch_subnets(vpc.as_deref(), account).boxed());
    }
    if needs.taupage_images {
        questions.push(account.taupage_images().map(drop).boxed());
    }
    let names: Vec<String> = needs.security_groups.into_iter().collect();
    questions.push(async move { drop(account.load_security_groups(&names).await) }.boxed());
    for reference in &needs.references {
        questions.push(reference.prefetch(account).boxed());
    }
    for role in &needs.roles {
        questions.push(account.inline_policies(role).map(drop).boxed());
    }
    if needs.hosted_zones {
        questions.push(account.hosted_zones().map(drop).boxed());
    }
    if needs.certificates {
        questions.push(account.acm_certificates().map(drop).boxed());
    }
    for arn in &needs.certificate_arns {
        questions.push(account.describe_certificate(arn).map(drop).boxed());
    }
    if needs.server_certificates {
        questions.push(account.server_certificates().map(drop).boxed());
    }
    join_all(questions).await;
}

async fn prefetch_subnets(vpc_id: Option<&str>, account: &Account) {
    let vpc_id = match vpc_id {
        Some(id) => Some(id.to_owned()),
        None => account.evident_vpc_id().await.ok().flatten(),
    };
    if let Some(id) = vpc_id {
        drop(account.subnets(&id).await);
    }
}

fn needs(components: &[Component]) -> Needs {
    let mut needs = Needs::default();
    for component in components {
        let Ok(component_type) = ComponentType::of(component) else {
            continue;
        };
        match component_type {
            ComponentType::Configuration => {}
            ComponentType::SubnetAutoConfiguration => {
                needs.vpcs.insert(subnets::given_vpc(component));
            }
            ComponentType::StupsAutoConfiguration => {
                needs.vpcs.insert(subnets::given_vpc(component));
                needs.taupage_images = true;
            }
            ComponentType::AutoScalingGroup | ComponentType::TaupageAutoScalingGroup => needs.add_group(component),
            ComponentType::ElasticLoadBalancer => needs.add_balancer(component),
            ComponentType::WeightedDnsElasticLoadBalancer => {
                needs.add_balancer(component);
                needs.hosted_zones |= present(component, "Domains").is_none();
            }
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

impl Needs {
    fn add_security_groups(&mut self, component: &Component) {
        let groups = items(present(component, "SecurityGroups"));
        self.security_groups
            .extend(groups.iter().filter_map(security_groups::name).map(str::to_owned));
    }

    fn add_group(&mut self, component: &Component) {
        self.add_security_groups(component);
        let roles = items(present(component, "IamRoles"));
        if roles.len() > 1 {
            self.roles
                .extend(roles.iter().filter_map(Value::as_str).map(str::to_owned));
        }
    }

    fn add_balancer(&mut self, component: &Component) {
        self.add_security_groups(component);
        let is_weighted = match ComponentType::of(component) {
            Ok(ComponentType::WeightedDnsElasticLoadBalancer) if present(component, "Domains").is_none() => {
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
            self.add_certificate(present(component, "SSLCertificateId"), is_weighted);
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
            None => self.certificates |= is_weighted,
            Some(Value::String(text)) if certificate::is_acm_arn(text) => {
                self.certificate_arns.insert(text.clone());
            }
            Some(Value::String(text)) => self.server_certificates |= !text.starts_with("arn:"),
            Some(_) => {}
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
