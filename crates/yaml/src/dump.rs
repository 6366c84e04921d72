//! Tree to text, byte for byte as PyYAML writes it.
//!
//! The rules are those of PyYAML 6's emitter with unlimited width and `allow_unicode=False`; the state it keeps (column,
//! whether white space was just written, whether the line holds indentation only) is kept here too, since the layout of
//! nested and complex nodes follows from it.

use std::cmp::Ordering;

use crate::analysis::Analysis;
use crate::scalar::{Implicit, implicit};
use crate::value::float_text;
use crate::{Key, Map, Value};

/// `yaml.dump(value, default_flow_style=False, width=<unlimited>)`: block style, keys sorted as PyYAML sorts them, ASCII only.
///
/// PyYAML sorts keys that Python can compare (all text, or all numbers and booleans) and leaves other mixtures in their order.
pub fn dump(value: &Value) -> String {
    dump_indented(value, 2)
}

/// As [`dump`] with `indent=indent` (PyYAML accepts 2 to 9, and takes 2 for anything else).
pub fn dump_indented(value: &Value, indent: usize) -> String {
    let step = if (2..=9).contains(&indent) { indent } else { 2 };
    let mut writer = Writer {
        text: String::new(),
        step,
        column: 0,
        whitespace: true,
        indention: true,
    };
    let plain_root = writer.node(
        value,
        Context {
            indent: None,
            in_mapping: false,
        },
    );
    writer.indent(0);
    if plain_root {
        writer.text.push_str("...\n");
    }
    writer.text
}

/// Whether PyYAML writes this text plain (unquoted) in block context. Text that it quotes is read back as text;
/// text that it writes plain is resolved again when it is read back.
pub fn dumps_plain(text: &str) -> bool {
    text_style(text, Analysis::of(text)) == Style::Plain
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
}

fn text_style(text: &str, analysis: Analysis) -> Style {
    // Text that would be read back as something else is quoted.
    if implicit(text) == Implicit::Text && analysis.allows_plain {
        Style::Plain
    } else if analysis.allows_single_quotes {
        Style::SingleQuoted
    } else {
        Style::DoubleQuoted
    }
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Context {
    /// the indentation of the collection around it; nothing at the root
    indent: Option<usize>,
    /// whether it is a key or value of a mapping
    in_mapping: bool,
}

/// A scalar key, ready to be written.
struct KeyText<'a> {
    text: std::borrow::Cow<'a, str>,
    style: Style,
    /// PyYAML writes a key on the line of its value if it is short and neither empty nor of several lines.
    simple: bool,
}

impl<'a> KeyText<'a> {
    fn of(key: &'a Key) -> Self {
        // PyYAML counts the length of the tag that it does not write (`!!str`).
        const LIMIT: usize = 128;
        let plain = |text: String, tag: &str| {
            let simple = text.len() + tag.len() < LIMIT;
            Self {
                text: text.into(),
                style: Style::Plain,
                simple,
            }
        };
        match key {
            Key::Null => plain("null".to_owned(), "!!null"),
            Key::Bool(value) => plain(value.to_string(), "!!bool"),
            Key::Int(value) => plain(value.to_string(), "!!int"),
            Key::Float(bits) => plain(yaml_float(f64::from_bits(*bits)), "!!float"),
            Key::String(text) => {
                let analysis = Analysis::of(text);
                let short = text.chars().count() + "!!str".len() < LIMIT;
                let simple = short && !text.is_empty() && !analysis.multiline;
                Self {
                    text: text.as_str().into(),
                    style: text_style(text, analysis),
                    simple,
                }
            }
        }
    }
}

struct Writer {
    text: String,
    /// columns per level
    step: usize,
    column: usize,
    /// the last character written was white space
    whitespace: bool,
    /// the line so far holds nothing but indentation and block indicators
    indention: bool,
}

impl Writer {
    /// Writes one node; whether it was written as a plain scalar.
    fn node(&mut self, value: &Value, context: Context) -> bool {
        match value {
            Value::Null => self.plain("null"),
            Value::Bool(value) => self.plain(if *value { "true" } else { "false" }),
            Value::Int(value) => self.plain(&value.to_string()),
            Value::Float(value) => self.plain(&yaml_float(*value)),
            Value::String(text) => {
                let style = text_style(text, Analysis::of(text));
                self.scalar(text, style, context.indent);
                return style == Style::Plain;
            }
            Value::List(items) if items.is_empty() => {
                self.indicator("[]", false);
                return false;
            }
            Value::Map(map) if map.is_empty() => {
                self.indicator("{}", false);
                return false;
            }
            Value::List(items) => {
                self.list(items, context);
                return false;
            }
            Value::Map(map) => {
                self.map(map, context);
                return false;
            }
        }
        true
    }

    fn list(&mut self, items: &[Value], context: Context) {
        let indent = match context.indent {
            // A list under its key starts in the key's column.
            Some(indent) if context.in_mapping && !self.indention => indent,
            Some(indent) => indent + self.step,
            None => 0,
        };
        for item in items {
            self.indent(indent);
            self.indicator("-", true);
            self.node(
                item,
                Context {
                    indent: Some(indent),
                    in_mapping: false,
                },
            );
        }
    }

    fn map(&mut self, map: &Map, context: Context) {
        let indent = context.indent.map_or(0, |indent| indent + self.step);
        let inside = Context {
            indent: Some(indent),
            in_mapping: true,
        };
        for (key, value) in sorted(map) {
            let key = KeyText::of(key);
            self.indent(indent);
            if key.simple {
                self.scalar(&key.text, key.style, inside.indent);
                self.text.push(':');
                self.column += 1;
                self.whitespace = false;
                self.indention = false;
            } else {
                self.indicator("?", true);
                self.scalar(&key.text, key.style, inside.indent);
                self.indent(indent);
                self.indicator(":", true);
            }
            self.node(value, inside);
        }
    }

    fn scalar(&mut self, text: &str, style: Style, indent: Option<usize>) {
        match style {
            Style::Plain => self.plain(text),
            Style::SingleQuoted => self.single_quoted(text, indent.unwrap_or(0) + self.step),
            Style::DoubleQuoted => self.double_quoted(text),
        }
    }

    fn plain(&mut self, text: &str) {
        self.separate();
        self.push(text);
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, indent: usize) {
        self.indicator("'", false);
        let mut breaks = 0_usize;
        for character in text.chars() {
            if character == '\n' {
                breaks += 1;
                continue;
            }
            self.folded_breaks(&mut breaks, indent);
            if character == '\'' {
                self.push("'");
            }
            self.push(character.encode_utf8(&mut [0; 4]));
        }
        self.folded_breaks(&mut breaks, indent);
        self.push("'");
        self.whitespace = false;
        self.indention = false;
    }

    /// A reader folds one line break away, so one more is written.
    fn folded_breaks(&mut self, breaks: &mut usize, indent: usize) {
        if *breaks > 0 {
            (0..=*breaks).for_each(|_| self.line_break());
            self.indent(indent);
            *breaks = 0;
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.indicator("\"", false);
        for character in text.chars() {
            match character {
                '\0' => self.push("\\0"),
                '\x07' => self.push("\\a"),
                '\x08' => self.push("\\b"),
                '\t' => self.push("\\t"),
                '\n' => self.push("\\n"),
                '\x0B' => self.push("\\v"),
                '\x0C' => self.push("\\f"),
                '\r' => self.push("\\r"),
                '\x1B' => self.push("\\e"),
                '"' => self.push("\\\""),
                '\\' => self.push("\\\\"),
                '\u{85}' => self.push("\\N"),
                '\u{A0}' => self.push("\\_"),
                '\u{2028}' => self.push("\\L"),
                '\u{2029}' => self.push("\\P"),
                ' '..='~' => self.push(character.encode_utf8(&mut [0; 4])),
                _ => self.push(&match u32::from(character) {
                    code @ ..=0xFF => format!("\\x{code:02X}"),
                    code @ ..=0xFFFF => format!("\\u{code:04X}"),
                    code => format!("\\U{code:08X}"),
                }),
            }
        }
        self.push("\"");
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes ASCII text.
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }

    fn separate(&mut self) {
        if !self.whitespace {
            self.push(" ");
        }
    }

    /// Writes an indicator, separated from what stands before it. `block`: one that a node may follow on the same line as
    /// if it were indented (`-`, `?`, `:`).
    fn indicator(&mut self, indicator: &str, block: bool) {
        self.separate();
        self.push(indicator);
        self.whitespace = false;
        self.indention = self.indention && block;
    }

    /// Moves to the column `indent`, on this line if there is nothing but indentation before it.
    fn indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        if self.column < indent {
            self.whitespace = true;
            self.push(&" ".repeat(indent - self.column));
        }
    }

    fn line_break(&mut self) {
        self.text.push('\n');
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
    }
}

/// A float as PyYAML's representer writes it: Python's `repr` with a fraction, which YAML 1.1 wants before an exponent.
fn yaml_float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = float_text(value);
    if text.contains('.') {
        text
    } else {
        text.replacen('e', ".0e", 1)
    }
}

/// The members in the order that [`dump`] writes them: Python's `sorted`, or as they are if Python cannot compare the keys.
pub fn sorted(map: &Map) -> Vec<(&Key, &Value)> {
    let mut members: Vec<_> = map.iter().collect();
    let text = map.keys().all(|key| matches!(key, Key::String(_)));
    let numbers = map
        .keys()
        .all(|key| matches!(key, Key::Bool(_) | Key::Int(_) | Key::Float(_)));
    if text {
        members.sort_by_key(|(key, _)| *key);
    } else if numbers {
        members.sort_by(|(left, _), (right, _)| compare_numbers(left, right));
    }
    members
}

fn compare_numbers(left: &Key, right: &Key) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => real(left).total_cmp(&real(right)),
    }
}

fn whole(key: &Key) -> Option<i128> {
    match key {
        Key::Bool(value) => Some(i128::from(*value)),
        Key::Int(value) => Some(*value),
        _ => None,
    }
}

fn real(key: &Key) -> f64 {
    match key {
        Key::Float(bits) => f64::from_bits(*bits),
        other => whole(other).unwrap_or_default() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_single_quoted() {
        for text in [
            "1.0",
            "yes",
            "on",
            "null",
            "~",
            "0755",
            "12:30",
            "2026-01-01",
            "0x1F",
            "1_000",
            "",
            " a",
            "a ",
            "a: b",
            "a:",
            "- x",
            "-",
            "?",
            "#h",
            "a #h",
            "@at",
            "%p",
            "&a",
            "*s",
            "!t",
            "{b",
            "[b",
            "\"dq\"",
            "<<",
            "=",
            "---",
            "`x",
        ] {
            assert_eq!(dump(&Value::from(text)), format!("'{text}'\n"), "{text:?}");
            assert!(!dumps_plain(text), "{text:?}");
        }
        assert_eq!(dump(&Value::from("'q'")), "'''q'''\n");
    }

    #[test]
    fn texts_that_are_plain() {
        for text in [
            "1e3",
            ".",
            "a,b",
            "=eq",
            ":a",
            "it's",
            "back\\slash",
            "00 01 * * *",
            "y",
            "0o14",
            "-.5",
            "a#b",
            "?x",
        ] {
            assert_eq!(dump(&Value::from(text)), format!("{text}\n...\n"), "{text:?}");
            assert!(dumps_plain(text), "{text:?}");
        }
    }

    #[test]
    fn texts_of_several_lines_and_with_escapes() {
        let dumped = |text: &str| dump(&Value::from(Map::from_iter([(Key::from("k"), Value::from(text))])));
        assert_eq!(dumped("multi\nline"), "k: 'multi\n\n  line'\n");
        assert_eq!(dumped("a\n\nb\n"), "k: 'a\n\n\n  b\n\n  '\n");
        assert_eq!(dumped("a\n b"), "k: \"a\\n b\"\n");
        assert_eq!(dumped("a\tb"), "k: \"a\\tb\"\n");
        assert_eq!(dumped("ü€😀"), "k: \"\\xFC\\u20AC\\U0001F600\"\n");
    }

    #[test]
    fn scalars_and_empty_collections() {
        let rows = [
            (Value::Int(5), "5\n...\n"),
            (Value::Float(1.5), "1.5\n...\n"),
            (Value::Float(1e22), "1.0e+22\n...\n"),
            (Value::Float(1.5e-7), "1.5e-07\n...\n"),
            (Value::Float(1e16), "1.0e+16\n...\n"),
            (Value::Float(123_456_789.0), "123456789.0\n...\n"),
            (Value::Float(0.0001), "0.0001\n...\n"),
            (Value::Float(-0.0), "-0.0\n...\n"),
            (Value::Float(f64::NEG_INFINITY), "-.inf\n...\n"),
            (Value::Float(f64::NAN), ".nan\n...\n"),
            (Value::Bool(true), "true\n...\n"),
            (Value::Null, "null\n...\n"),
            (Value::Map(Map::new()), "{}\n"),
            (Value::List(Vec::new()), "[]\n"),
        ];
        for (value, text) in rows {
            assert_eq!(dump(&value), text);
        }
    }

    #[test]
    fn block_layout() {
        let value =
            crate::load("b: [1, [2, {x: y, l: [3]}]]\na: {8080: z, 80: y}\n'': empty\n? |\n  two\n  lines\n: [1]\n")
                .unwrap();
        assert_eq!(
            dump(&value),
            "? ''\n: empty\na:\n  80: y\n  8080: z\nb:\n- 1\n- - 2\n  - l:\n    - 3\n    x: y\n? 'two\n\n  lines\n\n  '\n: - 1\n"
        );
        assert_eq!(
            dump_indented(&crate::load("b: [1, [2, {x: {y: 1}, l: [3]}]]").unwrap(), 4),
            "b:\n- 1\n-   - 2\n    -   l:\n        - 3\n        x:\n            y: 1\n"
        );
    }

    #[test]
    fn long_keys_are_complex() {
        let dumped = |length| {
            dump(&Value::from(Map::from_iter([(
                Key::from("k".repeat(length)),
                Value::Int(1),
            )])))
        };
        assert_eq!(dumped(122), format!("{}: 1\n", "k".repeat(122)));
        assert_eq!(dumped(123), format!("? {}\n: 1\n", "k".repeat(123)));
    }
}
