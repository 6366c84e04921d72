//! User data for Taupage: the text that instances read when they start.

use serde_json::{Value as Json, json};
use stups_yaml::{Map, Value};

use crate::Compatibility;

/// The first line, by which Taupage knows its configuration.
const HEADER: &str = "#taupage-ami-config\n";

/// The configuration as text. CloudFormation functions (maps with the one key `Ref` or `Fn::...`, at any depth) can't be
/// text yet: they split it, and CloudFormation joins the parts (`{Fn::Join: ["", [text, function, text, ...]]}`).
pub(crate) fn user_data(config: &Value, compatibility: Compatibility) -> Json {
    let mut functions = Vec::new();
    let marker = unused_marker(config);
    let marked = mark_functions(config, &marker, &mut functions);
    let text = format!("{HEADER}{}", stups_yaml::dump(&marked));
    if functions.is_empty() {
        return Json::from(text);
    }
    // A marker ends with `X` so that the first is no prefix of the eleventh.
    let mut parts = Vec::with_capacity(functions.len() * 2 + 1);
    let mut rest = text.as_str();
    // The writer sorts keys, so functions come in another order than they were met in.
    while let Some((before, after)) = rest.split_once(&marker) {
        let Some((number, after)) = after.split_once('X') else {
            break;
        };
        let function = number.parse().ok().and_then(|index: usize| functions.get(index));
        parts.push(Json::from(before));
        parts.push(match (function, compatibility) {
            (Some(function), Compatibility::Senza3) => function.clone(),
            (Some(function), Compatibility::Senza2) => doubled_quotes(function),
            (None, _) => Json::from(""),
        });
        rest = after;
    }
    parts.push(Json::from(rest));
    json!({"Fn::Join": ["", parts]})
}

/// Text that YAML writes plain and that occurs nowhere in `config`.
fn unused_marker(config: &Value) -> String {
    let all = config.to_json().to_string();
    let mut marker = "CloudFormationFunction".to_owned();
    while all.contains(&marker) {
        marker.push('Q');
    }
    marker
}

/// `node` with markers in place of functions.
fn mark_functions(node: &Value, marker: &str, functions: &mut Vec<Json>) -> Value {
    match node {
        Value::Map(map) if is_function(map) => {
            functions.push(node.to_json());
            Value::from(format!("{marker}{}X", functions.len() - 1))
        }
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), mark_functions(value, marker, functions)))
                .collect(),
        ),
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| mark_functions(item, marker, functions))
                .collect(),
        ),
        scalar => scalar.clone(),
    }
}

fn is_function(map: &Map) -> bool {
    map.len() == 1
        && map
            .keys()
            .filter_map(stups_yaml::Key::as_str)
            .any(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// What senza 2.1 makes of a function that contains quotes: it finds functions in YAML text, where quotes are doubled, and
/// leaves them so.
fn doubled_quotes(json: &Json) -> Json {
    match json {
        Json::String(text) => Json::from(text.replace('\'', "''")),
        Json::Array(items) => items.iter().map(doubled_quotes).collect(),
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| (key.replace('\'', "''"), doubled_quotes(value)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(text: &str) -> Value {
        stups_yaml::load(text).unwrap()
    }

    fn text(yaml: &str) -> String {
        match user_data(&load(yaml), Compatibility::Senza2) {
            Json::String(text) => text,
            other => panic!("not text: {other}"),
        }
    }

    #[test]
    fn plain_configuration_is_text_with_sorted_keys() {
        assert_eq!(
            text("runtime: Docker\nports: {8080: 8080, 80: 80}\nenvironment: {B: '1', A: 'yes'}\nlist: [a, {c: d}]\n"),
            "#taupage-ami-config\nenvironment:\n  A: 'yes'\n  B: '1'\nlist:\n- a\n- c: d\nports:\n  80: 80\n  8080: 8080\nruntime: Docker\n"
        );
    }

    #[test]
    fn a_version_that_looks_like_a_number_stays_text() {
        assert_eq!(
            text(
                "runtime: Docker\nsource: foo/bar\nmint_bucket: zalando-mint-bucket\nports: {80: 80}\n\
                 environment: {ENV2: v2, ENV1: v1}\napplication_version: '123'\napplication_id: test\n"
            ),
            "#taupage-ami-config\napplication_id: test\napplication_version: '123'\nenvironment:\n  ENV1: v1\n  ENV2: v2\n\
             mint_bucket: zalando-mint-bucket\nports:\n  80: 80\nruntime: Docker\nsource: foo/bar\n"
        );
    }

    #[test]
    fn scalars_are_written_as_pyyaml_writes_them() {
        // Which texts are quoted how is the YAML crate's own test.
        for (text, emitted) in [("0755", "'0755'"), ("a: b", "'a: b'"), ("it's", "it's"), ("=eq", "=eq")] {
            let map = Map::from_iter([("k".into(), Value::from(text))]);
            let expected = format!("#taupage-ami-config\nk: {emitted}\n");
            assert_eq!(user_data(&Value::Map(map), Compatibility::Senza2), json!(expected));
        }
        for (yaml, expected) in [
            ("k: \"multi\\nline\"", "k: 'multi\n\n  line'\n"),
            ("k: \"a\\n b\"", "k: \"a\\n b\"\n"),
            ("k: \"a\\tb\"", "k: \"a\\tb\"\n"),
            ("k: ü", "k: \"\\xFC\"\n"),
            ("k: \"\\U0001F600\"", "k: \"\\U0001F600\"\n"),
            ("k: 5", "k: 5\n"),
            ("k: 1.5", "k: 1.5\n"),
            ("k: yes", "k: true\n"),
            ("k: ~", "k: null\n"),
            ("k: {}", "k: {}\n"),
            ("k: []", "k: []\n"),
        ] {
            assert_eq!(text(yaml), format!("#taupage-ami-config\n{expected}"), "{yaml}");
        }
    }

    #[test]
    fn functions_split_the_text() {
        let config = load(
            "b: {Ref: Bucket}\na:\n- x\n- {'Fn::GetAtt': [A, Arn]}\nc: {d: {'Fn::Join': ['-', [{Ref: X}, y]]}}\ne: {Reference: z}\n",
        );
        for compatibility in [Compatibility::Senza2, Compatibility::Senza3] {
            assert_eq!(
                user_data(&config, compatibility),
                json!({"Fn::Join": ["", [
                    "#taupage-ami-config\na:\n- x\n- ",
                    {"Fn::GetAtt": ["A", "Arn"]},
                    "\nb: ",
                    {"Ref": "Bucket"},
                    "\nc:\n  d: ",
                    {"Fn::Join": ["-", [{"Ref": "X"}, "y"]]},
                    "\ne:\n  Reference: z\n",
                ]]})
            );
        }
    }

    #[test]
    fn quotes_inside_functions_are_doubled_as_senza_2_does() {
        let config = load("a: {'Fn::Sub': \"it's ü\"}");
        let function = |compatibility| user_data(&config, compatibility).pointer("/Fn::Join/1/1").cloned();
        assert_eq!(function(Compatibility::Senza2), Some(json!({"Fn::Sub": "it''s ü"})));
        assert_eq!(function(Compatibility::Senza3), Some(json!({"Fn::Sub": "it's ü"})));
    }

    #[test]
    fn text_like_a_marker_stays_text() {
        let config = load("a: CloudFormationFunction0X\nb: {Ref: C}");
        assert_eq!(
            user_data(&config, Compatibility::Senza3),
            json!({"Fn::Join": ["", ["#taupage-ami-config\na: CloudFormationFunction0X\nb: ", {"Ref": "C"}, "\n"]]})
        );
    }

    #[test]
    fn many_functions_are_told_apart() {
        let mut map = Map::new();
        for index in 0..12 {
            let mut function = Map::new();
            function.insert("Ref".into(), Value::from(format!("R{index}")));
            map.insert(format!("k{index}").into(), Value::Map(function));
        }
        let joined = user_data(&Value::Map(map), Compatibility::Senza3);
        let parts = joined.pointer("/Fn::Join/1").and_then(Json::as_array).unwrap();
        for (key, function) in parts.iter().zip(&parts[1..]).step_by(2) {
            let name = function.get("Ref").and_then(Json::as_str).unwrap();
            assert!(
                key.as_str()
                    .unwrap()
                    .ends_with(&format!("{}: ", name.replace('R', "k")))
            );
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Int(number.into())),
            ".{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec(("[a-zA-Z0-9 _:]{1,8}", inner), 0..4).prop_map(|entries| Value::Map(
                    entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
                )),
            ]
        })
    }

    /// Equal, whatever the order of keys.
    fn same(left: &Value, right: &Value) -> bool {
        match (left, right) {
            (Value::Map(left), Value::Map(right)) => {
                left.len() == right.len()
                    && left.iter().all(|(key, value)| {
                        right
                            .iter()
                            .any(|(other, other_value)| key == other && same(value, other_value))
                    })
            }
            (Value::List(left), Value::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
            }
            (left, right) => left == right,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(entries in prop::collection::vec(("[a-z]{1,6}", values()), 1..5)) {
            let config = Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect());
            if let Json::String(text) = user_data(&config, Compatibility::Senza2) {
                prop_assert!(text.starts_with(HEADER));
                prop_assert!(text.is_ascii());
                let read = stups_yaml::load(&text).unwrap();
                prop_assert!(same(&read, &config), "{text}");
            }
        }
    }
}
