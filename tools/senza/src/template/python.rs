//! Values as Python's `str()` and `repr()` write them: templates show values that way.

use std::fmt::Write as _;

use stups_yaml::{Key, Map, Value};

/// `str(value)`: text as it is, everything else as [`repr`].
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float(*number)),
        Value::String(text) => write_quoted(out, text),
        Value::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => write_map(out, map),
    }
}

fn write_map(out: &mut String, map: &Map) {
    out.push('{');
    for (position, (key, value)) in map.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        write_value(out, &key_value(key));
        out.push_str(": ");
        write_value(out, value);
    }
    out.push('}');
}

/// The value in key position as a value.
pub(crate) fn key_value(key: &Key) -> Value {
    match key {
        Key::Null => Value::Null,
        Key::Bool(value) => Value::Bool(*value),
        Key::Int(value) => Value::Int(*value),
        Key::Float(bits) => Value::Float(f64::from_bits(*bits)),
        Key::String(text) => Value::String(text.clone()),
    }
}

/// `repr(number)`: the shortest digits that read back, in exponent form below 1e-4 and from 1e16 on.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{number:?}"),
    }
}

fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if character == quote => {
                out.push('\\');
                out.push(character);
            }
            character if is_printable(character) => out.push(character),
            character => {
                let code = u32::from(character);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// `str.isprintable()` of one character, for everything but unassigned code points.
fn is_printable(character: char) -> bool {
    character == ' '
        || !(character.is_control()
            || character.is_whitespace()
            || matches!(character,
                '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(Key, Value)]) -> Value {
        Value::Map(entries.iter().cloned().collect())
    }

    /// Each line was printed by Python 3.11.
    #[test]
    fn values_look_as_in_python() {
        let cases: &[(Value, &str)] = &[
            (Value::Null, "None"),
            (Value::Bool(true), "True"),
            (Value::Bool(false), "False"),
            (Value::Int(-3), "-3"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(0.1), "0.1"),
            (Value::Float(1e16), "1e+16"),
            (Value::Float(1e15), "1000000000000000.0"),
            (Value::Float(1.5e300), "1.5e+300"),
            (Value::Float(0.0001), "0.0001"),
            (Value::Float(0.00001), "1e-05"),
            (Value::Float(-0.0), "-0.0"),
            (Value::Float(f64::INFINITY), "inf"),
            (Value::Float(f64::NAN), "nan"),
            (Value::from("a"), "'a'"),
            (Value::from("it's"), "\"it's\""),
            (Value::from("it's \"x\""), "'it\\'s \"x\"'"),
            (
                Value::from("a\\b\n\t\u{7f}é\u{ad}\u{2028}\u{1f600}"),
                "'a\\\\b\\n\\t\\x7fé\\xad\\u2028😀'",
            ),
            (
                Value::List(vec![Value::Int(1), Value::from("b"), Value::Null]),
                "[1, 'b', None]",
            ),
            (
                map(&[
                    (Key::from("k"), Value::List(vec![])),
                    (Key::Int(8080), Value::Bool(true)),
                    (Key::Bool(true), Value::Map(Map::new())),
                ]),
                "{'k': [], 8080: True, True: {}}",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(&repr(value), expected);
        }
        assert_eq!(text(&Value::from("it's")), "it's");
        assert_eq!(text(&Value::Bool(false)), "False");
    }
}
