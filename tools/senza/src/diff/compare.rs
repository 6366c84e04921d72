//! Two templates compared, property by property.

use std::collections::BTreeSet;

use serde_json::{Map as JsonMap, Value as Json};

use super::lines;
use super::{Action, Change, PropertyChange};

type Template = JsonMap<String, Json>;

/// The sections whose members have names; everything else is one value.
const NAMED_SECTIONS: [&str; 7] = [
    "Conditions",
    "Hooks",
    "Mappings",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// By which of its keys an element of a list is known, so that one that moved has not changed.
const IDENTITIES: [&str; 6] = ["Key", "DeviceName", "PolicyName", "Name", "Id", "Sid"];

/// What differs between two templates, by section and name.
pub(super) fn templates(before: &Template, after: &Template) -> Vec<Change> {
    let mut changes = Vec::new();
    for section in keys(before, after) {
        let (old, new) = (before.get(section), after.get(section));
        if NAMED_SECTIONS.contains(&section.as_str()) {
            let empty = Template::new();
            let members = |side: Option<&'_ Json>| side.and_then(Json::as_object).cloned();
            let (old, new) = (members(old), members(new));
            let (old, new) = (old.as_ref().unwrap_or(&empty), new.as_ref().unwrap_or(&empty));
            changes.extend(keys(old, new).filter_map(|name| member(section, name, old.get(name), new.get(name))));
        } else {
            changes.extend(member("Template", section, old, new));
        }
    }
    changes
}

fn keys<'a>(before: &'a Template, after: &'a Template) -> impl Iterator<Item = &'a String> {
    before.keys().chain(after.keys()).collect::<BTreeSet<_>>().into_iter()
}

fn member(section: &str, name: &str, before: Option<&Json>, after: Option<&Json>) -> Option<Change> {
    if before == after {
        return None;
    }
    let action = match (before, after) {
        (None, _) => Action::Add,
        (_, None) => Action::Remove,
        _ => Action::Modify,
    };
    let mut properties = Vec::new();
    walk("", before, after, &mut properties);
    let resource_type = |side: Option<&Json>| Some(side?.get("Type")?.as_str()?.to_owned());
    let is_resource = section == "Resources";
    if is_resource {
        // People know a resource by its properties; what stands beside them keeps its own name.
        for property in &mut properties {
            if let Some(inner) = property.path.strip_prefix("Properties/") {
                property.path = inner.to_owned();
            }
        }
        if action != Action::Modify {
            properties.retain(|property| property.path != "Type");
        }
    }
    Some(Change {
        section: section.to_owned(),
        name: name.to_owned(),
        resource_type: resource_type(after).or(resource_type(before)).filter(|_| is_resource),
        action,
        replacement: None,
        properties,
    })
}

/// Adds what differs at `path`: at the deepest place where it still makes sense to a person.
fn walk(path: &str, before: Option<&Json>, after: Option<&Json>, changes: &mut Vec<PropertyChange>) {
    if before == after {
        return;
    }
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    if let Some(lines) = lines::differing(before, after) {
        changes.push(PropertyChange {
            path: path.to_owned(),
            lines,
            ..PropertyChange::default()
        });
        return;
    }
    match (map_of(before), map_of(after)) {
        // Of an empty map there is nothing to compare but itself.
        (Some(old), Some(new))
            if (before.is_none() && !new.is_empty())
                || (after.is_none() && !old.is_empty())
                || !(old.is_empty() || new.is_empty()) =>
        {
            for name in keys(old, new) {
                walk(&below(name), old.get(name), new.get(name), changes);
            }
            return;
        }
        _ => {}
    }
    if let (Some(Json::Array(old)), Some(Json::Array(new))) = (before, after) {
        if let Some((identity, names)) = identified(old, new) {
            for name in names {
                let find = |items: &'_ [Json]| items.iter().find(|item| item.get(identity) == Some(&name)).cloned();
                let label = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                walk(&below(&label), find(old).as_ref(), find(new).as_ref(), changes);
            }
            return;
        }
        if old.len() == new.len() && old.iter().chain(new).all(Json::is_object) {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                walk(&below(&(index + 1).to_string()), Some(old), Some(new), changes);
            }
            return;
        }
    }
    changes.push(PropertyChange {
        path: path.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        ..PropertyChange::default()
    });
}

/// A map whose members are compared one by one; what is absent counts as an empty one. A CloudFormation function is one value.
fn map_of(value: Option<&Json>) -> Option<&Template> {
    static EMPTY: std::sync::LazyLock<Template> = std::sync::LazyLock::new(Template::new);
    match value {
        None => Some(&EMPTY),
        Some(Json::Object(map)) if !is_function(map) => Some(map),
        Some(_) => None,
    }
}

fn is_function(map: &Template) -> bool {
    map.len() == 1 && map.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// The key by which all elements of both lists can be told apart, and its values in order.
fn identified(before: &[Json], after: &[Json]) -> Option<(&'static str, Vec<Json>)> {
    IDENTITIES.iter().find_map(|identity| {
        let names = |items: &[Json]| -> Option<Vec<Json>> {
            let names: Vec<Json> = items
                .iter()
                .map(|item| item.get(identity).filter(|name| name.is_string()).cloned())
                .collect::<Option<_>>()?;
            let distinct = names.iter().map(Json::to_string).collect::<BTreeSet<_>>();
            (distinct.len() == names.len()).then_some(names)
        };
        let mut all = names(before)?;
        for name in names(after)? {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        (!all.is_empty()).then_some((*identity, all))
    })
}

/// `template` with the stack name `from` replaced by `to` wherever it stands alone: two versions of an application differ in
/// it everywhere, which is no change to look at.
pub(super) fn renamed(template: &Template, from: &str, to: &str) -> Template {
    if from == to || from.is_empty() {
        return template.clone();
    }
    template
        .iter()
        .map(|(key, value)| (key.clone(), renamed_value(value, from, to)))
        .collect()
}

fn renamed_value(value: &Json, from: &str, to: &str) -> Json {
    match value {
        Json::String(text) => Json::from(renamed_text(text, from, to)),
        Json::Array(items) => items.iter().map(|item| renamed_value(item, from, to)).collect(),
        Json::Object(map) => Json::Object(renamed(map, from, to)),
        other => other.clone(),
    }
}

fn renamed_text(text: &str, from: &str, to: &str) -> String {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find(from) {
        let (before, found) = rest.split_at(position);
        let after = &found[from.len()..];
        renamed.push_str(before);
        let alone = !is_part(renamed.chars().next_back()) && !is_part(after.chars().next());
        renamed.push_str(if alone { to } else { from });
        rest = after;
    }
    renamed + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn compared(before: &Json, after: &Json) -> Vec<(String, Action, Vec<String>)> {
        templates(before.as_object().unwrap(), after.as_object().unwrap())
            .into_iter()
            .map(|change| {
                let shown = |side: &Option<Json>| side.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
                let properties = change.properties.iter();
                (
                    format!("{}/{}", change.section, change.name),
                    change.action,
                    properties
                        .map(|change| format!("{}: {} {}", change.path, shown(&change.before), shown(&change.after)))
                        .collect(),
                )
            })
            .collect()
    }

    fn resource(properties: &Json) -> Json {
        json!({"Resources": {"A": {"Type": "AWS::X::Y", "Properties": properties}}})
    }

    fn properties(before: &Json, after: &Json) -> Vec<String> {
        let mut changes = compared(&resource(before), &resource(after));
        assert_eq!(changes.len(), 1);
        changes.remove(0).2
    }

    #[test]
    fn resources_are_compared_by_name_and_property() {
        let before = json!({
            "Description": "a",
            "Resources": {"A": {"Type": "T", "Properties": {"X": 1, "Y": {"Z": [1]}}, "DependsOn": "B"}, "Old": {"Type": "T"}},
        });
        let after = json!({
            "Description": "b",
            "Resources": {"A": {"Type": "T", "Properties": {"X": 2, "Y": {"Z": [1, 2]}, "N": null}}, "New": {"Type": "U", "Properties": {"P": {"Q": 1}}}},
            "Outputs": {"O": {"Value": 1}},
        });
        let expected = [
            ("Template/Description", Action::Modify, vec![": \"a\" \"b\""]),
            ("Outputs/O", Action::Add, vec!["Value: - 1"]),
            (
                "Resources/A",
                Action::Modify,
                vec!["DependsOn: \"B\" -", "N: - null", "X: 1 2", "Y/Z: [1] [1,2]"],
            ),
            ("Resources/New", Action::Add, vec!["P/Q: - 1"]),
            ("Resources/Old", Action::Remove, vec![]),
        ];
        let expected = expected.map(|(name, action, lines)| {
            (
                name.to_owned(),
                action,
                lines.into_iter().map(str::to_owned).collect::<Vec<_>>(),
            )
        });
        assert_eq!(compared(&before, &after), expected);
        assert_eq!(compared(&before, &before), []);
    }

    #[test]
    fn elements_are_known_by_their_names_and_functions_are_one_value() {
        assert_eq!(
            properties(
                &json!({"Tags": [{"Key": "a", "Value": 1}, {"Key": "b", "Value": 2}]}),
                &json!({"Tags": [{"Key": "b", "Value": 2}, {"Key": "c", "Value": 3}, {"Key": "a", "Value": 9}]})
            ),
            ["Tags/a/Value: 1 9", "Tags/c/Key: - \"c\"", "Tags/c/Value: - 3"]
        );
        assert_eq!(
            properties(&json!({"R": {"Ref": "X"}}), &json!({"R": {"Ref": "Y"}})),
            ["R: {\"Ref\":\"X\"} {\"Ref\":\"Y\"}"]
        );
        assert_eq!(
            properties(&json!({"L": [{"P": 1}]}), &json!({"L": [{"P": 2}]})),
            ["L/1/P: 1 2"]
        );
        assert_eq!(properties(&json!({"L": {}}), &json!({"L": 1})), ["L: {} 1"]);
    }

    #[test]
    fn the_name_of_the_other_version_is_no_difference() {
        for (text, expected) in [
            ("hello-v1", "hello-v2"),
            ("hello-v1.example.org and hello-v1", "hello-v2.example.org and hello-v2"),
            ("hello-v10 my-hello-v1 hello-v1-x", "hello-v10 my-hello-v1 hello-v1-x"),
            ("", ""),
        ] {
            assert_eq!(renamed_text(text, "hello-v1", "hello-v2"), expected);
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            "[ab\n]{0,4}".prop_map(Json::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec(
                    (
                        prop::sample::select(vec!["Key", "Ref", "Fn::Join", "Fn::Base64", "A", "Resources"]),
                        inner
                    ),
                    0..4
                )
                .prop_map(|entries| entries
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        /// Any two templates can be compared, and only equal ones have no difference.
        #[test]
        fn only_equal_templates_do_not_differ(before in any_json(), after in any_json()) {
            let section = |value: Json| Template::from_iter([("Metadata".to_owned(), value)]);
            let (before, after) = (section(before), section(after));
            let changes = templates(&before, &after);
            prop_assert_eq!(changes.is_empty(), before == after);
        }
    }
}
