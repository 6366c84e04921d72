//! One text for one value: JSON Canonicalization Scheme (RFC 8785), for values without fractional numbers.

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use super::{Event, Record};

/// The value's only text: keys in the order of their UTF-16 code units, no white space.
pub(super) fn text(value: Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object.into_iter().collect();
            entries.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The event as it can be read back from any text: fractions become strings.
pub(super) fn settled(mut event: Event) -> Event {
    settle(&mut event.details);
    event
}

fn settle(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = Value::String(Number::to_string(number)),
        Value::Array(values) => values.iter_mut().for_each(settle),
        Value::Object(object) => object.values_mut().for_each(settle),
        _ => {}
    }
}

/// The hash that the record has to have.
pub(super) fn hash(record: &Record) -> String {
    let mut fields = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("hash");
    }
    hexadecimal(&Sha256::digest(text(fields)))
}

/// Lower case, two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_makes_no_difference() {
        let one: Value = serde_json::from_str(r#"{"b":{"d":1,"c":[true,null]},"a":"x"}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{ "a":"x", "b":{"c":[true, null],"d":1} }"#).unwrap();
        assert_eq!(text(one), r#"{"a":"x","b":{"c":[true,null],"d":1}}"#);
        assert_eq!(text(other), r#"{"a":"x","b":{"c":[true,null],"d":1}}"#);
    }

    // RFC 8785, 3.2.3: the order is that of UTF-16, in which U+1F600 comes before U+FB33.
    #[test]
    fn keys_are_ordered_as_the_standard_says() {
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(text(value), expected);
    }

    // RFC 8785, 3.2.2.2
    #[test]
    fn strings_are_escaped_as_the_standard_says() {
        assert_eq!(
            text(json!("\u{8}\t\n\u{c}\r\"\\/\u{f}\u{7f}€")),
            "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u000f\u{7f}€\""
        );
    }

    #[test]
    fn fractions_become_strings_and_integers_stay() {
        let mut value = json!({"a": [1.5, 1, -7, u64::MAX], "b": 1e300});
        settle(&mut value);
        assert_eq!(value, json!({"a": ["1.5", 1, -7, u64::MAX], "b": "1e+300"}));
    }

    #[test]
    fn bytes_in_hexadecimal() {
        assert_eq!(hexadecimal(&[0, 1, 0xab, 0xff]), "0001abff");
    }
}
