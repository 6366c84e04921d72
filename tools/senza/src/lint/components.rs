//! Components: their types, their properties, and what they name of each other.

use stups_yaml::{Map, Value};

use super::Rule;
use super::document::{ComponentEntry, Document, Path, is_templated};
use crate::components::{ComponentType, Kind, Property, group_rules, integer, is_function, nearest, plug_in_name};

pub(super) fn check(document: &mut Document<'_>) {
    let components = document.components();
    for component in &components {
        check_type(document, component);
        let Some(component_type) = component.component_type else {
            continue;
        };
        let tables = component_type.tables();
        check_map(
            document,
            &component.path,
            component.body,
            &tables,
            Others::AreRead(&["Type"]),
        );
        check_name(document, component, component_type);
        check_ports(document, component);
        if component_type.is_group() {
            check_scaling(document, component);
            check_balancers(document, component, &components);
        }
    }
}

fn check_type(document: &mut Document<'_>, component: &ComponentEntry<'_>) {
    let path = component.path.key("Type");
    match component.body.get("Type") {
        Some(Value::String(written)) if written.contains("{{") || is_plug_in(written) => {}
        Some(Value::String(written)) if component.component_type.is_none() => {
            let message = format!("there is no component \"{written}\"");
            document.at_value(Rule::ComponentType, &path, message, ComponentType::nearest(written));
        }
        Some(Value::String(_)) => {}
        None | Some(Value::Null) => {
            let message = format!(
                "{} has no Type (such as Senza::TaupageAutoScalingGroup)",
                component.name
            );
            document.at_key(Rule::ComponentType, &component.path, message, None);
        }
        Some(other) => {
            let message = format!("Type must be text, not {}", other.kind());
            document.at_value(Rule::ComponentType, &path, message, None);
        }
    }
}

/// Types of other makers can't be looked up here; a prefix that is nearly Senza's is none of theirs.
fn is_plug_in(written: &str) -> bool {
    let prefix = written.split("::").next().unwrap_or_default();
    plug_in_name(written).is_some() && nearest(prefix, ["Senza"]).is_none()
}

/// Most components call their resources after themselves.
fn check_name(document: &mut Document<'_>, component: &ComponentEntry<'_>, component_type: ComponentType) {
    let name = component.name;
    let has_own_names = matches!(
        component_type,
        ComponentType::Configuration
            | ComponentType::SubnetAutoConfiguration
            | ComponentType::StupsAutoConfiguration
            | ComponentType::CoreosAutoConfiguration
            | ComponentType::RedisNode
            | ComponentType::RedisCluster
    );
    let is_id = name.chars().all(|character| character.is_ascii_alphanumeric());
    if !has_own_names && !is_id && !name.contains("{{") {
        let message = format!("the name \"{name}\" becomes a logical id, which has letters and digits only");
        let fix: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        document.at_key(Rule::Shape, &component.path, message, Some(fix));
    }
}

/// Which keys beside those of the table there may be.
#[derive(Clone, Copy)]
enum Others<'a> {
    /// somebody else reads these
    AreRead(&'a [&'a str]),
    /// any
    AreFree,
}

/// Checks the keys and values of a map against its tables.
fn check_map(document: &mut Document<'_>, path: &Path, map: &Map, tables: &[&'static [Property]], others: Others<'_>) {
    let known = || tables.iter().copied().flatten();
    for (key, value) in map {
        let name = key.to_string();
        let path = path.key(&name);
        let Some(property) = known().find(|property| property.name == name) else {
            if let Others::AreRead(read) = others
                && !read.contains(&name.as_str())
                && !name.contains("{{")
            {
                let fix = nearest(&name, known().map(|property| property.name)).map(str::to_owned);
                document.at_key(
                    Rule::UnknownProperty,
                    &path,
                    format!("nobody here knows the property {name}"),
                    fix,
                );
            }
            continue;
        };
        if let Some(complaint) = property.complaint(value) {
            let fix = quoted_if_that_helps(property, value);
            document.at_value(Rule::WrongType, &path, format!("{name} {complaint}"), fix);
            continue;
        }
        check_inside(document, &path, &property.kind, value);
    }
    for property in known().filter(|property| property.is_required) {
        let is_there = |name: &str| map.get(name).is_some_and(|value| *value != Value::Null);
        if !is_there(property.name) && !property.alternatives.iter().any(|name| is_there(name)) {
            let message = format!("{} is missing: {}", property.name, property.about);
            document.at_key(Rule::MissingProperty, path, message, None);
        }
    }
}

fn check_inside(document: &mut Document<'_>, path: &Path, kind: &Kind, value: &Value) {
    match (kind, value) {
        (Kind::Map(table), Value::Map(map)) if !is_special(value) => {
            check_map(document, path, map, &[table], Others::AreRead(&[]));
        }
        (Kind::OpenMap(table), Value::Map(map)) if !is_special(value) => {
            check_map(document, path, map, &[table], Others::AreFree);
        }
        (Kind::MapOf(kind), Value::Map(map)) if !is_special(value) => {
            for (key, value) in map {
                check_element(document, &path.key(&key.to_string()), kind, value);
            }
        }
        (Kind::List(kind) | Kind::OneOrSeveral(kind), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                check_element(document, &path.index(index), kind, item);
            }
        }
        _ => {}
    }
}

fn check_element(document: &mut Document<'_>, path: &Path, kind: &'static Kind, value: &Value) {
    match kind.complaint(value) {
        Some(wanted) => {
            let message = format!("this must be {wanted}, not {}", value.kind());
            document.at_value(Rule::WrongType, path, message, None);
        }
        None => check_inside(document, path, kind, value),
    }
}

/// A CloudFormation function or a reference to another stack stands for the value.
fn is_special(value: &Value) -> bool {
    is_function(value) || value.get("Stack").is_some()
}

/// The value in quotes, when text is wanted and YAML took it for something else.
fn quoted_if_that_helps(property: &Property, value: &Value) -> Option<String> {
    match (property.kind, value) {
        (Kind::OneOrSeveral(_) | Kind::List(_), Value::String(text)) => Some(format!("[{text}]")),
        _ => None,
    }
}

/// Ports of a load balancer.
fn check_ports(document: &mut Document<'_>, component: &ComponentEntry<'_>) {
    for name in ["HTTPPort", "HealthCheckPort"] {
        if let Some(value) = component.body.get(name) {
            check_port(document, &component.path.key(name), name, value);
        }
    }
}

/// A port that is a number outside of what there is.
pub(super) fn check_port(document: &mut Document<'_>, path: &Path, name: &str, value: &Value) {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    if number.is_some_and(|number| !(1..=65535).contains(&number)) {
        document.at_value(Rule::Port, path, format!("{name} must be from 1 to 65535"), None);
    }
}

fn check_scaling(document: &mut Document<'_>, component: &ComponentEntry<'_>) {
    let Some(Value::Map(rules)) = component.body.get("AutoScaling") else {
        return;
    };
    let path = component.path.key("AutoScaling");
    let value = |name: &str| {
        rules
            .get(name)
            .filter(|value| **value != Value::Null && !is_templated(value))
    };
    for (name, problem) in group_rules(component.name, rules) {
        if value(&name).is_some() {
            document.at_value(Rule::Scaling, &path.key(&name), format!("{name} {problem}"), None);
        }
    }
    let number = |name: &str| value(name).and_then(integer);
    if let (Some(minimum), Some(maximum)) = (number("Minimum"), number("Maximum"))
        && minimum > maximum
    {
        let message = format!("Minimum is {minimum}, more than Maximum, which is {maximum}");
        document.at_value(Rule::Scaling, &path.key("Minimum"), message, None);
    }
    if let (Some(desired), Some(maximum)) = (number("DesiredCapacity"), number("Maximum"))
        && desired > maximum
    {
        let message = format!("DesiredCapacity is {desired}, more than Maximum, which is {maximum}");
        document.at_value(Rule::Scaling, &path.key("DesiredCapacity"), message, None);
    }
    let has_metric = rules.contains_key("MetricType");
    for name in ["ScaleUpThreshold", "ScaleDownThreshold", "Target"] {
        if rules.contains_key(name) && !has_metric {
            let message = format!("{name} means nothing without MetricType");
            document.at_key(
                Rule::Scaling,
                &path.key(name),
                message,
                Some("MetricType: CPU".to_owned()),
            );
        }
    }
}

/// The load balancers that a group names must be there, of the generation that it says.
fn check_balancers(document: &mut Document<'_>, group: &ComponentEntry<'_>, components: &[ComponentEntry<'_>]) {
    for (property, is_current) in [("ElasticLoadBalancer", false), ("ElasticLoadBalancerV2", true)] {
        let path = group.path.key(property);
        let named: Vec<(Path, &str)> = match group.body.get(property) {
            Some(Value::String(name)) => vec![(path, name)],
            Some(Value::List(items)) => items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| Some((path.index(index), item.as_str()?)))
                .collect(),
            _ => continue,
        };
        for (path, name) in named.into_iter().filter(|(_, name)| !name.contains("{{")) {
            check_balancer(document, &path, name, property, is_current, components);
        }
    }
}

fn check_balancer(
    document: &mut Document<'_>,
    path: &Path,
    name: &str,
    property: &str,
    is_current: bool,
    components: &[ComponentEntry<'_>],
) {
    let resource = if is_current {
        format!("{name}TargetGroup")
    } else {
        name.to_owned()
    };
    let resources = document.section("Resources").and_then(Value::as_map);
    if resources.is_some_and(|resources| resources.contains_key(resource.as_str())) {
        return;
    }
    if let Some(found) = components.iter().find(|component| component.name == name) {
        let other = if is_current {
            "ElasticLoadBalancer"
        } else {
            "ElasticLoadBalancerV2"
        };
        match found.component_type.and_then(generation) {
            Some(generation) if generation != is_current => {
                let message = format!("{name} is a load balancer of the other generation");
                document.at_value(Rule::UnknownComponent, path, message, Some(format!("{other}: {name}")));
            }
            None if found.component_type.is_some() => {
                let message = format!("{name} is no load balancer");
                document.at_value(Rule::UnknownComponent, path, message, None);
            }
            _ => {}
        }
        return;
    }
    let balancers = components
        .iter()
        .filter(|component| component.component_type.and_then(generation) == Some(is_current))
        .map(|component| component.name);
    let fix = nearest(name, balancers).map(str::to_owned);
    let message = format!("{property} names {name}, and no component or resource is called so");
    document.at_value(Rule::UnknownComponent, path, message, fix);
}

/// Whether a load balancer is of the current generation; nothing for what is none.
fn generation(component_type: ComponentType) -> Option<bool> {
    match component_type {
        ComponentType::ElasticLoadBalancer | ComponentType::WeightedDnsElasticLoadBalancer => Some(false),
        ComponentType::ElasticLoadBalancerV2 | ComponentType::WeightedDnsElasticLoadBalancerV2 => Some(true),
        _ => None,
    }
}
