//! `SenzaInfo`.

use stups_yaml::{Map, Value};

use super::Rule;
use super::document::{Document, Path, is_templated};
use crate::Compatibility;
use crate::components::{SENZA_INFO, nearest};

/// The keys that Senza reads; every other is data for templates.
fn known_keys() -> impl Iterator<Item = &'static str> {
    SENZA_INFO.iter().map(|key| key.name).chain(["StackVersion"])
}

pub(super) fn check(document: &mut Document<'_>) {
    let path = Path::to("SenzaInfo");
    let Some(value) = document.section("SenzaInfo") else {
        let fix = Some("SenzaInfo: {StackName: my-application}".to_owned());
        document.at_value(Rule::Info, &Path::default(), "SenzaInfo is missing", fix);
        return;
    };
    // What is no map is noted with the other sections.
    let Value::Map(info) = value else { return };
    check_stack_name(document, info, &path);
    for (key, value) in info {
        let name = key.to_string();
        if known_keys().any(|known| known == name) {
            continue;
        }
        if let Some(known) = nearest(&name, known_keys()).filter(|known| is_misspelling(&name, known)) {
            let message = format!("nobody reads \"{name}\" but templates");
            document.at_key(Rule::InfoKey, &path.key(&name), message, Some(known.to_owned()));
        } else {
            check_value(document, &path, &name, value);
        }
    }
    if info.contains_key("StackVersion") {
        let message = "StackVersion is always the version of the command line";
        document.at_key(Rule::InfoKey, &path.key("StackVersion"), message, None);
    }
    if let Some(value) = info
        .get("Compatibility")
        .filter(|value| **value != Value::Null && !is_templated(value))
        && Compatibility::from_value(value).is_none()
    {
        document.at_value(
            Rule::Info,
            &path.key("Compatibility"),
            "Compatibility must be 2.1 or 3",
            None,
        );
    }
    if let Some(topic) = info
        .get("OperatorTopicId")
        .filter(|topic| !matches!(topic, Value::Null | Value::String(_)))
    {
        let message = format!(
            "OperatorTopicId must be the name or ARN of a topic, not {}",
            topic.kind()
        );
        document.at_value(Rule::Info, &path.key("OperatorTopicId"), message, None);
    }
    check_tags(document, info, &path.key("Tags"));
}

/// All of `SenzaInfo` becomes a mapping of the template, where CloudFormation takes text, numbers, truth values and lists.
fn check_value(document: &mut Document<'_>, path: &Path, name: &str, value: &Value) {
    let path = path.key(name);
    match value {
        Value::Map(inner) => {
            let message = format!(
                "{name} is a map, which CloudFormation refuses: SenzaInfo becomes a mapping of the template, whose values are text or lists"
            );
            let flat: Vec<String> = inner
                .keys()
                .take(3)
                .map(|key| format!("{name}{}", capitalised(&key.to_string())))
                .collect();
            let fix = (!flat.is_empty()).then(|| format!("a key for each value: {}", flat.join(", ")));
            document.at_value(Rule::InfoValue, &path, message, fix);
        }
        Value::Null => {
            let message = format!("{name} has no value, which CloudFormation refuses in a mapping");
            document.at_key(Rule::InfoValue, &path, message, Some(format!("{name}: ''")));
        }
        _ => {}
    }
    if !name.chars().all(|character| character.is_ascii_alphanumeric()) {
        let message = format!("CloudFormation takes only letters and digits in the keys of a mapping, not \"{name}\"");
        let words: Vec<String> = name
            .split(|character: char| !character.is_ascii_alphanumeric())
            .map(capitalised)
            .collect();
        document.at_key(
            Rule::InfoValue,
            &path,
            message,
            Some(words.concat()).filter(|fix| !fix.is_empty()),
        );
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn check_stack_name(document: &mut Document<'_>, info: &Map, path: &Path) {
    match info.get("StackName") {
        Some(Value::String(name)) if is_stack_name(name) || name.contains("{{") => {}
        Some(Value::String(name)) if !name.is_empty() => {
            let message = format!(
                "\"{name}\" is no name for a stack: it has letters, digits and dashes, and begins with a letter"
            );
            document.at_value(Rule::Info, &path.key("StackName"), message, None);
        }
        Some(Value::String(_) | Value::Null) | None => {
            document.at_key(Rule::Info, &path.key("StackName"), "StackName is missing", None);
        }
        Some(other) => {
            let message = format!("StackName must be text, not {}", other.kind());
            let fix = Some("put it in quotes".to_owned());
            document.at_value(Rule::Info, &path.key("StackName"), message, fix);
        }
    }
}

/// CloudFormation's rule.
pub(super) fn is_stack_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '-')
}

fn check_tags(document: &mut Document<'_>, info: &Map, path: &Path) {
    let wrong = |document: &mut Document<'_>, path: &Path, value: &Value| {
        let message = format!("Tags must be a map, or a list of maps, not {}", value.kind());
        document.at_value(Rule::Info, path, message, None);
    };
    let maps: Vec<(Path, &Map)> = match info.get("Tags") {
        None | Some(Value::Null) => return,
        Some(Value::Map(map)) => vec![(path.clone(), map)],
        Some(Value::List(items)) => {
            let mut maps = Vec::new();
            for (index, item) in items.iter().enumerate() {
                match item {
                    Value::Map(map) => maps.push((path.index(index), map)),
                    other => wrong(document, &path.index(index), other),
                }
            }
            maps
        }
        Some(other) => return wrong(document, path, other),
    };
    for (path, map) in maps {
        for (key, value) in map {
            if matches!(value, Value::List(_) | Value::Map(_) | Value::Null) {
                let message = format!("the tag {key} must be text, not {}", value.kind());
                document.at_value(Rule::Info, &path.key(&key.to_string()), message, None);
            }
        }
    }
}

/// Whether a name differs from a known one in case, or by a slip of the finger. `TagsOfTeam` is a name of its own.
fn is_misspelling(name: &str, known: &str) -> bool {
    let (name, known) = (name.to_lowercase(), known.to_lowercase());
    let slips = (known.len() / 4).clamp(1, 2);
    strsim::damerau_levenshtein(&name, &known) <= slips
}
