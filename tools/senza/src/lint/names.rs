//! Names that are too long somewhere.

use stups_yaml::Value;

use super::Rule;
use super::document::{Document, Path};
use crate::components::ComponentType;

/// CloudFormation's limit for stack names.
const LONGEST_STACK_NAME: usize = 128;
/// The limit for names of load balancers.
const LONGEST_BALANCER_NAME: usize = 32;

pub(super) fn check(document: &mut Document<'_>) {
    let name = document
        .info()
        .and_then(|info| info.get("StackName"))
        .and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.contains("{{")) else {
        return;
    };
    let length = name.chars().count();
    let path = Path::to("SenzaInfo").key("StackName");
    // A dash and a version have at least two characters.
    if length + 2 > LONGEST_STACK_NAME {
        let message = format!("with its version the stack's name has more than {LONGEST_STACK_NAME} characters");
        document.at_value(Rule::Limit, &path, message, None);
    }
    for component in document.components() {
        if !component.component_type.is_some_and(is_balancer) || component.body.contains_key("LoadBalancerName") {
            continue;
        }
        let suffix = component
            .body
            .get("NameSuffix")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let suffix_length = if suffix.is_empty() {
            0
        } else {
            suffix.chars().count() + 1
        };
        if length + 2 + suffix_length > LONGEST_BALANCER_NAME {
            let message = format!(
                "with the version the name of the load balancer {} has more than {LONGEST_BALANCER_NAME} characters and is \
                 shortened: another application whose name begins the same gets in its way",
                component.name
            );
            document.at_value(Rule::LongName, &path, message, None);
        }
    }
}

fn is_balancer(component_type: ComponentType) -> bool {
    matches!(
        component_type,
        ComponentType::ElasticLoadBalancer
            | ComponentType::ElasticLoadBalancerV2
            | ComponentType::WeightedDnsElasticLoadBalancer
            | ComponentType::WeightedDnsElasticLoadBalancerV2
    )
}
