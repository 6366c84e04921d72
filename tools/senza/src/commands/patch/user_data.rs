//! Merging properties into user data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stups_yaml::{Map, Value};

use crate::Error;

/// The first line of user data that was empty.
const HEADER: &str = "#taupage-ami-config";

/// What is to be put into user data.
#[derive(Clone, Debug)]
pub(super) struct UserDataPatch(Value);

impl UserDataPatch {
    /// Reads what was given as YAML; nothing when that is nothing.
    pub(super) fn new(yaml: &str) -> Result<Option<Self>, Error> {
        let value = stups_yaml::load(yaml)
            .map_err(|error| Error::Usage(format!("The value of --user-data is not valid YAML: {error}")))?;
        let is_nothing = match &value {
            Value::Null | Value::Bool(false) | Value::Int(0) => true,
            Value::Map(map) => map.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        Ok((!is_nothing).then_some(Self(value)))
    }

    /// The user data `current` (in base64, as AWS has it) with the properties merged in, in base64.
    pub(super) fn merged_into(&self, current: Option<&str>) -> Result<String, Error> {
        let encoded: String = current.unwrap_or_default().split_whitespace().collect();
        let text = STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| Error::Fatal("Instance user data is not text".to_owned()))?;
        Ok(STANDARD.encode(self.merged(&text)?))
    }

    /// The first line stays; what follows is a map that the properties are put into, whole values replacing whole values.
    fn merged(&self, current: &str) -> Result<String, Error> {
        let whole = stups_yaml::load(current).unwrap_or(Value::Null);
        let Value::Map(properties) = &self.0 else {
            return Err(Error::Fatal(match whole {
                Value::Map(_) => format!(
                    "Current user data is a map but provided user data is a {}.",
                    type_name(&self.0)
                ),
                _ => "The value of --user-data has to be a YAML map of properties".to_owned(),
            }));
        };
        let (header, rest) = current.split_once('\n').unwrap_or((current, ""));
        let mut merged = match stups_yaml::load(rest) {
            Ok(Value::Map(map)) => map,
            Ok(Value::Null) if current.trim().is_empty() => Map::new(),
            _ => {
                return Err(Error::Fatal(
                    "Instance user data has invalid YAML: must be key/value pairs".to_owned(),
                ));
            }
        };
        merged.extend(properties.clone());
        let header = if header.trim().is_empty() { HEADER } else { header };
        Ok(format!("{header}\n{}", stups_yaml::dump(&Value::Map(merged))))
    }
}

/// A type in the words that people know from this message.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Int(_) => "integer",
        Value::Float(_) => "float",
        Value::Bool(_) => "bool",
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Null => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(yaml: &str) -> UserDataPatch {
        UserDataPatch::new(yaml).unwrap().unwrap()
    }

    #[test]
    fn properties_are_merged_and_the_first_line_stays() {
        let current = "#my-config\nfoo: bar\na: {b: 1}\n";
        for (yaml, expected) in [
            ("{p1: new}", "#my-config\na:\n  b: 1\nfoo: bar\np1: new\n"),
            // Shallow: a value is replaced as a whole.
            ("{a: {c: 2}}", "#my-config\na:\n  c: 2\nfoo: bar\n"),
            ("foo: 'yes'", "#my-config\na:\n  b: 1\nfoo: 'yes'\n"),
        ] {
            assert_eq!(patch(yaml).merged(current).unwrap(), expected, "{yaml}");
        }
        assert_eq!(patch("a: 1").merged("").unwrap(), "#taupage-ami-config\na: 1\n");
        let encoded = STANDARD.encode(current);
        let merged = patch("foo: baz").merged_into(Some(&encoded)).unwrap();
        let merged = String::from_utf8(STANDARD.decode(merged).unwrap()).unwrap();
        assert_eq!(merged, "#my-config\na:\n  b: 1\nfoo: baz\n");
    }

    #[test]
    fn what_cannot_be_merged_is_told() {
        let map = "#x\na: 1\n";
        for (yaml, current, expected) in [
            (
                "text",
                map,
                "Current user data is a map but provided user data is a string.",
            ),
            (
                "7",
                map,
                "Current user data is a map but provided user data is a integer.",
            ),
            (
                "text",
                "#!/bin/sh\necho\n",
                "The value of --user-data has to be a YAML map of properties",
            ),
            (
                "{a: 1}",
                "#!/bin/sh\necho hello\n",
                "Instance user data has invalid YAML: must be key/value pairs",
            ),
        ] {
            let error = patch(yaml).merged(current).unwrap_err().into_failure();
            assert_eq!((error.exit_code, error.message.as_str()), (1, expected));
        }
        assert!(patch("a: 1").merged_into(Some("////")).is_err());
        assert_eq!(UserDataPatch::new("a: [").unwrap_err().into_failure().exit_code, 2);
        for nothing in ["{}", "~", "''"] {
            assert!(UserDataPatch::new(nothing).unwrap().is_none(), "{nothing}");
        }
    }
}
