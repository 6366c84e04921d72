//! The JSON Schema of definitions, made of the tables that the components read their properties by. Editors complete and check
//! with it.

use serde_json::{Map as JsonMap, Value as Json, json};

use crate::components::{ComponentType, Kind, Property, SENZA_INFO, members};

/// Other ways in which people write types; every one that differs only in the case of abbreviations is understood.
const ALIASES: [(ComponentType, &str); 5] = [
    (ComponentType::StupsAutoConfiguration, "Senza::STUPSAutoConfiguration"),
    (
        ComponentType::WeightedDnsElasticLoadBalancer,
        "Senza::WeightedDNSElasticLoadBalancer",
    ),
    (
        ComponentType::WeightedDnsElasticLoadBalancerV2,
        "Senza::WeightedDNSElasticLoadBalancerV2",
    ),
    (ComponentType::IamRole, "Senza::IAMRole"),
    (ComponentType::Elastigroup, "Senza::elastigroup"),
];

/// The sections of a CloudFormation template, which stand beside the components.
const SECTIONS: [(&str, &str); 9] = [
    ("AWSTemplateFormatVersion", "string"),
    ("Conditions", "object"),
    ("Description", "string"),
    ("Mappings", "object"),
    ("Metadata", "object"),
    ("Outputs", "object"),
    ("Parameters", "object"),
    ("Resources", "object"),
    ("Rules", "object"),
];

/// The schema of a definition (JSON Schema, draft 7).
pub(crate) fn schema() -> Json {
    let mut definitions = members(json!({
        "stand-in": {
            "description": "a CloudFormation function, or a reference to another stack",
            "type": "object",
            "anyOf": [
                {"required": ["Ref"]},
                {"required": ["Stack", "Output"]},
                {"required": ["Stack", "LogicalId"]},
                {"patternProperties": {"^Fn::": {}}, "additionalProperties": false, "minProperties": 1},
            ],
        },
        "templated": {"type": "string", "pattern": "\\{\\{"},
        "component": component(),
    }));
    for component_type in ComponentType::all() {
        definitions.insert(definition_name(component_type), properties_of(component_type));
    }
    let mut sections = members(json!({
        "SenzaInfo": map(SENZA_INFO, true),
        "SenzaComponents": {
            "description": "components, each a map with its name as the only key; later ones see what earlier ones made",
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {"$ref": "#/definitions/component"},
            },
        },
        "Transform": {},
    }));
    for (name, json_type) in SECTIONS {
        sections.insert(name.to_owned(), json!({"type": [json_type, "null"]}));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Senza definition",
        "type": "object",
        "required": ["SenzaInfo"],
        "properties": sections,
        "definitions": definitions,
    })
}

fn definition_name(component_type: ComponentType) -> String {
    component_type.name().replace("Senza::", "")
}

/// A component: its type decides on its properties.
fn component() -> Json {
    let names = |component_type: ComponentType| -> Vec<String> {
        let aliases = ALIASES.iter().filter(|(aliased, _)| *aliased == component_type);
        [component_type.name()]
            .into_iter()
            .chain(aliases.map(|(_, alias)| (*alias).to_owned()))
            .collect()
    };
    let rules: Vec<Json> = ComponentType::all()
        .map(|component_type| {
            json!({
                "if": {"required": ["Type"], "properties": {"Type": {"enum": names(component_type)}}},
                "then": {"$ref": format!("#/definitions/{}", definition_name(component_type))},
            })
        })
        .collect();
    let known: Vec<String> = ComponentType::all().flat_map(names).collect();
    json!({
        "type": "object",
        "required": ["Type"],
        "properties": {"Type": {
            "description": "what the component makes",
            "anyOf": [{"enum": known}, {"type": "string", "not": {"pattern": "^Senza::"}}],
        }},
        "allOf": rules,
    })
}

fn properties_of(component_type: ComponentType) -> Json {
    let tables: Vec<Property> = component_type.properties().copied().collect();
    let mut schema = map(&tables, false);
    schema["description"] = json!(component_type.about());
    schema["type"] = json!("object");
    schema["properties"]["Type"] = json!({});
    schema
}

/// The schema of a map with these keys.
fn map(keys: &[Property], is_open: bool) -> Json {
    let mut properties: JsonMap<String, Json> = JsonMap::new();
    for key in keys {
        properties.insert(key.name.to_owned(), property(key));
    }
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.is_required && key.alternatives.is_empty())
        .map(|key| key.name)
        .collect();
    let choices: Vec<Json> = keys
        .iter()
        .filter(|key| key.is_required && !key.alternatives.is_empty())
        .map(|key| {
            let names = [key.name].into_iter().chain(key.alternatives.iter().copied());
            json!({"anyOf": names.map(|name| json!({"required": [name]})).collect::<Vec<_>>()})
        })
        .collect();
    let mut schema = members(json!({"type": ["object", "null"], "properties": properties}));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if !choices.is_empty() {
        schema.insert("allOf".to_owned(), json!(choices));
    }
    if !is_open {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    Json::Object(schema)
}

fn property(property: &Property) -> Json {
    let mut schema = if property.values.is_empty() {
        kind(&property.kind)
    } else {
        choice(&json!({"enum": property.values}))
    };
    let mut description = property.about.to_owned();
    if let Some(default) = property.default {
        description = format!("{description} (default: {default})");
    }
    if property.is_new {
        description = format!("{description} (compatibility 3 only)");
    }
    schema["description"] = json!(description);
    schema
}

fn kind(kind: &Kind) -> Json {
    match kind {
        Kind::Text => choice(&json!({"type": ["string", "number", "boolean"]})),
        // What is written as text is read as well.
        Kind::Integer => choice(&json!({"type": ["integer", "string"], "pattern": "^\\s*[-+]?[0-9]+\\s*$"})),
        Kind::Number => {
            choice(&json!({"type": ["number", "string"], "pattern": "^\\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\\s*$"}))
        }
        Kind::Boolean => choice(&json!({"enum": [true, false, "true", "false", "True", "False"]})),
        Kind::List(items) => choice(&json!({"type": "array", "items": self::kind(items)})),
        Kind::OneOrSeveral(item) => {
            let one = self::kind(item);
            json!({"anyOf": [one, {"type": "array", "items": one}]})
        }
        Kind::MapOf(values) => choice(&json!({"type": "object", "additionalProperties": self::kind(values)})),
        Kind::Map(keys) => choice(&map(keys, false)),
        Kind::OpenMap(keys) => choice(&map(keys, true)),
        Kind::Any => json!({}),
    }
}

/// What may stand there, or what may stand for it.
fn choice(schema: &Json) -> Json {
    json!({"anyOf": [schema, {"$ref": "#/definitions/templated"}, {"$ref": "#/definitions/stand-in"}]})
}

/// The schema as it is published: indented, with a newline at its end.
pub(crate) fn text() -> String {
    format!("{:#}\n", schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_todays() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/senza.schema.json");
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            published,
            text(),
            "docs/senza.schema.json is stale: cargo run -p stups -- senza schema > docs/senza.schema.json"
        );
    }

    #[test]
    fn every_type_and_property_is_documented() {
        let documentation = include_str!("../../../../docs/src/senza/components.md");
        for component_type in ComponentType::all() {
            let names = component_type.properties().map(|property| property.name.to_owned());
            for name in names.chain([component_type.name()]) {
                assert!(
                    documentation.contains(&format!("`{name}`")),
                    "{name} of {component_type:?}"
                );
            }
        }
    }

    #[test]
    fn aliases_are_types() {
        for (component_type, alias) in ALIASES {
            assert_eq!(ComponentType::find(alias), Some(component_type), "{alias}");
        }
    }
}
