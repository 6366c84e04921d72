//! Text to tree.
//!
//! What PyYAML's `SafeLoader` reads is read to the same values, and what it refuses is refused, except:
//!
//! - refused here only: a key twice in one map, a value that contains an alias to itself, `!!binary`, `!!set`, `!!omap` and
//!   `!!pairs`, `%TAG`, integers beyond 128 bits, escapes of lone surrogates, a map that `=` makes a scalar, and all that is
//!   beyond the bounds below;
//! - read here only: CloudFormation's tags, timestamps of dates that do not exist (all timestamps are text);
//! - read differently: `1`, `1.0` and `true` are one key to Python and three here.
//!
//! The syntax is read by this crate itself. The parsers at hand follow YAML 1.2 and refuse files that PyYAML reads (quoted
//! text and flow collections that continue left of their block's indentation), or panic on some input.

use crate::compose::compose;
use crate::construct::construct;
use crate::reader::Position;
use crate::{Value, syntax};

/// The longest document that is read.
pub(crate) const MAX_INPUT_BYTES: usize = 1 << 20;
/// How deep lists and maps may nest, aliases followed.
pub(crate) const MAX_DEPTH: usize = 100;
/// How many values all aliases of a document may expand to.
pub(crate) const MAX_ALIAS_NODES: usize = 100_000;
/// How many bytes of text all aliases of a document may expand to.
pub(crate) const MAX_ALIAS_TEXT_BYTES: usize = 8 << 20;

/// Why a document could not be read, with where: `3:14: message` (1-based line and column).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// 1-based line
    pub line: usize,
    /// 1-based column, in characters
    pub column: usize,
    /// what is wrong, and what would be right
    pub message: String,
}

impl Error {
    pub(crate) fn at(position: Position, message: impl Into<String>) -> Self {
        Self {
            line: position.line + 1,
            column: position.column + 1,
            message: message.into(),
        }
    }
}

/// Reads the one document in `text`; an empty document is [`Value::Null`].
///
/// CloudFormation's short tags become their long form (`!Ref x` -> `{Ref: x}`, `!GetAtt a.b` -> `{Fn::GetAtt: [a, b]}`, others
/// `{Fn::Name: ...}`). Errors: syntax, several documents, duplicate keys, unknown tags, keys that are not scalars, text of
/// more than 1 MiB, nesting beyond 100 levels, aliases that expand to more than 100 000 nodes (or 8 MiB of text).
pub fn load(text: &str) -> Result<Value, Error> {
    if text.len() > MAX_INPUT_BYTES {
        let message = format!("the document is longer than {MAX_INPUT_BYTES} bytes");
        return Err(Error::at(Position::default(), message));
    }
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    syntax::check_characters(text)?;
    let document = compose(text).map_err(|error| syntax::advise(text, error))?;
    construct(&document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        load(text).unwrap().to_json().to_string()
    }

    fn error(text: &str) -> String {
        load(text).unwrap_err().to_string()
    }

    #[test]
    fn documents() {
        for (text, expected) in [
            ("", "null"),
            ("# only a comment\n", "null"),
            ("--- \n", "null"),
            ("\u{FEFF}a: 1", r#"{"a":1}"#),
            ("a: 1\n...\n", r#"{"a":1}"#),
            (
                "a: 012\nb: 0o12\nc: 1e3\nd: y\ne: On\nf: 12:30\ng: 2026-01-01\nh:\n",
                r#"{"a":10,"b":"0o12","c":"1e3","d":"y","e":true,"f":750,"g":"2026-01-01","h":null}"#,
            ),
            (
                "{a: !!str 5, b: !!int '5', c: !!float 5, d: !!bool 'YES', e: !!null x, f: ! 5}",
                r#"{"a":"5","b":5,"c":5.0,"d":true,"e":null,"f":5}"#,
            ),
            (
                "a: '1'\nb: \"\\x41\\u20AC\"\nc: |-\n  l1\n  l2\nd: >\n  f1\n  f2\n",
                r#"{"a":"1","b":"A€","c":"l1\nl2","d":"f1 f2\n"}"#,
            ),
            ("=: 1", r#"{"=":1}"#),
            (
                "on: 1\n8080: 2\n~: 3\n1.5: 4",
                r#"{"true":1,"8080":2,"null":3,"1.5":4}"#,
            ),
            // Quotes and flow collections may continue left of their block.
            (
                "a:\n  b: [\n1,\n  {c: 2\n}]\n  d: 'x\ny'",
                r#"{"a":{"b":[1,{"c":2}],"d":"x y"}}"#,
            ),
            (
                "a: |\n  no line break after this",
                r#"{"a":"no line break after this"}"#,
            ),
            (
                "a: b # a\ttab\nc: 'x\ty'\nd: |\n  x\ty\n",
                r#"{"a":"b","c":"x\ty","d":"x\ty\n"}"#,
            ),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn merge_keys() {
        for (text, expected) in [
            (
                "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}",
                r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":3,"z":4}}"#,
            ),
            (
                "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {z: 0, <<: [*a, *b]}",
                r#"{"a":{"x":1},"b":{"x":2,"y":2},"c":{"x":1,"y":2,"z":0}}"#,
            ),
            (
                "a: &a {x: 1}\nb: &b {<<: *a, y: 1}\nc: {<<: *b}",
                r#"{"a":{"x":1},"b":{"x":1,"y":1},"c":{"x":1,"y":1}}"#,
            ),
            ("{'<<': 1}", r#"{"<<":1}"#),
            (
                "a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: *a, <<: *b}",
                r#"{"a":{"x":1},"b":{"x":2},"c":{"x":2}}"#,
            ),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert!(error("a: {<<: 1}").contains("line 1, column 9: \"<<\" merges a map"));
        assert!(error("a: {<<: [1]}").contains("line 1, column 10: \"<<\" merges a map"));
        assert!(
            error("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n  x: 3")
                .starts_with("line 5, column 3: the key \"x\" occurs a second")
        );
    }

    #[test]
    fn cloudformation_tags() {
        for (text, expected) in [
            ("!Ref x", r#"{"Ref":"x"}"#),
            ("!Ref 12", r#"{"Ref":"12"}"#),
            ("!Condition x", r#"{"Condition":"x"}"#),
            ("!GetAtt a.b.c", r#"{"Fn::GetAtt":["a","b.c"]}"#),
            ("!GetAtt [a, !Ref b]", r#"{"Fn::GetAtt":["a",{"Ref":"b"}]}"#),
            ("!Join ['', [a, !Ref b]]", r#"{"Fn::Join":["",["a",{"Ref":"b"}]]}"#),
            (
                "!Sub\n- '${a}'\n- {a: !GetAtt b.c}",
                r#"{"Fn::Sub":["${a}",{"a":{"Fn::GetAtt":["b","c"]}}]}"#,
            ),
            ("!Base64 {Fn::Sub: x}", r#"{"Fn::Base64":{"Fn::Sub":"x"}}"#),
            ("!GetAZs ''", r#"{"Fn::GetAZs":""}"#),
            ("!ImportValue 123", r#"{"Fn::ImportValue":"123"}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert!(error("a: !Reff x").starts_with("line 1, column 4: the tag !Reff is unknown; known are !And, !Base64"));
        assert!(error("a: !GetAtt x").contains("!GetAtt Resource.Attribute"));
        assert!(error("a: !Ref [x]").contains("!Ref Name"));
    }

    #[test]
    fn refusals_say_where_and_what() {
        for (text, expected) in [
            (
                "a: 1\nb: 2\na: 3",
                "line 3, column 1: the key \"a\" occurs a second time in this map",
            ),
            ("a: {x: 1, x: 2}", "line 1, column 11: the key \"x\" occurs"),
            ("a: 1\n---\nb: 1", "line 2, column 1: a second document"),
            ("a: =", "line 1, column 4: \"=\" has a meaning of its own"),
            ("a: [<<]", "line 1, column 5: \"<<\" can only be a key"),
            (
                "a: 340282366920938463463374607431768211456",
                "line 1, column 4: the integer",
            ),
            ("a: 0x_", "line 1, column 4: \"0x_\" is not an integer"),
            ("a: !!int x", "line 1, column 4: \"x\" is not an integer"),
            ("a: ! '*'", "line 1, column 4: after the tag ! \"*\" is no text"),
            ("a: !!binary aGk=", "line 1, column 4: !!binary is not supported"),
            ("a: !!set {x}", "line 1, column 4: !!set is not supported"),
            (
                "a: &a [*a]",
                "line 1, column 8: this alias refers to a value that contains it",
            ),
            ("a: *b", "line 1, column 4"),
            ("? [a]\n: b", "line 1, column 3: a key must be a scalar"),
            (
                "a: {{Arguments.X}}",
                "line 1, column 5: a key must be a scalar; text that starts with \"{\" or \"[\", such as {{Arguments.Name}}, needs quotes",
            ),
            ("a: 1\nb: {{X}}/y\n", "a value that starts with {{ needs quotes"),
            ("a:\n\tb: 1", "line 2, column 1: a tab"),
            ("a: b\tc", "line 1, column 5: a tab"),
            ("a: 1\n  b: 2", "line 2, column 4"),
            (
                "a: [1, 2",
                "line 1, column 9: ',' or ']' is expected here, not the end of the text",
            ),
            ("a: \u{7}", "line 1, column 4: the character"),
        ] {
            assert!(error(text).contains(expected), "{text:?}: {}", error(text));
        }
    }

    #[test]
    fn bounds() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(load(&deep(MAX_DEPTH)).is_ok());
        assert!(error(&deep(200_000)).contains("nested more than 100 levels"));
        assert!(error(&"- ".repeat(200_000)).contains("nested more than 100 levels"));
        assert!(error(&"? ".repeat(200_000)).contains("nested more than 100 levels"));
        assert!(error(&"{a: ".repeat(200_000)).contains("nested more than 100 levels"));
        assert!(error(&" ".repeat(MAX_INPUT_BYTES + 1)).contains("longer than 1048576 bytes"));
    }

    #[test]
    fn aliases_are_bounded() {
        let chain = |first: &str, next: fn(usize, usize) -> String, length: usize| -> String {
            let rest = (1..length).map(|level| next(level, level - 1));
            std::iter::once(format!("a0: &a0 {first}\n")).chain(rest).collect()
        };
        let laughs = chain(
            "[lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]",
            |level, below| format!("a{level}: &a{level} [{}]\n", format!("*a{below}, ").repeat(10)),
            30,
        );
        let merges = chain(
            "{x: 1}",
            |level, below| format!("a{level}: &a{level} {{<<: [{}]}}\n", format!("*a{below}, ").repeat(10)),
            30,
        );
        assert!(error(&laughs).contains("aliases expand to more than 100000 values"));
        assert!(error(&merges).contains("aliases expand to more than 100000 values"));
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(500_000), "*a, ".repeat(10_000));
        assert!(error(&long).contains("bytes of text"));
        let long_merge = chain(
            "{x: 1}",
            |level, below| format!("a{level}: &a{level} {{<<: *a{below}}}\n"),
            10_000,
        );
        let long_nest = chain(
            "[]",
            |level, below| format!("a{level}: &a{level} [*a{below}]\n"),
            10_000,
        );
        assert!(error(&long_merge).contains("nested more than 100 levels"));
        assert!(error(&long_nest).contains("nested more than 100 levels"));
        assert_eq!(json("a: &a [1]\nb: *a\nc: *a"), r#"{"a":[1],"b":[1],"c":[1]}"#);
    }
}
