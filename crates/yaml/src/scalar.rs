//! YAML 1.1's implicit types, as PyYAML's `SafeLoader` resolves and constructs them.
//!
//! The forms are those of PyYAML 6: `0o14`, `1e3`, `-.5`, `y` and `n` are text, `014` is octal, `12:30` counts in
//! sixties.

use crate::Value;

/// What a plain scalar's text means before a value is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Implicit {
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    /// `<<`
    Merge,
    /// `=`
    DefaultValue,
    /// `!`, `&`, `*`, which the tag `!` alone can bring: `! '*'`
    Indicator,
    Text,
}

/// What a plain (unquoted) scalar with this text is. Timestamps, and numbers of forms PyYAML does not know (`1e3`), are text.
///
/// Text that has the form of a number but no value (`0x_`, an integer beyond 128 bits) stays text here; the reader refuses it.
pub fn resolve(plain: &str) -> Value {
    construct(implicit(plain), plain).unwrap_or_else(|_| Value::from(plain))
}

/// The value of `text` read as `kind`; the error says why it has none.
pub(crate) fn construct(kind: Implicit, text: &str) -> Result<Value, String> {
    match kind {
        Implicit::Null => Ok(Value::Null),
        Implicit::Bool => boolean(text).map(Value::Bool),
        Implicit::Int => integer(text).map(Value::Int),
        Implicit::Float => float(text).map(Value::Float),
        Implicit::Timestamp | Implicit::Merge | Implicit::DefaultValue | Implicit::Indicator | Implicit::Text => {
            Ok(Value::from(text))
        }
    }
}

/// PyYAML's implicit resolvers (its `resolver.py`), in their order.
pub(crate) fn implicit(text: &str) -> Implicit {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Implicit::Null,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "on"
        | "On" | "ON" | "off" | "Off" | "OFF" => return Implicit::Bool,
        "<<" => return Implicit::Merge,
        "=" => return Implicit::DefaultValue,
        "!" | "&" | "*" => return Implicit::Indicator,
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        Implicit::Text
    } else if is_float(text) {
        Implicit::Float
    } else if is_integer(text) {
        Implicit::Int
    } else if is_timestamp(text) {
        Implicit::Timestamp
    } else {
        Implicit::Text
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn digits_and_underscores(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `[0-9][0-9_]*`
fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && digits_and_underscores(text)
}

/// `(?::[0-5]?[0-9])+`, given without the first colon.
fn sixties(text: &str) -> bool {
    text.split(':').all(|part| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    })
}

fn is_integer(text: &str) -> bool {
    let text = unsigned(text);
    let only = |digits: &str, allowed: fn(u8) -> bool| {
        !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || allowed(byte))
    };
    if let Some(digits) = text.strip_prefix("0b") {
        only(digits, |byte| matches!(byte, b'0' | b'1'))
    } else if let Some(digits) = text.strip_prefix("0x") {
        only(digits, |byte| byte.is_ascii_hexdigit())
    } else if let Some(digits) = text.strip_prefix('0') {
        digits.is_empty() || only(digits, |byte| matches!(byte, b'0'..=b'7'))
    } else {
        let (number, rest) = text
            .split_once(':')
            .map_or((text, None), |(number, rest)| (number, Some(rest)));
        starts_with_digit(number) && rest.is_none_or(sixties)
    }
}

fn is_float(text: &str) -> bool {
    let magnitude = unsigned(text);
    if matches!(magnitude, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, fraction)) = magnitude.split_once('.') else {
        return false;
    };
    if let Some((number, rest)) = whole.split_once(':') {
        return starts_with_digit(number) && sixties(rest) && digits_and_underscores(fraction);
    }
    let mantissa = match fraction.split_once(['e', 'E']) {
        None => fraction,
        Some((mantissa, exponent)) => {
            let power = exponent.strip_prefix(['-', '+']).unwrap_or_default();
            if power.is_empty() || !power.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            mantissa
        }
    };
    if whole.is_empty() {
        // Without a whole part there may be no sign.
        magnitude.len() == text.len() && starts_with_digit(mantissa)
    } else {
        starts_with_digit(whole) && digits_and_underscores(mantissa)
    }
}

/// `2026-01-01`, or a date and a time of PyYAML's forms (`2026-1-1 9:00:00.5 +01:00`).
fn is_timestamp(text: &str) -> bool {
    let mut rest = Rest(text);
    if !(rest.digits(4, 4) && rest.literal('-')) {
        return false;
    }
    if is_short_date(rest.0) {
        return true;
    }
    if !(rest.digits(1, 2) && rest.literal('-') && rest.digits(1, 2)) {
        return false;
    }
    if !(rest.literal('T') || rest.literal('t') || rest.blanks()) {
        return false;
    }
    if !(rest.digits(1, 2) && rest.literal(':') && rest.digits(2, 2) && rest.literal(':') && rest.digits(2, 2)) {
        return false;
    }
    if rest.literal('.') {
        rest.0 = rest.0.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    if rest.0.is_empty() {
        return true;
    }
    rest.blanks();
    if rest.literal('Z') {
        return rest.0.is_empty();
    }
    if !((rest.literal('-') || rest.literal('+')) && rest.digits(1, 2)) {
        return false;
    }
    rest.0.is_empty() || (rest.literal(':') && rest.digits(2, 2) && rest.0.is_empty())
}

/// `[0-9][0-9]-[0-9][0-9]`
fn is_short_date(text: &str) -> bool {
    let mut rest = Rest(text);
    rest.digits(2, 2) && rest.literal('-') && rest.digits(2, 2) && rest.0.is_empty()
}

/// What is left of a text that is matched from its start.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn literal(&mut self, expected: char) -> bool {
        self.0.strip_prefix(expected).is_some_and(|rest| {
            self.0 = rest;
            true
        })
    }

    fn digits(&mut self, least: usize, most: usize) -> bool {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        self.0 = self.0.get(count..).unwrap_or_default();
        count >= least
    }

    fn blanks(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some
    }
}

/// `yes`, `True`, `OFF`, ... in any capitalisation.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" => Ok(true),
        "no" | "false" | "off" => Ok(false),
        _ => Err(format!("{} is not a boolean: write true or false", quoted(text))),
    }
}

/// The integer that PyYAML's constructor makes of `text`, within 128 bits.
///
/// A tag (`!!int " 07"`) brings texts here that no plain integer looks like, so this follows the constructor and Python's
/// `int` step by step: `" 07"` is seven, `"07"` octal.
pub(crate) fn integer(text: &str) -> Result<i128, String> {
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    let negative = plain.starts_with('-');
    let magnitude = unsigned(&plain);
    let parsed = if let Some(digits) = magnitude.strip_prefix("0b") {
        python_int(digits, 2)
    } else if let Some(digits) = magnitude.strip_prefix("0x") {
        python_int(digits, 16)
    } else if magnitude.starts_with('0') {
        python_int(magnitude, 8)
    } else {
        magnitude.split(':').try_fold(0_i128, |total, part| {
            let part = python_int(part, 10)?;
            total
                .checked_mul(60)
                .and_then(|total| total.checked_add(part))
                .ok_or(NumberError::TooLarge)
        })
    };
    match parsed {
        Ok(value) if negative => Ok(-value),
        Ok(value) => Ok(value),
        Err(NumberError::Malformed) => Err(format!("{} is not an integer; quote it if it is text", quoted(text))),
        Err(NumberError::TooLarge) => Err(format!(
            "the integer {} does not fit into 128 bits; quote it if it is text",
            quoted(text)
        )),
    }
}

enum NumberError {
    Malformed,
    TooLarge,
}

/// Python's `int(text, radix)` for ASCII digits: blanks around it, a sign of its own, the prefix of its radix.
fn python_int(text: &str, radix: u32) -> Result<i128, NumberError> {
    let text = text.trim();
    let magnitude = unsigned(text);
    let prefixes: &[&str] = match radix {
        2 => &["0b", "0B"],
        8 => &["0o", "0O"],
        16 => &["0x", "0X"],
        _ => &[],
    };
    let digits = prefixes
        .iter()
        .find_map(|&prefix| magnitude.strip_prefix(prefix))
        .unwrap_or(magnitude);
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(NumberError::Malformed);
    }
    let value = i128::from_str_radix(digits, radix).map_err(|_| NumberError::TooLarge)?;
    Ok(if text.starts_with('-') { -value } else { value })
}

/// The float that PyYAML's constructor makes of `text`.
pub(crate) fn float(text: &str) -> Result<f64, String> {
    let plain: String = text
        .chars()
        .filter(|&c| c != '_')
        .collect::<String>()
        .to_ascii_lowercase();
    let negative = plain.starts_with('-');
    let magnitude = unsigned(&plain);
    let parsed = match magnitude {
        ".inf" => Some(f64::INFINITY),
        ".nan" => return Ok(f64::NAN),
        _ if magnitude.contains(':') => sixties_sum(magnitude),
        _ => python_float(magnitude),
    };
    match parsed {
        Some(value) if negative => Ok(-value),
        Some(value) => Ok(value),
        None => Err(format!("{} is not a number; quote it if it is text", quoted(text))),
    }
}

/// Python's `float(text)`, which allows blanks around it and a sign of its own, for ASCII digits.
fn python_float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// `h:m:s` in seconds, added from the last part as PyYAML does: the order decides the last bit.
fn sixties_sum(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut base = 1.0;
    for part in text.rsplit(':') {
        total += python_float(part)? * base;
        base *= 60.0;
    }
    Some(total)
}

/// `text` for an error message, shortened.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{:?}", start + "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("+12", 12),
            ("1_000", 1000),
            ("0755", 493),
            ("-017", -15),
            ("0_7", 7),
            ("0b1010_1", 21),
            ("0x1F", 31),
            ("-0xff", -255),
            ("12:30", 750),
            ("190:20:30", 685_230),
            ("170141183460469231731687303715884105727", i128::MAX),
        ] {
            assert_eq!(resolve(text), Value::Int(expected), "{text}");
        }
    }

    #[test]
    fn what_a_tag_makes_an_integer_is_read_as_python_reads_it() {
        for (text, expected) in [
            (" 07", 7),
            ("07 ", 7),
            (" -1 ", -1),
            ("--1", 1),
            ("-+1", -1),
            ("0x 1f", 31),
            ("0x-1", -1),
            ("0x0x10", 16),
            ("0o17", 15),
            ("\u{a0}1\u{85}", 1),
            ("1:-2", 58),
        ] {
            assert_eq!(integer(text), Ok(expected), "{text:?}");
        }
        for text in [
            "", "-", " ", "- 1 1", "0x", "0b2", "08", " 0x1", "0x0x", "1:", "---1", "\u{1c}1", "x",
        ] {
            assert!(integer(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_a_tag_makes_a_float_is_read_as_python_reads_it() {
        for (text, expected) in [
            (" 1.5 ", 1.5),
            ("--1", 1.0),
            ("1e3", 1000.0),
            ("infinity", f64::INFINITY),
            ("1:-2", 58.0),
        ] {
            assert_eq!(float(text), Ok(expected), "{text:?}");
        }
        assert!(float("--0").is_ok_and(f64::is_sign_positive));
        for text in ["", "-", ".", "---1", "1:", "\u{1c}1", "x"] {
            assert!(float(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn floats() {
        for (text, expected) in [
            ("1.5", 1.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("1.5e+3", 1500.0),
            ("1_0.2_5", 10.25),
            ("-1.0E-2", -0.01),
            ("190:20:30.15", 685_230.15),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
        ] {
            assert_eq!(resolve(text), Value::Float(expected), "{text}");
        }
        assert!(matches!(resolve(".NaN"), Value::Float(value) if value.is_nan()));
    }

    #[test]
    fn words() {
        for text in ["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            assert_eq!(resolve(text), Value::Bool(true), "{text}");
        }
        for text in ["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            assert_eq!(resolve(text), Value::Bool(false), "{text}");
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Value::Null, "{text}");
        }
    }

    #[test]
    fn texts() {
        for text in [
            "y",
            "N",
            "yEs",
            "tRUE",
            "nULL",
            "1e3",
            "1.5e3",
            "0o14",
            "08",
            "-.5",
            "+.nan",
            "12:60",
            "0b2",
            "0xg",
            "0x",
            "0b_",
            "2026-01-01",
            "2026-1-1 9:00:00",
            "<<",
            "=",
            ".",
            "-",
            "+",
            "1-2",
            "_1",
            "1:2:x",
            "inf",
            "nan",
            "170141183460469231731687303715884105728",
        ] {
            assert_eq!(resolve(text), Value::from(text), "{text}");
        }
    }

    #[test]
    fn timestamps_are_known_as_such() {
        for text in [
            "2026-01-01",
            "2026-1-1T9:00:00",
            "2026-01-01 09:00:00.5 +01:00",
            "2026-01-01t09:00:00Z",
            "2026-01-01\t09:00:00 -1",
        ] {
            assert_eq!(implicit(text), Implicit::Timestamp, "{text}");
        }
        for text in [
            "2026-1-1",
            "2026-01-01 9:0:0",
            "2026-01-01T09:00",
            "2026-01-01T09:00:00 X",
            "2026-01-01T09:00:00+1:0",
        ] {
            assert_eq!(implicit(text), Implicit::Text, "{text}");
        }
    }
}
