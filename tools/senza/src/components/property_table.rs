//! What properties there are: one table for reading them, for the warnings about unknown ones, for the JSON Schema and for
//! checks without AWS.

use stups_yaml::Value;

use super::properties::is_function;
use super::reference::Reference;

/// A property that a definition may give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    /// its key
    pub(crate) name: &'static str,
    /// what its value may be
    pub(crate) kind: Kind,
    /// whether a definition must give it, or one of `alternatives`
    pub(crate) is_required: bool,
    /// properties that make it unnecessary
    pub(crate) alternatives: &'static [&'static str],
    /// the allowed values, where only some are
    pub(crate) values: &'static [&'static str],
    /// what it is without being given, in words
    pub(crate) default: Option<&'static str>,
    /// whether senza 2.1 ignores it
    pub(crate) is_new: bool,
    /// what it does, in words
    pub(crate) about: &'static str,
}

/// What a value may be. Everywhere but for the keys of maps, a CloudFormation function, a reference to another stack and text
/// with `{{...}}` may stand for the value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// text; numbers and booleans count as text
    Text,
    /// a whole number, also written as text
    Integer,
    /// a number, also written as text
    Number,
    /// true or false, also written as text
    Boolean,
    /// a list of such values
    List(&'static Kind),
    /// such a value, or a list of them
    OneOrSeveral(&'static Kind),
    /// a map from any names to such values
    MapOf(&'static Kind),
    /// a map with these keys and no others
    Map(&'static [Property]),
    /// a map with these keys, and others that nobody here reads
    OpenMap(&'static [Property]),
    /// whatever CloudFormation takes there
    Any,
}

impl Property {
    const fn of(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            is_required: false,
            alternatives: &[],
            values: &[],
            default: None,
            is_new: false,
            about,
        }
    }

    /// The same, and a definition must give it.
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// The same, and it is not required when one of `alternatives` is given.
    pub(crate) const fn unless(mut self, alternatives: &'static [&'static str]) -> Self {
        self.alternatives = alternatives;
        self
    }

    /// The same, with what it is when it is not given.
    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The same, and it must be one of `values`.
    pub(crate) const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// The same, and senza 2.1 ignores it.
    pub(crate) const fn since_3(mut self) -> Self {
        self.is_new = true;
        self
    }

    /// What `value` must be instead of what it is: `a list, not text`. Nothing when it may stand there.
    pub(crate) fn complaint(&self, value: &Value) -> Option<String> {
        if let Some(wanted) = self.kind.complaint(value) {
            return Some(format!("must be {wanted}, not {}", value.kind()));
        }
        match value {
            Value::String(text) if !self.values.is_empty() && !is_templated(text) => {
                let is_allowed = text.is_empty() || self.values.contains(&text.as_str());
                (!is_allowed).then(|| format!("must be one of {}, not \"{text}\"", self.values.join(", ")))
            }
            _ => None,
        }
    }
}

/// Text.
pub(crate) const fn text(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::Text, about)
}

/// A whole number.
pub(crate) const fn integer(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::Integer, about)
}

/// A number.
pub(crate) const fn number(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::Number, about)
}

/// True or false.
pub(crate) const fn boolean(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::Boolean, about)
}

/// One text or several.
pub(crate) const fn texts(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::OneOrSeveral(&Kind::Text), about)
}

/// A list of whatever CloudFormation takes there.
pub(crate) const fn list(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::List(&Kind::Any), about)
}

/// A list of maps with these keys and no others.
pub(crate) const fn list_of(name: &'static str, kind: &'static Kind, about: &'static str) -> Property {
    Property::of(name, Kind::List(kind), about)
}

/// A map with these keys and no others.
pub(crate) const fn map(name: &'static str, keys: &'static [Property], about: &'static str) -> Property {
    Property::of(name, Kind::Map(keys), about)
}

/// A map with these keys and others.
pub(crate) const fn open_map(name: &'static str, keys: &'static [Property], about: &'static str) -> Property {
    Property::of(name, Kind::OpenMap(keys), about)
}

/// A map from names to values of one kind.
pub(crate) const fn map_of(name: &'static str, kind: &'static Kind, about: &'static str) -> Property {
    Property::of(name, Kind::MapOf(kind), about)
}

/// Whatever CloudFormation takes there.
pub(crate) const fn any(name: &'static str, about: &'static str) -> Property {
    Property::of(name, Kind::Any, about)
}

impl Kind {
    /// What a value of this kind is, when `value` is none.
    fn complaint(&self, value: &Value) -> Option<&'static str> {
        let stands_for_anything = match value {
            Value::Null => true,
            Value::String(text) => is_templated(text),
            map => is_function(map) || Reference::of(map).is_some(),
        };
        if stands_for_anything || self.accepts(value) {
            return None;
        }
        Some(match self {
            Self::Text => "text",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List(_) => "a list",
            Self::OneOrSeveral(_) => "text or a list",
            Self::MapOf(_) | Self::Map(_) | Self::OpenMap(_) => "a map",
            Self::Any => "anything",
        })
    }

    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Text => matches!(
                value,
                Value::String(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)
            ),
            Self::Integer => super::properties::integer(value).is_some(),
            Self::Number => match value {
                Value::Int(_) | Value::Float(_) => true,
                Value::String(text) => text.trim().parse::<f64>().is_ok(),
                _ => false,
            },
            Self::Boolean => match value {
                Value::Bool(_) => true,
                Value::String(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
                _ => false,
            },
            Self::List(_) => matches!(value, Value::List(_)),
            Self::OneOrSeveral(kind) => matches!(value, Value::List(_)) || kind.accepts(value),
            Self::MapOf(_) | Self::Map(_) | Self::OpenMap(_) => matches!(value, Value::Map(_)),
            Self::Any => true,
        }
    }
}

/// Whether templating will make something else of this text.
fn is_templated(text: &str) -> bool {
    text.contains("{{")
}

/// The name among `known` that `written` was probably meant to be.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| {
            let similarity = strsim::jaro_winkler(&known.to_lowercase(), &written.to_lowercase());
            (similarity, known)
        })
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(similarity, _)| *similarity > 0.8)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_wrong_kind_are_told() {
        let load = |text: &str| stups_yaml::load(text).unwrap();
        for (property, value, expected) in [
            (text("P", ""), "[a]", Some("must be text, not a list")),
            (text("P", ""), "5", None),
            (text("P", ""), "{Ref: A}", None),
            (text("P", ""), "{Stack: s, Output: o}", None),
            (text("P", ""), "{Other: A}", Some("must be text, not a map")),
            (integer("P", ""), "a", Some("must be an integer, not text")),
            (integer("P", ""), "'5'", None),
            (integer("P", ""), "'{{Arguments.N}}'", None),
            (integer("P", ""), "~", None),
            (number("P", ""), "'0.05'", None),
            (number("P", ""), "much", Some("must be a number, not text")),
            (boolean("P", ""), "'True'", None),
            (boolean("P", ""), "1", Some("must be true or false, not an integer")),
            (texts("P", ""), "a", None),
            (texts("P", ""), "[a]", None),
            (texts("P", ""), "{a: b}", Some("must be text or a list, not a map")),
            (list("P", ""), "a", Some("must be a list, not text")),
            (map("P", &[], ""), "a", Some("must be a map, not text")),
            (any("P", ""), "[a]", None),
            (
                text("P", "").one_of(&["a", "b"]),
                "c",
                Some("must be one of a, b, not \"c\""),
            ),
            (text("P", "").one_of(&["a", "b"]), "b", None),
            (text("P", "").one_of(&["a", "b"]), "'{{c}}'", None),
        ] {
            assert_eq!(
                property.complaint(&load(value)).as_deref(),
                expected,
                "{value} {property:?}"
            );
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["InstanceType", "Image"];
        assert_eq!(nearest("InstanceTyp", known), Some("InstanceType"));
        assert_eq!(nearest("instancetype", known), Some("InstanceType"));
        assert_eq!(nearest("Something", known), None);
    }
}
