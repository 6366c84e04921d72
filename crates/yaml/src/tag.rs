//! Tags: YAML's own, and CloudFormation's short forms of its functions.

use crate::{Key, Map, Value};

/// What a tag says about its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// no tag: the text decides
    Implicit,
    Null,
    Bool,
    Int,
    Float,
    Text,
    Sequence,
    Mapping,
    /// a CloudFormation function, by its name in the short form
    Function(&'static str),
}

/// The functions of CloudFormation's reference that have (or, for those of rules, may have) a short form.
const FUNCTIONS: [&str; 26] = [
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Ref",
    "RefAll",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "ValueOf",
    "ValueOfAll",
];

/// What `tag`, written in full, means.
pub(crate) fn kind(tag: &str) -> Result<Kind, String> {
    if let Some(name) = tag.strip_prefix("tag:yaml.org,2002:") {
        return match name {
            "null" => Ok(Kind::Null),
            "bool" => Ok(Kind::Bool),
            "int" => Ok(Kind::Int),
            "float" => Ok(Kind::Float),
            // A timestamp stays the text that it is.
            "str" | "timestamp" => Ok(Kind::Text),
            "seq" => Ok(Kind::Sequence),
            "map" => Ok(Kind::Mapping),
            "binary" => Err("!!binary is not supported: write the base64 text without the tag".to_owned()),
            "set" => Err("!!set is not supported: write a list".to_owned()),
            "omap" | "pairs" => Err(format!("!!{name} is not supported: write a map; its order is kept")),
            _ => Err(format!(
                "the tag !!{name} is unknown; known are !!str, !!int, !!float, !!bool, !!null, !!seq, !!map"
            )),
        };
    }
    let function = tag
        .strip_prefix('!')
        .and_then(|name| FUNCTIONS.iter().find(|function| **function == name));
    match function {
        Some(function) => Ok(Kind::Function(function)),
        None => Err(format!(
            "the tag {tag} is unknown; known are !{}",
            FUNCTIONS.join(", !")
        )),
    }
}

/// The long form of a function: `!Ref x` is `{Ref: x}`, `!GetAtt a.b.c` is `{Fn::GetAtt: [a, b.c]}`, others are
/// `{Fn::Name: argument}`.
pub(crate) fn call(function: &str, argument: Value) -> Result<Value, String> {
    let (key, argument) = match (function, argument) {
        ("Ref" | "Condition", Value::String(name)) if !name.is_empty() => (function.to_owned(), Value::from(name)),
        ("Ref" | "Condition", _) => return Err(format!("!{function} needs a name: !{function} Name")),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path
                .split_once('.')
                .filter(|(resource, attribute)| !resource.is_empty() && !attribute.is_empty())
                .ok_or("!GetAtt needs a resource and an attribute: !GetAtt Resource.Attribute")?;
            let argument = Value::List(vec![Value::from(resource), Value::from(attribute)]);
            ("Fn::GetAtt".to_owned(), argument)
        }
        (_, argument) => (format!("Fn::{function}"), argument),
    };
    Ok(Value::Map(Map::from_iter([(Key::from(key), argument)])))
}
