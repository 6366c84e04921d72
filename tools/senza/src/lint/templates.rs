//! Mustache templates: whether they can be read, use what is defined, and say what was meant.

use std::collections::BTreeSet;

use stups_yaml::{Key, Value};

use super::Rule;
use super::document::{Document, Path};
use crate::components::nearest;
use crate::template::account_info::NAMES;
use crate::template::mustache::{StandaloneLines, Template};

/// What every template may ask.
const ROOTS: [&str; 4] = ["AccountInfo", "Arguments", "SenzaComponents", "SenzaInfo"];
/// What HTML has other signs for.
const ESCAPED: [char; 5] = ['&', '<', '>', '"', '\''];

/// Where a template stands, which decides what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// in `SenzaInfo`, which is not there yet
    Info,
    /// in a parameter's default: the arguments are not there yet
    Default,
    Elsewhere,
}

pub(super) fn check(document: &mut Document<'_>) {
    let mut templates = Vec::new();
    collect(document.root(), &Path::default(), &mut templates);
    for (path, text) in templates {
        let place = place_of(&path);
        match Template::parse(text, StandaloneLines::Stay) {
            Ok(template) => {
                let mut names = BTreeSet::new();
                template.collect_names(&mut names);
                let has_sections = text.contains("{{#") || text.contains("{{^");
                for name in names {
                    check_name(document, &path, place, &name, has_sections);
                }
                check_escaping(document, &path, text);
            }
            Err(error) => document.at_words(Rule::Template, &path, "{{", error.to_string(), None),
        }
    }
}

/// All texts with tags in them, keys too.
fn collect<'a>(value: &'a Value, path: &Path, templates: &mut Vec<(Path, &'a str)>) {
    match value {
        Value::String(text) if text.contains("{{") => templates.push((path.clone(), text)),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.index(index), templates);
            }
        }
        Value::Map(map) => {
            for (key, value) in map {
                let path = path.key(&key.to_string());
                if let Key::String(text) = key
                    && text.contains("{{")
                {
                    templates.push((path.clone(), text));
                }
                collect(value, &path, templates);
            }
        }
        _ => {}
    }
}

fn place_of(path: &Path) -> Place {
    if !path.starts_with("SenzaInfo") {
        return Place::Elsewhere;
    }
    let is_default = path.last_key() == Some("Default") && path.to_string().starts_with("SenzaInfo/Parameters/");
    if is_default { Place::Default } else { Place::Info }
}

fn check_name(document: &mut Document<'_>, path: &Path, place: Place, name: &str, has_sections: bool) {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let undefined = |document: &mut Document<'_>, reason: String, fix: Option<String>| {
        document.at_words(Rule::UndefinedVariable, path, name, reason, fix);
    };
    match (root, rest.first()) {
        ("Arguments", Some(argument)) if place == Place::Default => {
            let reason = format!("the default of a parameter can't use another one, {argument}");
            undefined(document, reason, None);
        }
        ("Arguments", Some(argument)) => {
            let declared: Vec<&str> = document.parameters().iter().map(|parameter| parameter.name).collect();
            let known = || declared.iter().copied().chain(["region", "version"]);
            if !known().any(|name| name == *argument) {
                let fix = nearest(argument, known()).map_or_else(
                    || format!("declare the parameter: \"- {argument}: {{}}\" below SenzaInfo/Parameters"),
                    |known| format!("Arguments.{known}"),
                );
                undefined(document, format!("\"{name}\" is not defined"), Some(fix));
            }
        }
        ("AccountInfo", Some(field)) => {
            if !NAMES.contains(field) {
                let fix = nearest(field, NAMES).map(|known| format!("AccountInfo.{known}"));
                undefined(document, format!("\"{name}\" is not defined"), fix);
            }
        }
        ("SenzaInfo", Some(_)) if place == Place::Info => {
            let reason = format!("\"{name}\" can't be used within SenzaInfo itself");
            undefined(document, reason, None);
        }
        ("SenzaInfo", Some(_)) => {
            if let Some((wrong, known)) = missing_in_info(document, &rest) {
                let fix = nearest(&wrong, known.iter().map(String::as_str)).map(|known| name.replace(&wrong, known));
                undefined(document, format!("\"{name}\" is not defined"), fix);
            }
        }
        (root, _) if ROOTS.contains(&root) || has_sections => {}
        _ => {
            let guess = nearest(root, ROOTS).map(|known| name.replacen(root, known, 1));
            let argument = document.parameters().iter().any(|parameter| parameter.name == name);
            let fix = if argument {
                Some(format!("Arguments.{name}"))
            } else {
                guess
            };
            undefined(document, format!("\"{name}\" is not defined"), fix);
        }
    }
}

/// The part of a name that `SenzaInfo` does not have, and what there is instead; nothing when the name leads somewhere.
fn missing_in_info(document: &Document<'_>, parts: &[&str]) -> Option<(String, Vec<String>)> {
    let mut map = document.info()?;
    for part in parts {
        match map.get(*part) {
            Some(Value::Map(inner)) => map = inner,
            Some(_) => return None,
            None if *part == "StackVersion" => return None,
            None => return Some(((*part).to_owned(), map.keys().map(ToString::to_string).collect())),
        }
    }
    None
}

/// `{{name}}` writes HTML: a value with `&` in it arrives as `&amp;`.
fn check_escaping(document: &mut Document<'_>, path: &Path, text: &str) {
    for (position, _) in text.match_indices("{{") {
        let rest = &text[position + 2..];
        let Some((name, _)) = rest.split_once("}}") else {
            continue;
        };
        let is_raw = name.starts_with(['{', '&', '#', '^', '/', '!', '=', '>']) || text[..position].ends_with('{');
        let name = name.trim();
        if is_raw || name.is_empty() {
            continue;
        }
        if let Some(value) = known_value(document, name).filter(|value| value.contains(ESCAPED)) {
            let sample: String = value
                .chars()
                .filter(|character| ESCAPED.contains(character))
                .take(3)
                .collect();
            let message = format!("{{{{{name}}}}} writes HTML, and {name} has {sample} in it");
            document.at_words(Rule::Escaping, path, name, message, Some(format!("{{{{{{{name}}}}}}}")));
        }
    }
}

/// The value that a name is known to have: a default, or what `SenzaInfo` says.
fn known_value(document: &Document<'_>, name: &str) -> Option<String> {
    if let Some(argument) = name.strip_prefix("Arguments.") {
        let parameters = document.parameters();
        let parameter = parameters.iter().find(|parameter| parameter.name == argument)?;
        let default = parameter.body.get("Default").and_then(Value::as_str).map(str::to_owned);
        let allowed = parameter
            .body
            .get("AllowedValues")
            .and_then(Value::as_list)
            .unwrap_or_default();
        return default
            .into_iter()
            .chain(allowed.iter().filter_map(|value| Some(value.as_str()?.to_owned())))
            .find(|value| value.contains(ESCAPED));
    }
    let mut value: Option<&Value> = None;
    for part in name.strip_prefix("SenzaInfo.")?.split('.') {
        value = match value {
            None => document.info()?.get(part),
            Some(Value::Map(map)) => map.get(part),
            Some(_) => None,
        };
        value?;
    }
    value.and_then(Value::as_str).map(str::to_owned)
}
