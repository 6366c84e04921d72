//! References to resources and parameters, and CloudFormation's limits.

use std::collections::BTreeSet;

use stups_yaml::{Key, Map, Value};

use super::Rule;
use super::document::{Document, Path};
use crate::components::{ComponentType, nearest};

/// How many of each a template may have.
const LIMITS: [(&str, usize); 4] = [
    ("Mappings", 200),
    ("Outputs", 200),
    ("Parameters", 200),
    ("Resources", 500),
];

/// The most bytes that a request carries; a larger template goes through S3.
const REQUEST: usize = 51_200;

pub(super) fn check(document: &mut Document<'_>) {
    check_limits(document);
    let Some(known) = Known::of(document) else { return };
    if let Value::Map(root) = document.root() {
        for (key, value) in root {
            let name = key.to_string();
            if !["SenzaInfo", "Metadata", "Description"].contains(&name.as_str()) {
                check_references(document, &known, &Path::to(&name), value);
            }
        }
    }
}

fn check_limits(document: &mut Document<'_>) {
    for (section, limit) in LIMITS {
        let count = document.section(section).and_then(Value::as_map).map_or(0, Map::len);
        if count > limit {
            let message = format!("{section} has {count} entries, CloudFormation takes at most {limit}");
            document.at_key(Rule::Limit, &Path::to(section), message, None);
        }
    }
    if document.length() > REQUEST {
        let message = format!(
            "the definition has {} bytes, and a template of more than {REQUEST} goes through S3",
            document.length()
        );
        let fix = Some("--template-bucket BUCKET".to_owned());
        document.at_value(Rule::LargeTemplate, &Path::default(), message, fix);
    }
}

/// The names that a reference may lead to.
struct Known {
    resources: BTreeSet<String>,
    parameters: BTreeSet<String>,
    /// components that make more resources than are listed here
    prefixes: Vec<String>,
}

impl Known {
    /// Nothing when something makes resources that nobody knows: a macro, a component of an unknown type.
    fn of(document: &Document<'_>) -> Option<Self> {
        let resources = document.section("Resources").and_then(Value::as_map);
        let is_macro = |map: &Map| map.keys().any(|key| key.to_string().starts_with("Fn::"));
        if document.section("Transform").is_some() || resources.is_some_and(is_macro) {
            return None;
        }
        let names = |map: Option<&Map>| -> BTreeSet<String> {
            map.into_iter().flatten().map(|(key, _)| key.to_string()).collect()
        };
        let mut known = Self {
            resources: names(resources),
            parameters: names(document.section("Parameters").and_then(Value::as_map)),
            prefixes: Vec::new(),
        };
        let components = document.components();
        let mut declares_parameters = false;
        for component in &components {
            let component_type = component.component_type?;
            declares_parameters |=
                is_configuration(component_type) && component.body.get("DefineParameters") != Some(&Value::Bool(false));
            let domains = component.body.get("Domains").and_then(Value::as_map);
            let domains = domains.into_iter().flatten().map(|(key, _)| key.to_string());
            let made = made_by(component_type, component.name);
            known.resources.extend(made);
            known
                .resources
                .extend(domains.map(|domain| format!("{}{domain}", component.name)));
            known.prefixes.push(component.name.to_owned());
        }
        if declares_parameters {
            let declared = document.parameters();
            known
                .parameters
                .extend(declared.iter().map(|parameter| parameter.name.to_owned()));
        }
        Some(known)
    }
}

fn is_configuration(component_type: ComponentType) -> bool {
    matches!(
        component_type,
        ComponentType::Configuration
            | ComponentType::SubnetAutoConfiguration
            | ComponentType::StupsAutoConfiguration
            | ComponentType::CoreosAutoConfiguration
    )
}

/// The logical ids of what a component makes, as far as others may want to refer to it.
fn made_by(component_type: ComponentType, name: &str) -> Vec<String> {
    let suffixes: &[&str] = match component_type {
        ComponentType::AutoScalingGroup | ComponentType::TaupageAutoScalingGroup => &[
            "",
            "CPUAlarmHigh",
            "CPUAlarmLow",
            "Config",
            "Events",
            "InstanceProfile",
            "NetworkAlarmHigh",
            "NetworkAlarmLow",
            "Role",
            "ScaleDown",
            "ScaleUp",
            "TargetTracking",
            "WarmPool",
        ],
        ComponentType::Elastigroup => &["", "InstanceProfile", "Role"],
        ComponentType::ElasticLoadBalancer | ComponentType::WeightedDnsElasticLoadBalancer => {
            &["", "MainDomain", "VersionDomain"]
        }
        ComponentType::ElasticLoadBalancerV2 | ComponentType::WeightedDnsElasticLoadBalancerV2 => {
            &["", "Listener", "MainDomain", "TargetGroup", "VersionDomain"]
        }
        ComponentType::IamRole => &[""],
        ComponentType::RedisNode => return vec!["RedisCacheCluster".to_owned(), "RedisSubnetGroup".to_owned()],
        ComponentType::RedisCluster => return vec!["RedisReplicationGroup".to_owned(), "RedisSubnetGroup".to_owned()],
        _ => &[],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

/// Checks every reference in `value`.
fn check_references(document: &mut Document<'_>, known: &Known, path: &Path, value: &Value) {
    match value {
        Value::Map(map) => {
            if let (1, Some((Key::String(function), argument))) = (map.len(), map.first()) {
                check_function(document, known, path, function, argument);
            }
            for (key, value) in map {
                let name = key.to_string();
                if name == "DependsOn" && path.starts_with("Resources") {
                    check_dependencies(document, known, &path.key(&name), value);
                }
                check_references(document, known, &path.key(&name), value);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_references(document, known, &path.index(index), item);
            }
        }
        _ => {}
    }
}

fn check_function(document: &mut Document<'_>, known: &Known, path: &Path, function: &str, argument: &Value) {
    match (function, argument) {
        ("Ref", Value::String(name)) => check_id(document, known, path, name, true),
        ("Fn::GetAtt", Value::String(text)) => {
            check_id(document, known, path, text.split('.').next().unwrap_or_default(), false);
        }
        ("Fn::GetAtt", Value::List(parts)) => {
            if let Some(name) = parts.first().and_then(Value::as_str) {
                check_id(document, known, path, name, false);
            }
        }
        ("Fn::Sub", Value::String(text)) => check_substitution(document, known, path, text, None),
        ("Fn::Sub", Value::List(arguments)) => {
            if let Some(text) = arguments.first().and_then(Value::as_str) {
                check_substitution(document, known, path, text, arguments.get(1).and_then(Value::as_map));
            }
        }
        _ => {}
    }
}

fn check_substitution(document: &mut Document<'_>, known: &Known, path: &Path, text: &str, own: Option<&Map>) {
    for (position, _) in text.match_indices("${") {
        let Some((name, _)) = text[position + 2..].split_once('}') else {
            continue;
        };
        let name = name.trim();
        if name.starts_with('!') || own.is_some_and(|own| own.contains_key(name)) {
            continue;
        }
        match name.split_once('.') {
            Some((resource, _)) => check_id(document, known, path, resource, false),
            None => check_id(document, known, path, name, true),
        }
    }
}

fn check_dependencies(document: &mut Document<'_>, known: &Known, path: &Path, value: &Value) {
    let names = match value {
        Value::String(name) => vec![name.as_str()],
        Value::List(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    for name in names {
        check_id(document, known, path, name, false);
    }
}

fn check_id(document: &mut Document<'_>, known: &Known, path: &Path, name: &str, may_be_parameter: bool) {
    let is_known = known.resources.contains(name)
        || (may_be_parameter && (known.parameters.contains(name) || name.starts_with("AWS::")));
    if is_known || name.is_empty() || name.contains("{{") {
        return;
    }
    let parameters = known.parameters.iter().filter(|_| may_be_parameter);
    let fix = nearest(name, known.resources.iter().chain(parameters).map(String::as_str)).map(str::to_owned);
    let is_declared = document.parameters().iter().any(|parameter| parameter.name == name);
    let (rule, message) = if is_declared && may_be_parameter {
        let reason = "is a parameter of the template only with a component such as Senza::StupsAutoConfiguration";
        (Rule::LogicalId, format!("{name} {reason}"))
    } else if known.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
        (Rule::UncertainId, format!("no component is known to make {name}"))
    } else {
        (
            Rule::LogicalId,
            format!(
                "there is no resource{} {name}",
                if may_be_parameter { " or parameter" } else { "" }
            ),
        )
    };
    document.at_words(rule, path, name, message, fix);
}
