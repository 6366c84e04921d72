//! The sections of a definition and the maps in them.

use stups_yaml::{Key, Value};

use super::Rule;
use super::document::{Document, Path};
use crate::components::nearest;

/// The sections of a definition: Senza's two, and CloudFormation's.
const SECTIONS: [&str; 12] = [
    "SenzaInfo",
    "SenzaComponents",
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// Checks the sections. Whether the document is a map at all, so that there is more to look at.
pub(super) fn check(document: &mut Document<'_>) -> bool {
    let Value::Map(root) = document.root() else {
        let message = format!("a definition is a map with SenzaInfo, not {}", document.root().kind());
        document.at_value(Rule::Shape, &Path::default(), message, None);
        return false;
    };
    for (key, value) in root {
        let name = key.to_string();
        let path = Path::to(&name);
        if name == "Transform" || SECTIONS.contains(&name.as_str()) {
            check_section(document, &name, &path, value);
        } else {
            let fix = nearest(&name, SECTIONS).map(str::to_owned);
            document.at_key(Rule::Shape, &path, format!("there is no section \"{name}\""), fix);
        }
    }
    check_components(document);
    check_resources(document);
    true
}

fn check_section(document: &mut Document<'_>, name: &str, path: &Path, value: &Value) {
    let is_right = match (name, value) {
        (_, Value::Null) | ("Transform", _) => true,
        ("SenzaComponents", value) => matches!(value, Value::List(_)),
        ("Description" | "AWSTemplateFormatVersion", value) => matches!(value, Value::String(_)),
        (_, value) => matches!(value, Value::Map(_)),
    };
    if !is_right {
        let wanted = match name {
            "SenzaComponents" => "a list of components",
            "Description" | "AWSTemplateFormatVersion" => "text",
            _ => "a map",
        };
        document.at_value(
            Rule::Shape,
            path,
            format!("{name} must be {wanted}, not {}", value.kind()),
            None,
        );
    }
}

fn check_components(document: &mut Document<'_>) {
    let list = document
        .section("SenzaComponents")
        .and_then(Value::as_list)
        .unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let path = Path::to("SenzaComponents").index(index);
        let Some((name, body)) = single_entry(document, &path, entry, "a component") else {
            continue;
        };
        let path = path.key(name);
        if names.contains(&name) {
            document.at_key(Rule::Shape, &path, format!("there are two components \"{name}\""), None);
        }
        names.push(name);
        if !matches!(body, Value::Map(_)) {
            let message = format!("{name} must be a map with Type, not {}", body.kind());
            document.at_value(Rule::Shape, &path, message, None);
        }
    }
}

fn check_resources(document: &mut Document<'_>) {
    let resources = document.section("Resources").and_then(Value::as_map);
    for (key, resource) in resources.into_iter().flatten() {
        let name = key.to_string();
        // Macros such as Fn::ForEach::<loop> have their own shapes.
        if name.starts_with("Fn::") {
            continue;
        }
        let path = Path::to("Resources").key(&name);
        match resource {
            Value::Map(map) if matches!(map.get("Type"), Some(Value::String(_))) => {}
            Value::Map(_) => {
                let message = format!("{name} has no Type (such as AWS::SNS::Topic)");
                document.at_key(Rule::Shape, &path, message, None);
            }
            other => {
                let message = format!("{name} must be a map, not {}", other.kind());
                document.at_value(Rule::Shape, &path, message, None);
            }
        }
    }
}

/// The name and body of a list entry that must be a map with exactly one key; notes when it is not.
pub(super) fn single_entry<'a>(
    document: &mut Document<'_>,
    path: &Path,
    entry: &'a Value,
    what: &str,
) -> Option<(&'a str, &'a Value)> {
    let map = match entry {
        Value::Map(map) => map,
        Value::String(name) => {
            let message = format!("a colon is missing after \"{name}\"");
            document.at_value(Rule::Shape, path, message, Some(format!("{name}:")));
            return None;
        }
        other => {
            let message = format!("{what} is a map with one key, its name, not {}", other.kind());
            document.at_value(Rule::Shape, path, message, None);
            return None;
        }
    };
    match (map.first(), map.len()) {
        (Some((Key::String(name), body)), 1) => Some((name, body)),
        (Some((key, _)), 1) => {
            let message = format!("the name \"{key}\" must be text");
            document.at_value(Rule::Shape, path, message, Some(format!("\"{key}\"")));
            None
        }
        (_, count) => {
            let message =
                format!("{what} is a map with one key, its name, and this has {count} (is the indentation right?)");
            document.at_value(Rule::Shape, path, message, None);
            None
        }
    }
}
