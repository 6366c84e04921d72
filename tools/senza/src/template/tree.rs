//! Rendering a document scalar by scalar.
//!
//! The original writes the whole document as YAML, renders that text and reads it back. Rendering each scalar alone gives the
//! same values without argument text ever being read as YAML: what PyYAML would write plain is resolved again after
//! rendering (`1{{Arguments.N}}` becomes a number), what it would quote stays text (`"{{Arguments.N}}"`: a leading brace is
//! always quoted).

use std::collections::BTreeSet;

use stups_yaml::{Key, Map, Value};

use super::mustache::{self, Renderer, StandaloneLines, Template};
use super::{account_info, python};

/// A template inside a document that could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub(crate) struct Error {
    /// where in the document: `SenzaComponents/AppServer/InstanceType`
    pub(crate) path: String,
    /// why
    pub(crate) reason: String,
}

/// Adds the names in all tags of `value` to `names`.
pub(crate) fn collect_names(value: &Value, names: &mut BTreeSet<String>) -> Result<(), Error> {
    let mut collect = |text: &str| {
        Template::parse(text, StandaloneLines::Stay)?.collect_names(names);
        Ok(None)
    };
    walk(value, &mut Path::default(), &mut collect).map(|_| ())
}

/// `value` with every text rendered in `context`: keys and values.
pub(crate) fn render(value: &Value, context: &Value) -> Result<Value, Error> {
    let mut renderer = Renderer::new(context);
    let mut render = |text: &str| {
        let template = Template::parse(text, StandaloneLines::Stay)?;
        let rendered = renderer.render(&template)?;
        Ok(if rendered == text {
            None
        } else if stups_yaml::dumps_plain(text) {
            // A plain scalar ends with its last visible character.
            Some(stups_yaml::resolve(rendered.trim_end_matches([' ', '\t', '\n'])))
        } else {
            Some(Value::String(rendered))
        })
    };
    walk(value, &mut Path::default(), &mut render)
}

/// The same tree with the keys of each map in PyYAML's order, which is the order everything is generated in.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Map(map) => Value::Map(
            stups_yaml::sorted(map)
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect(),
        ),
        scalar => scalar.clone(),
    }
}

/// Where a walk is.
#[derive(Debug, Default)]
struct Path(Vec<String>);

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SenzaInfo is rendered where it ends up; people know it by where they wrote it.
        match self.0.as_slice() {
            [mappings, senza, info, rest @ ..] if mappings == "Mappings" && senza == "Senza" && info == "Info" => {
                formatter.write_str("SenzaInfo")?;
                rest.iter().try_for_each(|part| write!(formatter, "/{part}"))
            }
            parts => formatter.write_str(&parts.join("/")),
        }
    }
}

/// Shows `visit` each text that may hold a tag; what it returns takes the text's place.
type Visit<'a> = &'a mut dyn FnMut(&str) -> Result<Option<Value>, mustache::Error>;

fn walk(value: &Value, path: &mut Path, visit: Visit<'_>) -> Result<Value, Error> {
    Ok(match value {
        Value::String(text) if text.contains("{{") => at(path, visit(text))?.unwrap_or_else(|| value.clone()),
        Value::List(items) => {
            let mut walked = Vec::with_capacity(items.len());
            for (position, item) in items.iter().enumerate() {
                // The entries of Senza's lists are maps with one key, a name: the name says more than a number.
                let named = item.as_map().is_some_and(|map| map.len() == 1);
                if !named {
                    path.0.push((position + 1).to_string());
                }
                walked.push(walk(item, path, visit)?);
                if !named {
                    path.0.pop();
                }
            }
            Value::List(walked)
        }
        Value::Map(map) => {
            let mut walked = Map::with_capacity(map.len());
            for (key, value) in map {
                path.0.push(key.to_string());
                let key = match key {
                    Key::String(text) if text.contains("{{") => {
                        at(path, visit(text))?.map_or_else(|| key.clone(), |rendered| to_key(&rendered))
                    }
                    key => key.clone(),
                };
                let value = walk(value, path, visit)?;
                if walked.contains_key(&key) {
                    return Err(Error {
                        path: path.to_string(),
                        reason: format!("after templating, two keys here are both \"{key}\""),
                    });
                }
                walked.insert(key, value);
                path.0.pop();
            }
            Value::Map(walked)
        }
        other => other.clone(),
    })
}

fn at<T>(path: &Path, result: Result<T, mustache::Error>) -> Result<T, Error> {
    result.map_err(|error| Error {
        path: path.to_string(),
        reason: account_info::with_all_names(error).to_string(),
    })
}

fn to_key(value: &Value) -> Key {
    match value {
        Value::Null => Key::Null,
        Value::Bool(value) => Key::Bool(*value),
        Value::Int(value) => Key::Int(*value),
        Value::Float(value) => Key::Float(value.to_bits()),
        other => Key::String(python::text(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn load(text: &str) -> Value {
        stups_yaml::load(text).unwrap()
    }

    fn render_in(document: &str, arguments: &serde_json::Value) -> Result<Value, String> {
        let context = Value::from(&json!({ "Arguments": arguments }));
        render(&load(document), &context).map_err(|error| error.to_string())
    }

    /// Each row was run through the original's dump, render and load.
    #[test]
    fn what_is_written_plain_is_resolved_again() {
        for (document, argument, expected) in [
            ("1{{Arguments.N}}", "2", Value::Int(12)),
            ("\"1{{Arguments.N}}\"", "2", Value::Int(12)),
            ("\"{{Arguments.N}}\"", "2", Value::from("2")),
            ("'{{Arguments.N}}'", "true", Value::from("true")),
            ("o{{Arguments.N}}", "n", Value::Bool(true)),
            ("0{{Arguments.N}}", "755", Value::Int(493)),
            ("-{{Arguments.N}}", "1", Value::Int(-1)),
            ("1.{{Arguments.N}}", "5", Value::Float(1.5)),
            ("12:{{Arguments.N}}", "30", Value::Int(750)),
            ("~{{Arguments.N}}", "", Value::Null),
            ("v{{Arguments.N}}", "1", Value::from("v1")),
            ("app {{Arguments.N}}", "", Value::from("app")),
            ("\"app: {{Arguments.N}}\"", "1", Value::from("app: 1")),
            ("\"a\\n1{{Arguments.N}}\"", "1", Value::from("a\n11")),
            ("2020-01-{{Arguments.N}}", "01", Value::from("2020-01-01")),
            ("x-{{Arguments.N}}", "a: b # c", Value::from("x-a: b # c")),
            ("x-{{Arguments.N}}", "it's", Value::from("x-it&#x27;s")),
            ("x-{{{Arguments.N}}}", "it's", Value::from("x-it's")),
        ] {
            assert_eq!(
                render_in(document, &json!({"N": argument})),
                Ok(expected),
                "{document} {argument}"
            );
        }
    }

    #[test]
    fn keys_are_rendered_too() {
        let rendered = render_in("{'80{{Arguments.N}}': a, '{{Arguments.N}}': b}", &json!({"N": "80"}));
        assert_eq!(rendered, Ok(load("{8080: a, '80': b}")));
        assert_eq!(
            render_in("a: {'{{Arguments.N}}': 1, b: 2}", &json!({"N": "b"})),
            Err("a/b: after templating, two keys here are both \"b\"".to_owned())
        );
    }

    #[test]
    fn errors_say_where() {
        for (document, path) in [
            (
                "SenzaComponents: [{AppServer: {Image: '{{x}}'}}]",
                "SenzaComponents/AppServer/Image",
            ),
            ("SenzaInfo: {Tags: [{Team: '{{x}}'}]}", "SenzaInfo/Tags/Team"),
            ("Mappings: {Senza: {Info: {StackName: '{{x}}'}}}", "SenzaInfo/StackName"),
            (
                "Resources: {A: {Properties: {List: [a, '{{x}}']}}}",
                "Resources/A/Properties/List/2",
            ),
            ("Resources: {'{{x}}': 1}", "Resources/{{x}}"),
        ] {
            let error = render_in(document, &json!({})).unwrap_err();
            assert!(error.starts_with(&format!("{path}: ")), "{error}");
        }
    }

    #[test]
    fn dynamic_references_keep_their_type_and_text() {
        for text in ["{{resolve:ssm:a}}", "x{{resolve:ssm:a}}", "1{{resolve:ssm:a}}"] {
            assert_eq!(render(&Value::from(text), &Value::Null), Ok(Value::from(text)));
        }
    }

    #[test]
    fn keys_are_sorted_where_python_can_compare_them() {
        let keys = |document: &str| -> Vec<String> {
            let sorted = sorted(&load(document));
            sorted.as_map().unwrap().keys().map(ToString::to_string).collect()
        };
        assert_eq!(keys("{b: 1, a: 2, B: 3}"), ["B", "a", "b"]);
        assert_eq!(keys("{10: 1, 9: 2}"), ["9", "10"]);
        assert_eq!(keys("{b: 1, yes: 2, a: 3}"), ["b", "true", "a"]);
    }

    #[test]
    fn names_are_collected_from_keys_and_values() {
        let mut names = BTreeSet::new();
        collect_names(&load("{'{{a}}': ['{{#b}}{{c.d}}{{/b}}', '{{resolve:x}}']}"), &mut names).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c.d"]);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Int(number.into())),
            any::<f64>()
                .prop_filter("comparable", |number| !number.is_nan())
                .prop_map(Value::Float),
            "[^{]*".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::vec(("[^{]{0,8}", inner), 0..5).prop_map(|entries| Value::Map(
                    entries
                        .into_iter()
                        .map(|(key, value)| (Key::from(key), value))
                        .collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_tree_without_tags_is_untouched(value in any_value()) {
            prop_assert_eq!(render(&value, &Value::Null), Ok(value));
        }

        #[test]
        fn argument_text_never_becomes_structure(argument in "\\PC*") {
            let rendered = render_in("a: ['{{{Arguments.N}}}', 'x: {{{Arguments.N}}}']", &json!({"N": argument}));
            prop_assert_eq!(rendered, Ok(Value::from(&json!({"a": [argument, format!("x: {argument}")]}))));
        }
    }
}
