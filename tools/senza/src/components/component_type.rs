//! The table of component types and how a `Type` is looked up in it.

use super::Component;
use crate::Error;

/// The component types of this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComponentType {
    Configuration,
    SubnetAutoConfiguration,
    StupsAutoConfiguration,
    AutoScalingGroup,
    TaupageAutoScalingGroup,
    ElasticLoadBalancer,
    WeightedDnsElasticLoadBalancer,
    WeightedTargetGroup,
}

/// How the types are spelt, and what makes them; nothing for those that senza 2.1 knows and this release does not make.
const TYPES: [(&str, Option<ComponentType>); 15] = [
    ("Configuration", Some(ComponentType::Configuration)),
    ("SubnetAutoConfiguration", Some(ComponentType::SubnetAutoConfiguration)),
    ("StupsAutoConfiguration", Some(ComponentType::StupsAutoConfiguration)),
    ("AutoScalingGroup", Some(ComponentType::AutoScalingGroup)),
    ("TaupageAutoScalingGroup", Some(ComponentType::TaupageAutoScalingGroup)),
    ("ElasticLoadBalancer", Some(ComponentType::ElasticLoadBalancer)),
    (
        "WeightedDnsElasticLoadBalancer",
        Some(ComponentType::WeightedDnsElasticLoadBalancer),
    ),
    ("WeightedTargetGroup", Some(ComponentType::WeightedTargetGroup)),
    ("CoreosAutoConfiguration", None),
    ("ElasticLoadBalancerV2", None),
    ("WeightedDnsElasticLoadBalancerV2", None),
    ("Elastigroup", None),
    ("IamRole", None),
    ("RedisNode", None),
    ("RedisCluster", None),
];

impl ComponentType {
    /// Whether it makes an Auto Scaling group.
    pub(crate) fn is_group(self) -> bool {
        matches!(self, Self::AutoScalingGroup | Self::TaupageAutoScalingGroup)
    }

    /// The type of `component`. Like senza 2.1, it is compared in snake case, so that `Senza::WeightedDNSElasticLoadBalancer` and
    /// `senza::configuration` are found too.
    pub(crate) fn of(component: &Component) -> Result<Self, Error> {
        let written = component.component_type.as_str();
        let (prefix, name) = written.split_once("::").unwrap_or((written, ""));
        let known = TYPES
            .iter()
            .find(|(known, _)| snake_case(prefix) == "senza" && snake_case(known) == snake_case(name));
        let path = format!("SenzaComponents/{}/Type", component.name);
        match known {
            Some((_, Some(found))) => Ok(*found),
            Some((known, None)) => Err(Error::Usage(format!(
                "{path}: Component \"Senza::{known}\" is not supported yet by this release"
            ))),
            None => Err(Error::Usage(format!(
                "{path}: Component \"{written}\" does not exist{}",
                suggestion(written)
            ))),
        }
    }
}

fn suggestion(written: &str) -> String {
    TYPES
        .iter()
        .map(|(known, _)| format!("Senza::{known}"))
        .map(|known| {
            (
                strsim::jaro_winkler(&known.to_lowercase(), &written.to_lowercase()),
                known,
            )
        })
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(similarity, _)| *similarity > 0.8)
        .map(|(_, known)| format!(", did you mean \"{known}\"?"))
        .unwrap_or_default()
}

/// `IAMRole` -> `iam_role`: an underscore before an upper-case letter that begins a word or follows a lower-case letter or digit.
fn snake_case(name: &str) -> String {
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
        ] {
            assert_eq!(of(written), Ok(expected), "{written}");
        }
    }

    #[test]
    fn other_types_are_errors() {
        for (written, expected) in [
            (
                "Senza::IAMRole",
                "Component \"Senza::IamRole\" is not supported yet by this release",
            ),
            (
                "Senza::RedisNode",
                "Component \"Senza::RedisNode\" is not supported yet by this release",
            ),
            (
                "Senza::ElasticLoadBalancerV2",
                "Component \"Senza::ElasticLoadBalancerV2\" is not supported yet by this release",
            ),
            (
                "Senza::TaupageAutoScalingGrup",
                "Component \"Senza::TaupageAutoScalingGrup\" does not exist, did you mean \"Senza::TaupageAutoScalingGroup\"?",
            ),
            (
                "Senza::ElastiGroup",
                "Component \"Senza::ElastiGroup\" does not exist, did you mean \"Senza::Elastigroup\"?",
            ),
            ("Acme::Foo", "Component \"Acme::Foo\" does not exist"),
            ("", "Component \"\" does not exist"),
        ] {
            let error = of(written).unwrap_err();
            assert_eq!(error, format!("SenzaComponents/X/Type: {expected}"), "{written}");
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
