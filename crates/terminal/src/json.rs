//! JSON exactly as Python's `json.dumps(..., sort_keys=True)` writes it, which is what scripts in the field were written for.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// `json.dumps(value, sort_keys=True)`: one line without its end, `", "` and `": "`, keys sorted, everything beyond ASCII as `\uXXXX`.
pub fn json_line(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value, None, 0);
    out
}

/// `json.dumps(value, sort_keys=True, indent=indent)`, without an end of the last line.
pub fn json_pretty(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    push(&mut out, value, Some(indent), 0);
    out
}

fn push(out: &mut String, value: &Value, indent: Option<usize>, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => push_string(out, text),
        Value::Array(items) => push_all(out, ('[', ']'), items, indent, depth, |out, item| {
            push(out, item, indent, depth + 1);
        }),
        Value::Object(map) => push_all(out, ('{', '}'), sorted(map), indent, depth, |out, (key, item)| {
            push_string(out, key);
            out.push_str(": ");
            push(out, item, indent, depth + 1);
        }),
    }
}

fn push_all<T>(
    out: &mut String,
    (open, close): (char, char),
    items: impl IntoIterator<Item = T>,
    indent: Option<usize>,
    depth: usize,
    push_one: impl Fn(&mut String, T),
) {
    out.push(open);
    let mut empty = true;
    for item in items {
        match indent {
            Some(width) => {
                out.push_str(if empty { "\n" } else { ",\n" });
                out.push_str(&" ".repeat(width * (depth + 1)));
            }
            None if !empty => out.push_str(", "),
            None => {}
        }
        push_one(out, item);
        empty = false;
    }
    if let Some(width) = indent
        && !empty
    {
        out.push('\n');
        out.push_str(&" ".repeat(width * depth));
    }
    out.push(close);
}

/// The members by key, in the order of code points.
fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by_key(|(key, _)| key.as_str());
    members
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// A number as Python's `str` and `json.dumps` write it.
pub(crate) fn number_text(number: &Number) -> String {
    if number.is_f64() {
        number.as_f64().map_or_else(|| number.to_string(), float_text)
    } else {
        number.to_string()
    }
}

/// Python's `repr` of a float: the shortest digits that read back, `1.0`, `0.0001`, `1e-05`, `1e+16`.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        if plain.contains('.') { plain } else { plain + ".0" }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    // Expected texts are what CPython 3.11 prints.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e16, "1e+16"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(float_text(value), expected);
        }
        assert_eq!(float_text(f64::INFINITY), "inf");
        assert_eq!(float_text(f64::NAN), "nan");
    }

    #[test]
    fn one_line_has_sorted_keys_and_ascii_only() {
        let value =
            json!({"z": [1, 2.0, null], "a": {"ü": true, "b": "\u{1F600} \"q\" \\ \n\u{7f}\u{1}/"}, "e": {}, "l": []});
        assert_eq!(
            json_line(&value),
            r#"{"a": {"b": "\ud83d\ude00 \"q\" \\ \n\u007f\u0001/", "\u00fc": true}, "e": {}, "l": [], "z": [1, 2.0, null]}"#
        );
    }

    #[test]
    fn keys_are_sorted_by_code_point() {
        assert_eq!(
            json_line(&json!({"\u{ffff}": 1, "\u{10000}": 2, "a": 3, "B": 4})),
            r#"{"B": 4, "a": 3, "\uffff": 1, "\ud800\udc00": 2}"#
        );
    }

    #[test]
    fn pretty_is_indented() {
        let value = json!({"b": [1, {"c": []}], "a": {}});
        assert_eq!(
            json_pretty(&value, 4),
            "{\n    \"a\": {},\n    \"b\": [\n        1,\n        {\n            \"c\": []\n        }\n    ]\n}"
        );
        assert_eq!(json_pretty(&json!([]), 2), "[]");
    }

    proptest! {
        #[test]
        fn any_float_reads_back(value in any::<f64>().prop_filter("a number", |value| value.is_finite())) {
            let text = float_text(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert!(text.contains(['.', 'e']));
        }

        #[test]
        fn any_text_reads_back(text in any::<String>(), key in any::<String>()) {
            let value = json!({key: [text]});
            for written in [json_line(&value), json_pretty(&value, 4)] {
                prop_assert!(written.is_ascii());
                prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
            }
        }
    }
}
