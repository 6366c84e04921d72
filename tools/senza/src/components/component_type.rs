//! The table of component types and how a `Type` is looked up in it.

use super::property_table::{Property, nearest};
use super::{
    Component, auto_scaling_group, configuration, coreos, elastic_load_balancer, elastic_load_balancer_v2, elastigroup,
    iam_role, redis, subnets, taupage, weighted_dns, weighted_target_group,
};
use crate::Error;

/// The component types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComponentType {
    Configuration,
    SubnetAutoConfiguration,
    StupsAutoConfiguration,
    CoreosAutoConfiguration,
    AutoScalingGroup,
    TaupageAutoScalingGroup,
    Elastigroup,
    ElasticLoadBalancer,
    ElasticLoadBalancerV2,
    WeightedDnsElasticLoadBalancer,
    WeightedDnsElasticLoadBalancerV2,
    IamRole,
    RedisNode,
    RedisCluster,
    WeightedTargetGroup,
}

use ComponentType as Type;

/// How the types are spelt, and what they make, in words.
const TYPES: [(Type, &str, &str); 15] = [
    (
        Type::Configuration,
        "Configuration",
        "mappings, parameters and description, from what is written there",
    ),
    (
        Type::SubnetAutoConfiguration,
        "SubnetAutoConfiguration",
        "the same, with the subnets found in the account",
    ),
    (
        Type::StupsAutoConfiguration,
        "StupsAutoConfiguration",
        "the same, with subnets and Taupage images",
    ),
    (
        Type::CoreosAutoConfiguration,
        "CoreosAutoConfiguration",
        "the same, with subnets and the newest Flatcar Container Linux image",
    ),
    (Type::AutoScalingGroup, "AutoScalingGroup", "an Auto Scaling group"),
    (
        Type::TaupageAutoScalingGroup,
        "TaupageAutoScalingGroup",
        "an Auto Scaling group of Taupage instances that run a Docker image",
    ),
    (
        Type::Elastigroup,
        "Elastigroup",
        "a group of Spot by NetApp (formerly Spotinst)",
    ),
    (
        Type::ElasticLoadBalancer,
        "ElasticLoadBalancer",
        "a classic load balancer",
    ),
    (
        Type::ElasticLoadBalancerV2,
        "ElasticLoadBalancerV2",
        "an application or network load balancer",
    ),
    (
        Type::WeightedDnsElasticLoadBalancer,
        "WeightedDnsElasticLoadBalancer",
        "a classic load balancer with a domain that all versions share by weight",
    ),
    (
        Type::WeightedDnsElasticLoadBalancerV2,
        "WeightedDnsElasticLoadBalancerV2",
        "an application or network load balancer with a domain that all versions share by weight",
    ),
    (Type::IamRole, "IamRole", "an IAM role"),
    (Type::RedisNode, "RedisNode", "a single Redis node in ElastiCache"),
    (
        Type::RedisCluster,
        "RedisCluster",
        "a Redis primary node with replicas in ElastiCache",
    ),
    (
        Type::WeightedTargetGroup,
        "WeightedTargetGroup",
        "a target group on a load balancer that all versions share",
    ),
];

impl ComponentType {
    /// All types, in the order of the documentation.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TYPES.into_iter().map(|(component_type, ..)| component_type)
    }

    /// How it is spelt in a definition: `Senza::Configuration`.
    pub(crate) fn name(self) -> String {
        format!("Senza::{}", self.row().1)
    }

    /// What it makes, in words.
    pub(crate) fn about(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        // Every type is in the table: a test says so.
        TYPES
            .into_iter()
            .find(|(component_type, ..)| *component_type == self)
            .unwrap_or(TYPES[0])
    }

    /// The properties it reads, in groups.
    pub(crate) fn tables(self) -> Vec<&'static [Property]> {
        let groups: [&[&[Property]]; 2] = match self {
            Self::Configuration => [configuration::PROPERTIES, &[]],
            Self::SubnetAutoConfiguration => [configuration::PROPERTIES, &[subnets::ADDITIONS]],
            Self::StupsAutoConfiguration => [configuration::PROPERTIES, &[subnets::ADDITIONS, subnets::IMAGES]],
            Self::CoreosAutoConfiguration => [configuration::PROPERTIES, &[subnets::ADDITIONS, coreos::ADDITIONS]],
            Self::AutoScalingGroup => [auto_scaling_group::PROPERTIES, &[]],
            Self::TaupageAutoScalingGroup => [taupage::PROPERTIES, &[]],
            Self::Elastigroup => [elastigroup::PROPERTIES, &[]],
            Self::ElasticLoadBalancer => [elastic_load_balancer::PROPERTIES, &[]],
            Self::ElasticLoadBalancerV2 => [elastic_load_balancer_v2::PROPERTIES, &[]],
            Self::WeightedDnsElasticLoadBalancer => [elastic_load_balancer::PROPERTIES, &[weighted_dns::ADDITIONS]],
            Self::WeightedDnsElasticLoadBalancerV2 => {
                [elastic_load_balancer_v2::PROPERTIES, &[weighted_dns::ADDITIONS]]
            }
            Self::IamRole => [iam_role::PROPERTIES, &[]],
            Self::RedisNode => [redis::NODE_PROPERTIES, &[]],
            Self::RedisCluster => [redis::CLUSTER_PROPERTIES, &[]],
            Self::WeightedTargetGroup => [weighted_target_group::PROPERTIES, &[]],
        };
        groups.into_iter().flatten().copied().collect()
    }

    /// The properties it reads. Everything else is ignored, or handed on to CloudFormation; either way it is warned about.
    pub(crate) fn properties(self) -> impl Iterator<Item = &'static Property> {
        self.tables().into_iter().flatten()
    }

    /// Whether it makes a group of instances.
    pub(crate) fn is_group(self) -> bool {
        matches!(
            self,
            Self::AutoScalingGroup | Self::TaupageAutoScalingGroup | Self::Elastigroup
        )
    }

    /// The type that is written so. Like senza 2.1, it is compared in snake case, so that
    /// `Senza::WeightedDNSElasticLoadBalancer` and `senza::configuration` are found too.
    pub(crate) fn find(written: &str) -> Option<Self> {
        let (prefix, name) = written.split_once("::")?;
        let name = snake_case(name);
        TYPES
            .iter()
            .find(|(_, known, _)| snake_case(prefix) == "senza" && snake_case(known) == name)
            .map(|(found, ..)| *found)
    }

    /// The type of `component`; an unknown one is a usage error that tells the nearest.
    pub(crate) fn of(component: &Component) -> Result<Self, Error> {
        let written = component.component_type.as_str();
        Self::find(written).ok_or_else(|| {
            let suggestion = Self::nearest(written)
                .map(|known| format!(", did you mean \"{known}\"?"))
                .unwrap_or_default();
            Error::Usage(format!(
                "SenzaComponents/{}/Type: Component \"{written}\" does not exist{suggestion}",
                component.name
            ))
        })
    }

    /// The known type that `written` was probably meant to be.
    pub(crate) fn nearest(written: &str) -> Option<String> {
        let known: Vec<String> = Self::all().map(Self::name).collect();
        nearest(written, known.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// `IAMRole` -> `iam_role`: an underscore before an upper-case letter that begins a word or follows a lower-case letter or digit.
pub(super) fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let mut words = String::new();
    let mut index = 0;
    while let Some(character) = at(index) {
        words.push(character);
        index += 1;
        let begins_word = at(index).is_some_and(|next| next.is_ascii_uppercase())
            && at(index + 1).is_some_and(|next| next.is_ascii_lowercase());
        if begins_word {
            words.push('_');
            words.extend(at(index));
            index += 1;
            while let Some(lower) = at(index).filter(char::is_ascii_lowercase) {
                words.push(lower);
                index += 1;
            }
        }
    }
    let mut snake = String::new();
    let mut previous = None;
    for character in words.chars() {
        let follows = previous.is_some_and(|previous: char| previous.is_ascii_lowercase() || previous.is_ascii_digit());
        if follows && character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
        previous = Some(character);
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(written: &str) -> Result<ComponentType, String> {
        ComponentType::of(&Component {
            name: "X".to_owned(),
            component_type: written.to_owned(),
            properties: stups_yaml::Map::new(),
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn types_are_found_in_every_spelling_of_the_original() {
        for (written, expected) in [
            ("Senza::Configuration", ComponentType::Configuration),
            ("senza::configuration", ComponentType::Configuration),
            (
                "Senza::WeightedDNSElasticLoadBalancer",
                ComponentType::WeightedDnsElasticLoadBalancer,
            ),
            (
                "Senza::WeightedDnsElasticLoadBalancer",
                ComponentType::WeightedDnsElasticLoadBalancer,
            ),
            ("Senza::STUPSAutoConfiguration", ComponentType::StupsAutoConfiguration),
            ("Senza::TaupageAutoScalingGroup", ComponentType::TaupageAutoScalingGroup),
            ("Senza::IAMRole", ComponentType::IamRole),
            ("Senza::RedisNode", ComponentType::RedisNode),
            ("Senza::ElasticLoadBalancerV2", ComponentType::ElasticLoadBalancerV2),
            (
                "Senza::WeightedDNSElasticLoadBalancerV2",
                ComponentType::WeightedDnsElasticLoadBalancerV2,
            ),
            ("Senza::CoreosAutoConfiguration", ComponentType::CoreosAutoConfiguration),
        ] {
            assert_eq!(of(written), Ok(expected), "{written}");
        }
    }

    #[test]
    fn other_types_are_errors() {
        for (written, expected) in [
            (
                "Senza::TaupageAutoScalingGrup",
                "Component \"Senza::TaupageAutoScalingGrup\" does not exist, did you mean \"Senza::TaupageAutoScalingGroup\"?",
            ),
            (
                "Senza::ElastiGroup",
                "Component \"Senza::ElastiGroup\" does not exist, did you mean \"Senza::Elastigroup\"?",
            ),
            (
                "Senza::CoreOSAutoConfiguration",
                "Component \"Senza::CoreOSAutoConfiguration\" does not exist, did you mean \"Senza::CoreosAutoConfiguration\"?",
            ),
            ("Acme::Foo", "Component \"Acme::Foo\" does not exist"),
            ("", "Component \"\" does not exist"),
        ] {
            let error = of(written).unwrap_err();
            assert_eq!(error, format!("SenzaComponents/X/Type: {expected}"), "{written}");
        }
    }

    #[test]
    fn every_type_has_a_row_and_properties_of_different_names() {
        for component_type in ComponentType::all() {
            assert_eq!(component_type.row().0, component_type);
            assert_eq!(ComponentType::find(&component_type.name()), Some(component_type));
            let mut names: Vec<&str> = component_type.properties().map(|property| property.name).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{component_type:?}: {names:?}");
        }
    }

    #[test]
    fn snake_case_is_the_originals() {
        for (name, expected) in [
            ("IAMRole", "iam_role"),
            ("IamRole", "iam_role"),
            ("CoreOSAutoConfiguration", "core_os_auto_configuration"),
            ("ElastiGroup", "elasti_group"),
            ("ElasticLoadBalancerV2", "elastic_load_balancer_v2"),
            ("X", "x"),
            ("", ""),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }
}
