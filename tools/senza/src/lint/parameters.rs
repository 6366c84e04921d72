//! Parameters: how they are declared, and whether somebody uses them.

use std::collections::BTreeSet;

use stups_yaml::Value;

use super::Rule;
use super::document::{Document, Path, walk};
use super::shape::single_entry;
use crate::components::nearest;

/// What CloudFormation knows of a parameter.
const ATTRIBUTES: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

pub(super) fn check(document: &mut Document<'_>) {
    check_shape(document);
    let used = used_names(document);
    for parameter in document.parameters() {
        for (key, _) in parameter.body.as_map().into_iter().flatten() {
            let name = key.to_string();
            if !ATTRIBUTES.contains(&name.as_str()) {
                let fix = nearest(&name, ATTRIBUTES).map(str::to_owned);
                let message = format!("CloudFormation knows no \"{name}\" of a parameter");
                document.at_key(Rule::UnknownProperty, &parameter.path.key(&name), message, fix);
            }
        }
        if !used.contains(parameter.name) {
            let message = format!("nobody uses the parameter {}", parameter.name);
            document.at_key(Rule::UnusedParameter, &parameter.path, message, None);
        }
    }
}

fn check_shape(document: &mut Document<'_>) {
    let path = Path::to("SenzaInfo").key("Parameters");
    let list = match document.info().and_then(|info| info.get("Parameters")) {
        None | Some(Value::Null) => return,
        Some(Value::List(list)) => list,
        Some(other) => {
            let message = format!("Parameters must be a list of parameters, not {}", other.kind());
            let fix = Some("put \"- \" before each name".to_owned());
            document.at_value(Rule::Info, &path, message, fix);
            return;
        }
    };
    let mut names: Vec<&str> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let path = path.index(index);
        let Some((name, body)) = single_entry(document, &path, entry, "a parameter") else {
            continue;
        };
        let path = path.key(name);
        if !matches!(body, Value::Null | Value::Map(_)) {
            let message = format!("{name} must be a map, not {}", body.kind());
            document.at_value(Rule::Info, &path, message, None);
        }
        if ["region", "version"].contains(&name) {
            let message = format!("the name is taken: Arguments.{name} is always there");
            document.at_key(Rule::Info, &path, message, None);
        }
        if names.contains(&name) {
            document.at_key(Rule::Info, &path, format!("{name} is declared twice"), None);
        }
        names.push(name);
    }
}

/// The parameters that templates, references and substitutions name.
fn used_names(document: &Document<'_>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    walk(document.root(), &Path::default(), &mut |path, value| {
        let Value::String(text) = value else { return };
        if path.last_key() == Some("Ref") {
            used.insert(text.clone());
        }
        for (marker, end) in [("Arguments.", None), ("${", Some('}'))] {
            for (position, _) in text.match_indices(marker) {
                let rest = &text[position + marker.len()..];
                let is_inside = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
                let name: String = match end {
                    Some(end) => rest.chars().take_while(|character| *character != end).collect(),
                    None => rest.chars().take_while(|character| is_inside(*character)).collect(),
                };
                used.insert(name.trim().to_owned());
            }
        }
        // {{#Arguments}}{{Name}}{{/Arguments}}
        if text.contains("Arguments}}") {
            used.extend(text.split(['{', '}', '&', ' ']).map(str::to_owned));
        }
    });
    used.extend(keys_with_arguments(document.root()));
    used
}

/// Templates may stand in keys too.
fn keys_with_arguments(value: &Value) -> Vec<String> {
    let mut used = Vec::new();
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                let text = key.as_str().unwrap_or_default();
                for (position, marker) in text.match_indices("Arguments.") {
                    let rest = &text[position + marker.len()..];
                    used.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                }
                used.extend(keys_with_arguments(value));
            }
        }
        Value::List(items) => items.iter().for_each(|item| used.extend(keys_with_arguments(item))),
        _ => {}
    }
    used
}
