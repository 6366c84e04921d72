//! Reading a component's properties; every error names the place inside the definition.

use serde_json::Value as Json;
use stups_terminal::Terminal;
use stups_yaml::{Map, Value};

use super::Component;
use super::property_table::{Kind, Property, nearest};
use crate::Error;

/// A map inside the definition and where it stands. A property that is null counts as absent.
#[derive(Clone, Debug)]
pub(crate) struct Properties<'a> {
    path: String,
    map: &'a Map,
}

impl<'a> Properties<'a> {
    /// The properties of a component.
    pub(crate) fn of(component: &'a Component) -> Self {
        Self {
            path: format!("SenzaComponents/{}", component.name),
            map: &component.properties,
        }
    }

    /// `SenzaComponents/AppServer/<name>`
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// A usage error about the property `name`.
    pub(crate) fn error(&self, name: &str, message: &str) -> Error {
        Error::Usage(format!("{}: {message}", self.path(name)))
    }

    /// A property as it was written.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| **value != Value::Null)
    }

    /// A property that must be there; `advice` says what it should be.
    pub(crate) fn required(&self, name: &str, advice: &str) -> Result<&'a Value, Error> {
        self.get(name)
            .ok_or_else(|| self.error(name, &format!("is missing, give {advice}")))
    }

    /// Whether the property is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All properties that are there, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        self.map
            .iter()
            .filter(|(_, value)| **value != Value::Null)
            .map(|(key, value)| (key.to_string(), value))
    }

    /// The property as JSON.
    pub(crate) fn json(&self, name: &str) -> Option<Json> {
        self.get(name).map(Value::to_json)
    }

    /// Text, or a number or boolean as text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name)
            .map(|value| scalar_text(value).ok_or_else(|| self.wrong(name, value, "text")))
            .transpose()
    }

    /// Text that is not empty; empty text counts as absent.
    pub(crate) fn filled_text(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// An integer, also when it is written as text or as a whole number with decimals.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.get(name)
            .map(|value| integer(value).ok_or_else(|| self.wrong(name, value, "an integer")))
            .transpose()
    }

    /// A boolean, also when it is written as text.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.get(name)
            .map(|value| match value {
                Value::Bool(value) => Ok(*value),
                Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
                Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
                other => Err(self.wrong(name, other, "true or false")),
            })
            .transpose()
    }

    /// A map.
    pub(crate) fn map(&self, name: &str) -> Result<Option<Properties<'a>>, Error> {
        self.get(name)
            .map(|value| match value {
                Value::Map(map) => Ok(Properties {
                    path: self.path(name),
                    map,
                }),
                other => Err(self.wrong(name, other, "a map")),
            })
            .transpose()
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Error> {
        self.get(name)
            .map(|value| value.as_list().ok_or_else(|| self.wrong(name, value, "a list")))
            .transpose()
    }

    /// A list; anything else counts as its only item.
    pub(crate) fn items(&self, name: &str) -> Option<&'a [Value]> {
        self.get(name).map(|value| match value {
            Value::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        })
    }

    /// `.../<name>: must be <wanted>, not <what it is>`
    pub(crate) fn wrong(&self, name: &str, value: &Value, wanted: &str) -> Error {
        self.error(name, &format!("must be {wanted}, not {}", value.kind()))
    }

    /// Warns about properties that nobody reads, with the nearest of those that `tables` know; also inside of maps.
    pub(crate) fn warn_about_unknown(&self, tables: &[&[Property]], terminal: &Terminal) {
        for (name, value) in self.iter() {
            let known = || tables.iter().copied().flatten();
            let Some(property) = known().find(|property| property.name == name) else {
                let nearest = nearest(&name, known().map(|property| property.name))
                    .map(|known| format!(", did you mean {known}?"))
                    .unwrap_or_default();
                terminal.warning(&format!("{}: unknown property{nearest}", self.path(&name)));
                continue;
            };
            if let (Kind::Map(keys), Value::Map(map)) = (property.kind, value) {
                let path = self.path(&name);
                Properties { path, map }.warn_about_unknown(&[keys], terminal);
            }
        }
    }
}

impl Properties<'_> {
    /// Warns about values of another kind than `tables` say, which nobody has refused: they went to CloudFormation as they are.
    pub(crate) fn warn_about_kinds(&self, tables: &[&[Property]], terminal: &Terminal) {
        for property in tables.iter().copied().flatten() {
            let Some(value) = self.get(property.name) else {
                continue;
            };
            if let Some(complaint) = property.complaint(value) {
                terminal.warning(&format!("{}: {complaint}", self.path(property.name)));
            } else if let (Kind::Map(keys) | Kind::OpenMap(keys), Value::Map(map)) = (property.kind, value) {
                let path = self.path(property.name);
                Properties { path, map }.warn_about_kinds(&[keys], terminal);
            }
        }
    }
}

/// A scalar as Python writes it: text as it is, `True`, `5`, `1.5`. Nothing for lists, maps and null.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(format!("{number:?}")),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// A scalar as Python's `int` reads it: decimals are cut off, text may have blanks around it.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => i64::try_from(*number).ok(),
        Value::Float(number) if number.is_finite() => Some(number.trunc() as i64),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether this is a CloudFormation function: a map with the one key `Ref` or `Fn::...`.
pub(crate) fn is_function(value: &Value) -> bool {
    let Some(map) = value.as_map().filter(|map| map.len() == 1) else {
        return false;
    };
    map.keys()
        .filter_map(|key| key.as_str())
        .any(|key| key == "Ref" || key.starts_with("Fn::"))
}
