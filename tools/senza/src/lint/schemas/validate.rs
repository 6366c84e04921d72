//! Properties against the schema of their resource type, as CloudFormation takes them: functions stand for any value, and text for
//! numbers and booleans. The schemas are JSON Schema (draft 7) within CloudFormation's meta-schema
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>); what they say of lengths, ranges
//! and patterns of values is left to CloudFormation.

use fancy_regex::Regex;
use serde_json::{Map as JsonMap, Value as Json};
use stups_yaml::Step;

use super::super::Rule;
use crate::components::nearest;

/// A schema that refers to itself without end is followed so far; properties nest less deep.
const DEEPEST: usize = 100;

/// What is wrong, and where below the properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) rule: Rule,
    pub(super) steps: Vec<Step>,
    pub(super) message: String,
    pub(super) fix: Option<String>,
}

/// Everything that is wrong with a resource's `properties`.
pub(super) fn problems(schema: &Json, properties: &Json) -> Vec<Problem> {
    let mut validation = Validation {
        root: schema,
        steps: Vec::new(),
        problems: Vec::new(),
        depth: 0,
    };
    validation.read_only(properties);
    validation.value(schema, properties);
    validation.problems
}

struct Validation<'a> {
    root: &'a Json,
    steps: Vec<Step>,
    problems: Vec<Problem>,
    depth: usize,
}

impl<'a> Validation<'a> {
    fn note(&mut self, rule: Rule, message: String, fix: Option<String>) {
        self.problems.push(Problem {
            rule,
            steps: self.steps.clone(),
            message,
            fix,
        });
    }

    fn below(&mut self, step: Step, schema: &'a Json, value: &Json) {
        self.steps.push(step);
        self.value(schema, value);
        self.steps.pop();
    }

    /// What only reading gives can't be set.
    fn read_only(&mut self, properties: &Json) {
        let read_only = self.root.get("readOnlyProperties").and_then(Json::as_array);
        let names = read_only
            .into_iter()
            .flatten()
            .filter_map(|path| path.as_str()?.strip_prefix("/properties/"));
        for name in names.filter(|name| properties.get(name).is_some()) {
            self.steps.push(Step::Key(name.to_owned()));
            self.note(Rule::SchemaProperty, "it can be read, and not set".to_owned(), None);
            self.steps.pop();
        }
    }

    fn value(&mut self, schema: &'a Json, value: &Json) {
        if self.depth == DEEPEST {
            return;
        }
        self.depth += 1;
        match function(value) {
            Some(("Fn::If", Json::Array(arguments))) => {
                for (index, branch) in arguments.iter().enumerate().skip(1) {
                    self.steps.extend([Step::Key("Fn::If".to_owned()), Step::Index(index)]);
                    self.value(schema, branch);
                    self.steps.truncate(self.steps.len().saturating_sub(2));
                }
            }
            // Only CloudFormation knows what becomes of it.
            Some(_) => {}
            None => self.plain(schema, value),
        }
        self.depth -= 1;
    }

    fn plain(&mut self, schema: &'a Json, value: &Json) {
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let referred = reference
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            if let Some(referred) = referred {
                self.value(referred, value);
            }
            return;
        }
        if !self.kind(schema, value) {
            return;
        }
        self.enumeration(schema, value);
        match value {
            Json::Object(map) => self.map(schema, map),
            Json::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.below(Step::Index(index), schema, item);
                    }
                }
            }
            _ => {}
        }
        for schema in alternatives(schema, "allOf") {
            self.value(schema, value);
        }
        for combination in ["anyOf", "oneOf"] {
            self.one_of(alternatives(schema, combination), value);
        }
    }

    /// Whether the value has a type of the schema.
    fn kind(&mut self, schema: &Json, value: &Json) -> bool {
        let names: Vec<&str> = match schema.get("type") {
            Some(Json::String(name)) => vec![name.as_str()],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => return true,
        };
        let fits = names.is_empty() || names.iter().any(|name| has_type(name, value));
        if !fits {
            let wanted: Vec<&str> = names.iter().map(|name| words(name)).collect();
            let message = format!("it must be {}, not {}", wanted.join(" or "), described(value));
            self.note(Rule::SchemaType, message, None);
        }
        fits
    }

    fn enumeration(&mut self, schema: &Json, value: &Json) {
        let (Some(allowed), Some(text)) = (schema.get("enum").and_then(Json::as_array), scalar(value)) else {
            return;
        };
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        if allowed.is_empty() || allowed.contains(&text) || is_dynamic(&text) {
            return;
        }
        let fix = nearest(&text, allowed.iter().map(String::as_str)).map(str::to_owned);
        let message = format!("\"{text}\" is none of its values: {}", allowed.join(", "));
        self.note(Rule::SchemaValue, message, fix);
    }

    fn map(&mut self, schema: &'a Json, map: &JsonMap<String, Json>) {
        // A macro puts in what is not seen here.
        let is_complete = !map.contains_key("Fn::Transform");
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if is_complete && map.get(name).is_none_or(is_no_value) {
                self.note(Rule::SchemaRequired, format!("{name} is missing"), None);
            }
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let patterns = schema.get("patternProperties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in map.iter().filter(|(name, _)| !name.starts_with("Fn::")) {
            let step = Step::Key(name.clone());
            let known = properties.and_then(|properties| properties.get(name));
            let by_pattern = || {
                let mut patterns = patterns?.iter();
                // One that can't be read forbids nothing.
                let found = patterns.find(|(pattern, _)| {
                    Regex::new(pattern).map_or(true, |pattern| pattern.is_match(name).unwrap_or(true))
                });
                found.map(|(_, schema)| schema)
            };
            let by_default = || others.filter(|others| others.is_object());
            match known.or_else(by_pattern).or_else(by_default) {
                Some(schema) => self.below(step, schema, value),
                None if others == Some(&Json::Bool(false)) => {
                    let names = properties.into_iter().flat_map(JsonMap::keys).map(String::as_str);
                    let fix = nearest(name, names).map(str::to_owned);
                    self.steps.push(step);
                    self.note(Rule::SchemaProperty, "there is no such property".to_owned(), fix);
                    self.steps.pop();
                }
                None => {}
            }
        }
    }

    /// One alternative has to fit; if none does, what the nearest one asks for is told.
    fn one_of(&mut self, schemas: &'a [Json], value: &Json) {
        let mut nearest: Option<Vec<Problem>> = None;
        for schema in schemas {
            let mut attempt = Validation {
                root: self.root,
                steps: self.steps.clone(),
                problems: Vec::new(),
                depth: self.depth,
            };
            attempt.value(schema, value);
            if attempt.problems.is_empty() {
                return;
            }
            if nearest
                .as_ref()
                .is_none_or(|known| attempt.problems.len() < known.len())
            {
                nearest = Some(attempt.problems);
            }
        }
        let missing: Option<Vec<&str>> = schemas.iter().map(only_required).collect();
        match (nearest, missing) {
            (Some(_), Some(names)) if names.len() > 1 => {
                self.note(
                    Rule::SchemaRequired,
                    format!("one of {} is missing", names.join(", ")),
                    None,
                );
            }
            (Some(problems), _) => self.problems.extend(problems),
            (None, _) => {}
        }
    }
}

fn alternatives<'a>(schema: &'a Json, name: &str) -> &'a [Json] {
    let list = schema.get(name).and_then(Json::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The one name that a schema requires, when that is all it says.
fn only_required(schema: &Json) -> Option<&str> {
    let schema = schema.as_object().filter(|schema| schema.len() == 1)?;
    match schema.get("required")?.as_array()?.as_slice() {
        [name] => name.as_str(),
        _ => None,
    }
}

/// The function that makes a value, and its argument.
fn function(value: &Json) -> Option<(&str, &Json)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

fn is_no_value(value: &Json) -> bool {
    value.get("Ref").and_then(Json::as_str) == Some("AWS::NoValue")
}

/// Whether CloudFormation looks the text up elsewhere.
fn is_dynamic(text: &str) -> bool {
    text.contains("{{resolve:")
}

fn has_type(name: &str, value: &Json) -> bool {
    let text = value.as_str();
    let reads = |read: fn(&str) -> bool| text.is_some_and(|text| read(text.trim()) || is_dynamic(text));
    match name {
        "string" => value.is_string() || value.is_number() || value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || reads(|text| text.parse::<i64>().is_ok()),
        "number" => value.is_number() || reads(|text| text.parse::<f64>().is_ok()),
        "boolean" => value.is_boolean() || reads(|text| ["true", "false"].contains(&text.to_lowercase().as_str())),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        // A type of a later draft forbids nothing.
        _ => true,
    }
}

fn words(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "object" => "a map",
        "array" => "a list",
        "null" => "nothing",
        other => other,
    }
}

fn described(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// Text, numbers and booleans as text: CloudFormation tells them not apart.
fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Json {
        json!({
            "typeName": "Acme::Pet::Cage", "additionalProperties": false, "readOnlyProperties": ["/properties/Id"],
            "required": ["Size"],
            "definitions": {
                "Size": {"type": "integer"},
                "Door": {"type": "object", "additionalProperties": false, "required": ["Side"], "properties": {
                    "Side": {"type": "string", "enum": ["left", "right"]}, "Inner": {"$ref": "#/definitions/Door"}}},
                "Endless": {"$ref": "#/definitions/Endless"},
            },
            "properties": {
                "Id": {"type": "string"},
                "Size": {"$ref": "#/definitions/Size"},
                "Doors": {"type": "array", "items": {"$ref": "#/definitions/Door"}},
                "Locked": {"type": "boolean"},
                "Policy": {"type": ["object", "string"]},
                "Labels": {"type": "object", "patternProperties": {"^[a-z]+$": {"type": "string"}}, "additionalProperties": false},
                "Food": {"type": "object", "additionalProperties": {"type": "integer"}},
                "Lock": {"type": "object", "properties": {"Key": {}, "Code": {}},
                    "oneOf": [{"required": ["Key"]}, {"required": ["Code"]}]},
                "Either": {"anyOf": [{"type": "integer"}, {"type": "array"}]},
                "Both": {"allOf": [{"required": ["A"]}, {"properties": {"A": {"type": "boolean"}}}]},
                "Endless": {"$ref": "#/definitions/Endless"},
            },
        })
    }

    /// Rule, path and message of each problem.
    fn found(properties: &Json) -> Vec<String> {
        let problems = problems(&schema(), properties).into_iter();
        let shown = problems.map(|problem| {
            let steps = problem.steps.iter().map(|step| match step {
                Step::Key(name) => name.clone(),
                Step::Index(index) => index.to_string(),
            });
            let fix = problem.fix.map(|fix| format!(" -> {fix}")).unwrap_or_default();
            let path = steps.collect::<Vec<_>>().join("/");
            format!("{} {path}: {}{fix}", problem.rule.name(), problem.message)
        });
        shown.collect()
    }

    #[test]
    fn what_cloudformation_takes_has_no_problem() {
        for properties in [
            json!({"Size": 1}),
            // Text stands for numbers and booleans, and numbers for text.
            json!({"Size": "1", "Locked": "true", "Doors": [{"Side": "left", "Inner": {"Side": "right"}}]}),
            // Functions stand for anything.
            json!({"Size": {"Ref": "Size"}, "Doors": {"Fn::Split": [",", "a"]}, "Locked": {"Fn::If": ["X", true, {"Ref": "AWS::NoValue"}]}}),
            json!({"Size": 1, "Doors": [{"Fn::GetAtt": ["A", "B"]}, {"Side": {"Fn::Sub": "x"}}]}),
            json!({"Size": "{{resolve:ssm:/size}}", "Doors": [{"Side": "{{resolve:ssm:/side}}"}]}),
            json!({"Size": 1, "Policy": "{}", "Labels": {"abc": "x"}, "Food": {"Hay": 2}}),
            json!({"Size": 1, "Policy": {"Any": 1}, "Lock": {"Code": 1}, "Either": [], "Both": {"A": true}}),
            json!({"Fn::Transform": {"Name": "AWS::Include"}, "Doors": []}),
            json!({"Size": 1, "Endless": 1}),
        ] {
            assert_eq!(found(&properties), Vec::<String>::new(), "{properties}");
        }
    }

    #[test]
    fn what_it_refuses_has_one_with_its_place() {
        for (properties, expected) in [
            (json!({}), "schema-required : Size is missing"),
            (
                json!({"Size": {"Ref": "AWS::NoValue"}}),
                "schema-required : Size is missing",
            ),
            (
                json!({"Size": 1, "Dors": []}),
                "schema-property Dors: there is no such property -> Doors",
            ),
            (
                json!({"Size": 1, "Id": "x"}),
                "schema-property Id: it can be read, and not set",
            ),
            (
                json!({"Size": "large"}),
                "schema-type Size: it must be a whole number, not text",
            ),
            (
                json!({"Size": 1.5}),
                "schema-type Size: it must be a whole number, not a number",
            ),
            (
                json!({"Size": null}),
                "schema-type Size: it must be a whole number, not nothing",
            ),
            (
                json!({"Size": 1, "Doors": "left"}),
                "schema-type Doors: it must be a list, not text",
            ),
            (
                json!({"Size": 1, "Locked": "yes"}),
                "schema-type Locked: it must be true or false, not text",
            ),
            (
                json!({"Size": 1, "Policy": []}),
                "schema-type Policy: it must be a map or text, not a list",
            ),
            (
                json!({"Size": 1, "Doors": [{"Side": "left"}, {}]}),
                "schema-required Doors/1: Side is missing",
            ),
            (
                json!({"Size": 1, "Doors": [{"Side": "lefd"}]}),
                "schema-value Doors/0/Side: \"lefd\" is none of its values: left, right -> left",
            ),
            (
                json!({"Size": 1, "Doors": [{"Side": "left", "Inner": {"Side": "left", "X": 1}}]}),
                "schema-property Doors/0/Inner/X: there is no such property",
            ),
            (
                json!({"Size": {"Fn::If": ["Large", 10, "ten"]}}),
                "schema-type Size/Fn::If/2: it must be a whole number, not text",
            ),
            (
                json!({"Size": 1, "Labels": {"A1": "x"}}),
                "schema-property Labels/A1: there is no such property",
            ),
            (
                json!({"Size": 1, "Food": {"Hay": []}}),
                "schema-type Food/Hay: it must be a whole number, not a list",
            ),
            (
                json!({"Size": 1, "Lock": {}}),
                "schema-required Lock: one of Key, Code is missing",
            ),
            (
                json!({"Size": 1, "Either": {}}),
                "schema-type Either: it must be a whole number, not a map",
            ),
            (
                json!({"Size": 1, "Both": {"A": 7}}),
                "schema-type Both/A: it must be true or false, not a number",
            ),
        ] {
            assert_eq!(found(&properties), [expected], "{properties}");
        }
    }

    #[test]
    fn a_property_that_nests_without_end_ends() {
        let mut door = json!({"Side": "left"});
        for _ in 0..60 {
            door = json!({"Side": "left", "Inner": door});
        }
        assert_eq!(found(&json!({"Size": 1, "Doors": [door]})), Vec::<String>::new());
    }
}
