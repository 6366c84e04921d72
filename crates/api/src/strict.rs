//! Validation of what clients send, as strict and as lenient as the originals were (contract kio 2.3).
//!
//! A schema is a list of [`Attribute`]s. [`object`] checks a JSON body against one, [`text`] a path or query parameter: unknown
//! attributes are refused, strings are taken for integers and booleans where those are declared, null is taken everywhere.

use serde_json::{Map, Value};

/// What the value of an attribute has to be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text that a database can keep: no NUL character.
    String,
    /// A text that as a whole looks as the function says; the text is how a person reads the rule.
    Pattern(fn(&str) -> bool, &'static str),
    /// A whole number between two limits, which belong to the range; a text of digits is taken for its number.
    Integer(i64, i64),
    /// True or false; the text `true` in capital or small letters is taken for true, every other text for false.
    Boolean,
    /// A date, or a date and a time, as [`crate::Timestamp::parse_lenient`] reads it.
    DateTime,
    /// A list of texts, each as [`Kind::Pattern`]. Null is none.
    Texts(fn(&str) -> bool, &'static str),
    /// A list of objects with these attributes. Null is none.
    Objects(&'static [Attribute]),
    /// An object whose names are as the function says, and whose values are texts.
    TextByName(fn(&str) -> bool, &'static str),
    /// Anything: it is not looked at.
    Any,
}

impl Kind {
    /// The name of the type in messages.
    fn name(self) -> &'static str {
        match self {
            Self::String | Self::Pattern(..) => "string",
            Self::Integer(..) => "integer",
            Self::Boolean => "boolean",
            Self::DateTime => "date-time",
            Self::Texts(..) | Self::Objects(_) => "array",
            Self::TextByName(..) => "object",
            Self::Any => "any",
        }
    }

    /// The same for an item of a list, which cannot be null.
    fn item(self, value: &Value) -> Result<Value, String> {
        if value.is_null() {
            return Err(format!("it is no {}", self.name()));
        }
        self.coerce(value)
    }

    /// The value as this kind, or the reason why it cannot be one.
    fn coerce(self, value: &Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Any, value) => Ok(value.clone()),
            (Self::Texts(matches, rule), Value::Array(items)) => {
                each(items, |item| Self::Pattern(matches, rule).item(item))
            }
            (Self::Objects(attributes), Value::Array(items)) => each(items, |item| {
                object("item", item, attributes)
                    .map(Value::Object)
                    .map_err(|invalid| invalid.to_string())
            }),
            (Self::Texts(..) | Self::Objects(_), _) => Err("it is no array".to_owned()),
            (_, Value::Null) => Ok(Value::Null),
            (Self::Integer(minimum, maximum), value) => integer(value, minimum, maximum).map(Value::from),
            (Self::Boolean, Value::Bool(_)) => Ok(value.clone()),
            (Self::Boolean, Value::String(text)) => Ok(text.eq_ignore_ascii_case("true").into()),
            (Self::Pattern(matches, rule), Value::String(text)) if !matches(text) => Err(format!("it is not {rule}")),
            (Self::String | Self::Pattern(..), Value::String(text)) => clean(text),
            (Self::TextByName(matches, rule), Value::Object(members)) => {
                if let Some(name) = members.keys().find(|name| !matches(name)) {
                    return Err(format!("{name:?} is not {rule}"));
                }
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), Self::String.item(value)?)));
                members.collect::<Result<_, String>>().map(Value::Object)
            }
            (Self::DateTime, Value::String(text)) => match crate::Timestamp::parse_lenient(text) {
                Some(time) => Ok(time.0.into()),
                None => Err("it is no date and time as ISO 8601 has them".to_owned()),
            },
            (kind, _) => Err(format!("it is no {}", kind.name())),
        }
    }
}

/// The items of a list, coerced; the reason why one cannot be has its place.
fn each(items: &[Value], coerce: impl Fn(&Value) -> Result<Value, String>) -> Result<Value, String> {
    let coerced = items
        .iter()
        .enumerate()
        .map(|(place, item)| coerce(item).map_err(|reason| format!("of item {place}: {reason}")));
    coerced.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// PostgreSQL keeps every character but NUL.
fn clean(text: &str) -> Result<Value, String> {
    if text.contains('\0') {
        return Err("it contains a NUL character".to_owned());
    }
    Ok(text.into())
}

fn integer(value: &Value, minimum: i64, maximum: i64) -> Result<i64, String> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or("it is no integer")?;
    if number < minimum {
        return Err(format!("it is smaller than {minimum}"));
    }
    if number > maximum {
        return Err(format!("it is bigger than {maximum}"));
    }
    Ok(number)
}

/// An attribute that a body may have.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What its value has to be, unless it is null.
    pub kind: Kind,
    /// Whether the key has to be there; its value may be null all the same.
    pub required: bool,
}

impl Attribute {
    /// An attribute that has to be there.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: true,
        }
    }

    /// An attribute that may be missing.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: false,
        }
    }
}

/// Why a value was refused: the originals' sentence. Services answer 400 with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Value {value} in {place} ({necessity}) cannot be used as type '{kind}' because {reason}.")]
pub struct Invalid {
    value: String,
    /// Where it was: `body->application->name`.
    pub place: String,
    necessity: &'static str,
    kind: &'static str,
    /// What was wrong with it.
    pub reason: String,
}

/// No more than this many characters of a refused value come back in the message.
const SHOWN: usize = 200;

impl Invalid {
    /// The refusal of a value at a place, for rules that a schema cannot express.
    pub fn new(
        value: &Value,
        place: impl Into<String>,
        required: bool,
        kind: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(SHOWN) {
            value.truncate(end);
            value.push_str("...");
        }
        Self {
            value,
            place: place.into(),
            necessity: if required { "required" } else { "not required" },
            kind,
            reason: reason.into(),
        }
    }
}

/// The body as the schema has it, coerced. `place` is where it was sent: `body->application`.
///
/// Dates and times become milliseconds since 1970 UTC. What is missing stays missing, what is null stays null.
pub fn object(place: &str, body: &Value, attributes: &[Attribute]) -> Result<Map<String, Value>, Invalid> {
    let refuse = |reason: String| Invalid::new(body, place, true, "object", reason);
    let Value::Object(members) = body else {
        return Err(refuse("it is no object".to_owned()));
    };
    if let Some(unknown) = members
        .keys()
        .find(|key| attributes.iter().all(|known| known.name != *key))
    {
        return Err(refuse(format!("the given attribute ':{unknown}' is not defined")));
    }
    let mut coerced = Map::new();
    for attribute in attributes {
        match members.get(attribute.name) {
            Some(value) => {
                let value = coerce(&format!("{place}->{}", attribute.name), attribute, value)?;
                coerced.insert(attribute.name.to_owned(), value);
            }
            None if attribute.required => {
                return Err(refuse(format!("the attribute ':{}' is required", attribute.name)));
            }
            None => {}
        }
    }
    Ok(coerced)
}

/// A path or query parameter, coerced. `place` is `path` or `query`.
pub fn text(place: &str, parameter: &Attribute, text: &str) -> Result<Value, Invalid> {
    coerce(&format!("{place}->{}", parameter.name), parameter, &text.into())
}

fn coerce(place: &str, attribute: &Attribute, value: &Value) -> Result<Value, Invalid> {
    attribute
        .kind
        .coerce(value)
        .map_err(|reason| Invalid::new(value, place, attribute.required, attribute.kind.name(), reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ATTRIBUTES: &[Attribute] = &[
        Attribute::required("name", Kind::String),
        Attribute::required("active", Kind::Boolean),
        Attribute::optional("level", Kind::Integer(1, 4)),
        Attribute::optional("id", Kind::Pattern(|text| text.len() == 2, "two characters")),
        Attribute::optional("since", Kind::DateTime),
    ];

    #[expect(clippy::needless_pass_by_value, reason = "bodies are written where they are checked")]
    fn check(body: Value) -> Result<Value, String> {
        object("body->thing", &body, ATTRIBUTES)
            .map(Value::Object)
            .map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn strings_are_coerced_where_numbers_and_booleans_are_declared() {
        for (given, level) in [(json!("2"), 2), (json!(2), 2), (json!("4"), 4), (json!("+1"), 1)] {
            let checked = check(json!({"name": "n", "active": true, "level": given})).unwrap();
            assert_eq!(checked["level"], json!(level));
        }
        for (given, active) in [
            (json!("true"), true),
            (json!("TRUE"), true),
            (json!("True"), true),
            (json!("false"), false),
            (json!("yes"), false),
            (json!("1"), false),
            (json!(""), false),
            (json!(true), true),
            (json!(false), false),
        ] {
            let checked = check(json!({"name": "n", "active": given})).unwrap();
            assert_eq!(checked["active"], json!(active));
        }
    }

    #[test]
    fn null_is_taken_everywhere_and_is_not_the_same_as_nothing() {
        let body = json!({"name": null, "active": null, "level": null, "id": null, "since": null});
        assert_eq!(check(body.clone()), Ok(body));
        let checked = check(json!({"name": null, "active": null})).unwrap();
        assert_eq!(checked.as_object().unwrap().len(), 2);
    }

    #[test]
    fn refusals_say_what_and_where_and_why() {
        let valid = json!({"name": "n", "active": true});
        for (changes, message) in [
            (json!({"x": 1}), "the given attribute ':x' is not defined."),
            (
                json!({"level": 5}),
                "Value 5 in body->thing->level (not required) cannot be used as type 'integer' because it is bigger than 4.",
            ),
            (json!({"level": 0}), "because it is smaller than 1."),
            (
                json!({"level": "high"}),
                "Value \"high\" in body->thing->level (not required)",
            ),
            (json!({"level": 1.5}), "because it is no integer."),
            (json!({"level": true}), "because it is no integer."),
            (json!({"level": "99999999999999999999"}), "because it is no integer."),
            (
                json!({"name": 1}),
                "Value 1 in body->thing->name (required) cannot be used as type 'string' because it is no string.",
            ),
            (json!({"name": "a\u{0}b"}), "because it contains a NUL character."),
            (
                json!({"active": 1}),
                "cannot be used as type 'boolean' because it is no boolean.",
            ),
            (json!({"active": {}}), "because it is no boolean."),
            (json!({"id": "abc"}), "because it is not two characters."),
            (
                json!({"since": "soon"}),
                "cannot be used as type 'date-time' because it is no date and time",
            ),
        ] {
            let mut body = valid.clone();
            body.as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            let error = check(body).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let missing = check(json!({"name": "n"})).unwrap_err();
        assert!(missing.contains("the attribute ':active' is required"), "{missing}");
        for body in [json!([]), json!("text"), json!(null), json!(1)] {
            assert!(check(body).unwrap_err().contains("'object' because it is no object."));
        }
    }

    #[test]
    fn lists_have_items_of_one_kind_and_are_never_null() {
        const SCOPE: &[Attribute] = &[
            Attribute::required("resource_type_id", Kind::String),
            Attribute::required("scope_id", Kind::String),
        ];
        const LISTS: &[Attribute] = &[
            Attribute::optional(
                "buckets",
                Kind::Texts(|text| text.len() > 2, "three characters or more"),
            ),
            Attribute::optional("scopes", Kind::Objects(SCOPE)),
            Attribute::optional("texts", Kind::TextByName(|name| name.len() == 2, "a language")),
            Attribute::optional("created", Kind::Any),
        ];
        let body = json!({
            "buckets": ["one", "two"],
            "scopes": [{"resource_type_id": "sales_order", "scope_id": "read"}],
            "texts": {"de": "Lesen", "en": "Read"},
            "created": {"whatever": [1, null]},
        });
        assert_eq!(object("body->app", &body, LISTS).map(Value::Object), Ok(body));
        for (body, reason) in [
            (json!({"buckets": null}), "'array' because it is no array."),
            (json!({"buckets": "one"}), "it is no array."),
            (
                json!({"buckets": ["one", "x"]}),
                "of item 1: it is not three characters or more.",
            ),
            (json!({"buckets": [null]}), "of item 0: it is no string."),
            (json!({"texts": {"de": 1}}), "it is no string."),
            (json!({"texts": {"deutsch": "x"}}), "\"deutsch\" is not a language."),
            (json!({"texts": []}), "'object' because it is no object."),
            (json!({"scopes": null}), "it is no array."),
            (json!({"scopes": [1]}), "of item 0: Value 1 in item (required)"),
            (
                json!({"scopes": [{"scope_id": "read"}]}),
                "the attribute ':resource_type_id' is required",
            ),
        ] {
            let error = object("body->app", &body, LISTS).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_long_value_is_not_sent_back_whole() {
        let error = check(json!({"name": "n", "active": true, "x": "ü".repeat(10_000)})).unwrap_err();
        assert!(error.len() < 1000, "{}", error.len());
    }

    #[test]
    fn parameters_are_texts() {
        let active = Attribute::optional("active", Kind::Boolean);
        assert_eq!(text("query", &active, ""), Ok(json!(false)));
        assert_eq!(text("query", &active, "1"), Ok(json!(false)));
        assert_eq!(text("query", &active, "TRUE"), Ok(json!(true)));
        let since = Attribute::optional("since", Kind::DateTime);
        assert_eq!(text("query", &since, "2017-07-14"), Ok(json!(1_499_990_400_000_i64)));
        let error = text("query", &since, "x").unwrap_err().to_string();
        assert!(
            error.starts_with("Value \"x\" in query->since (not required)"),
            "{error}"
        );
    }
}
