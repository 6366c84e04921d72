//! The tree that a document is read into.

use std::fmt;
use std::hash::{Hash, Hasher};

use indexmap::{Equivalent, IndexMap};

/// A mapping in document order. Look-ups take `&str` for text keys.
pub type Map = IndexMap<Key, Value>;

/// One YAML node as PyYAML's `SafeLoader` would construct it. Timestamps stay text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all
    Null,
    /// `true`, `yes`, `on` and their opposites
    Bool(bool),
    /// any YAML 1.1 integer form: decimal, octal, hexadecimal, binary, sexagesimal
    Int(i128),
    /// any YAML 1.1 float form
    Float(f64),
    /// text
    String(String),
    /// a sequence
    List(Vec<Value>),
    /// a mapping
    Map(Map),
}

/// A scalar in key position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `null`
    Null,
    /// a boolean such as `on`
    Bool(bool),
    /// an integer such as a port
    Int(i128),
    /// a float, by its bits, so that keys can be compared
    Float(u64),
    /// text
    String(String),
}

impl Hash for Key {
    // Text hashes as `str` does, so that `Map::get("name")` finds it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::String(text) => text.as_str().hash(state),
            Self::Null => 0_u8.hash(state),
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(bits) => bits.hash(state),
        }
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::String(text) if text == self)
    }
}

impl Key {
    /// The key's text when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// As JSON writes a key: `8080`, `true`, `null`, `1.5`, text as it is (Python's `json.dumps`).
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Int(value) => write!(formatter, "{value}"),
            Self::Float(bits) => {
                let value = f64::from_bits(*bits);
                formatter.write_str(&match value {
                    _ if value.is_nan() => "NaN".to_owned(),
                    f64::INFINITY => "Infinity".to_owned(),
                    f64::NEG_INFINITY => "-Infinity".to_owned(),
                    _ => float_text(value),
                })
            }
            Self::String(text) => formatter.write_str(text),
        }
    }
}

/// A finite float as Python's `repr` writes it: `1.5`, `1e+22`, `1.5e-07`.
///
/// Both Python and the standard library write the fewest digits that are read back as the value. Where two such texts are equally
/// near, Python takes the one whose last digit is even, as formatting with a given number of digits does here.
pub(crate) fn float_text(value: f64) -> String {
    let shortest = format!("{value:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    let even = format!("{value:.digits$e}");
    let even = (even.parse() == Ok(value)).then_some(even);
    if (-4..16).contains(&exponent) {
        let plain = match even {
            Some(_) => {
                let places = i32::try_from(digits).unwrap_or(i32::MAX).saturating_sub(exponent);
                format!("{value:.*}", usize::try_from(places).unwrap_or(0))
            }
            None => format!("{value}"),
        };
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let mantissa = even
        .as_deref()
        .and_then(|even| even.split('e').next())
        .unwrap_or(mantissa);
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl Value {
    /// The text of a string node.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The node as a mapping.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The node as a mapping, to change it.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The node as a sequence.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The member `name` of a mapping; nothing for any other node.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map()?.get(name)
    }

    /// What kind of node this is, in the words a person uses: "a map", "a list", "text", ...
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The same tree as JSON: keys become text as Python's `json.dumps` writes them; integers beyond JSON's 64 bits become
    /// floats, and infinities and NaN become null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => i64::try_from(*value)
                .map(Json::from)
                .or_else(|_| u64::try_from(*value).map(Json::from))
                .unwrap_or_else(|_| Json::from(*value as f64)),
            Self::Float(value) => Json::from(*value),
            Self::String(text) => Json::from(text.as_str()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(map) => Json::Object(
                map.iter()
                    .map(|(key, value)| (key.to_string(), value.to_json()))
                    .collect(),
            ),
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number
                .as_i128()
                .map(Self::Int)
                .or_else(|| number.as_f64().map(Self::Float))
                .unwrap_or(Self::Null),
            Json::String(text) => Self::String(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| (Key::from(key.as_str()), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e22, "1e+22"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            // In the middle of two texts, each of which is read back as it.
            (f64::from_bits(14_055_902_693_170_294_729), "-1167963943586802.2"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
