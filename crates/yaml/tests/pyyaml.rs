//! The reader and the writer against PyYAML itself, which runs beside the tests and answers line by line.

mod document;
mod reference;

use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::FileFailurePersistence;
use reference::{Answer, Reference};
use stups_yaml::{Key, Map, Value, dump_indented, dumps_plain, load, resolve};

/// So many cases, unless `PROPTEST_CASES` says otherwise.
fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases, ..default }
    }
}

/// Text of pieces that mean something to YAML, now and then of any characters.
fn text() -> impl Strategy<Value = String> {
    const PIECES: [&str; 60] = [
        " ", "  ", "\n", "\n\n", ":", ": ", " :", "#", " #", "-", "- ", "--- ", "...", "?", "? ", "a", "b c", "yes",
        "No", "1", "0x1", "0o7", "07", ".", ".5", "e3", "'", "''", "\"", "\\", "\t", "\r", "é", "€", "😀", "\u{85}",
        "\u{A0}", "\u{2028}", "\u{FEFF}", "\u{7F}", "\0", "\x1B", "{{", "}}", "{", "[", "]", ",", "~", "null", "<<",
        "=", "%", "@", "`", "!", "&x", "*x", "|", "> ",
    ];
    prop_oneof![
        6 => proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat()),
        2 => number_like(),
        1 => "\\PC{0,20}",
        1 => any::<String>(),
        1 => "[a-z ]{110,140}",
    ]
}

/// Text that is a number, a boolean, a timestamp, or nearly so.
fn number_like() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "0",
        "1",
        "7",
        "8",
        "9",
        "12",
        "59",
        "60",
        "00",
        "2026",
        "01",
        "_",
        "_",
        ":",
        ":",
        ".",
        ".",
        "-",
        "+",
        "-",
        "e",
        "E",
        "e+",
        "e-",
        "0x",
        "0b",
        "0o",
        "a",
        "F",
        "x",
        "inf",
        "Inf",
        "NAN",
        "nan",
        "NaN",
        "T",
        "t",
        "Z",
        " ",
        " ",
        "2026-01-01",
        "12:30",
        "12:30:45",
        "1.5",
    ];
    const WORDS: [&str; 24] = [
        "yes", "Yes", "YES", "yEs", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "oFF", "true", "True",
        "TRUE", "false", "FALSE", "null", "Null", "NULL", "y", "N",
    ];
    let forms = [
        "[-+]?[0-9_]{1,6}",
        "[-+]?0[0-9_]{0,4}",
        "[-+]?0b[0-2_]{0,5}",
        "[-+]?0x[0-9a-fA-Fg_]{0,5}",
        "[-+]?[0-9_]{1,3}(:[0-9]{1,2}){1,3}(\\.[0-9_]{0,2})?",
        "[-+]?[0-9_]{0,3}\\.[0-9_]{0,3}([eE][-+]?[0-9]{0,3})?",
        "[-+]?[0-9]{1,3}[eE][-+]?[0-9]{1,2}",
        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[Tt \t]{0,2}[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,3})?[ \t]{0,2}(Z|[-+][0-9]{1,2}(:[0-9]{2})?)?",
        "[0-9]{30,42}",
    ];
    prop_oneof![
        3 => proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..7).prop_map(|pieces| pieces.concat()),
        1 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        6 => Union::new(forms),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        (-1_000_000_i64..1_000_000, -20_i32..20).prop_map(|(digits, power)| digits as f64 * 10_f64.powi(power)),
        proptest::sample::select(
            &[
                0.0,
                -0.0,
                1e15,
                1e16,
                1e17,
                1e-4,
                1e-5,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN
            ][..]
        ),
    ]
}

fn integer() -> impl Strategy<Value = i128> {
    prop_oneof![any::<i128>(), any::<i64>().prop_map(i128::from), -100_i128..100]
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    prop_oneof![
        6 => proptest::collection::vec(text().prop_map(Key::from), 0..5),
        1 => proptest::collection::vec(integer().prop_map(Key::Int), 0..5),
        1 => proptest::collection::vec(float().prop_filter("NaN is unequal to itself", |value| !value.is_nan()).prop_map(|value| Key::Float(value.to_bits())), 0..5),
        // Kinds that Python cannot compare: PyYAML leaves the order alone.
        1 => (any::<bool>(), -100_i128..100, text()).prop_map(|(boolean, integer, text)| {
            vec![Key::Null, Key::Int(integer + 1000), Key::from(text), Key::Bool(boolean)]
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => integer().prop_map(Value::Int),
        2 => float().prop_map(Value::Float),
        6 => text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            (keys(), proptest::collection::vec(inner, 5))
                .prop_map(|(keys, values)| Value::Map(keys.into_iter().zip(values).collect::<Map>())),
        ]
    })
}

/// NaN equals itself here, and the sign of zero counts.
fn same(left: &Value, right: &Value) -> bool {
    reference::encode(left) == reference::encode(right)
}

/// Python takes 0.0 and -0.0 for the same key.
fn has_both_zeros(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(has_both_zeros),
        Value::Map(map) => {
            map.values().any(has_both_zeros)
                || (map.contains_key(&Key::Float(0)) && map.contains_key(&Key::Float((-0.0_f64).to_bits())))
        }
        _ => false,
    }
}

#[test]
fn dumps_as_pyyaml_and_reads_it_back() {
    let python = Reference::start();
    proptest!(cases(500), |(value in value(), indent in 0_usize..12)| {
        prop_assume!(!has_both_zeros(&value));
        let text = dump_indented(&value, indent);
        prop_assert_eq!(&text, &python.dump(&value, indent));
        let read = load(&text);
        prop_assert!(read.as_ref().is_ok_and(|read| {
            // Only the order of keys may differ: the writer sorts them.
            dump_indented(read, indent) == text
        }), "{:?} from {}", read, text);
    });
}

#[test]
fn writes_plain_what_pyyaml_writes_plain() {
    let python = Reference::start();
    proptest!(cases(500), |(text in text())| {
        let map = Value::Map(Map::from_iter([(Key::from("k"), Value::from(text.as_str()))]));
        let dumped = python.dump(&map, 2);
        let quoted = dumped.starts_with("k: '") || dumped.starts_with("k: \"");
        prop_assert_eq!(dumps_plain(&text), !quoted, "{}", dumped);
        prop_assert_eq!(load(&dumped), Ok(map));
    });
}

#[test]
fn resolves_scalars_as_pyyaml() {
    let python = Reference::start();
    // No plain scalar ends in a line break; Python's patterns, which such a text never meets, would look past it.
    let plain = prop_oneof![number_like(), text()].prop_filter("a line break at the end", |text| !text.ends_with('\n'));
    proptest!(cases(2000), |(text in plain)| {
        match python.resolve(&text) {
            Answer::Value(expected) => {
                let resolved = resolve(&text);
                prop_assert!(same(&resolved, &expected), "{:?}, PyYAML: {:?}", resolved, expected);
            }
            // A number without a value stays text, and the reader refuses it.
            Answer::Refused(_) | Answer::TooLarge => prop_assert_eq!(resolve(&text), Value::String(text)),
            Answer::Unequal => {}
        }
    });
}

fn reads_alike(python: &Reference, text: &str) -> Result<(), TestCaseError> {
    let ours = load(text);
    match (&ours, python.load(text)) {
        (_, Answer::Unequal) | (Err(_), Answer::Refused(_) | Answer::TooLarge) => Ok(()),
        (Ok(ours), Answer::Value(theirs)) if same(ours, &theirs) => Ok(()),
        (ours, Answer::Refused(reason)) => Err(TestCaseError::fail(format!(
            "{text}\nours: {ours:?}\nPyYAML refuses: {reason}"
        ))),
        (ours, theirs) => Err(TestCaseError::fail(format!(
            "{text}\nours: {ours:?}\nPyYAML: {theirs:?}"
        ))),
    }
}

#[test]
fn reads_documents_as_pyyaml() {
    let python = Reference::start();
    proptest!(cases(1000), |(document in document::document(text(), number_like()))| {
        reads_alike(&python, &document)?;
    });
}

/// A tag brings texts to the constructors of numbers that no plain number looks like.
#[test]
fn reads_tagged_scalars_as_pyyaml() {
    let python = Reference::start();
    let scalar = (
        proptest::sample::select(&["!!int", "!!float", "!!bool", "!!null", "!!str"][..]),
        proptest::collection::vec(prop_oneof![2 => number_like(), 1 => "[-+ 0x.:]{1,2}"], 0..3),
    );
    proptest!(cases(2000), |((tag, pieces) in scalar)| {
        reads_alike(&python, &format!("a: {tag} '{}'", pieces.concat()))?;
    });
}

/// YAML's tokens in any order.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 46] = [
        "a",
        "b",
        "c: d",
        "1",
        " ",
        "  ",
        "    ",
        "\n",
        "\n  ",
        "\n ",
        "\n- ",
        "\na: ",
        "- ",
        "-",
        "? ",
        ": ",
        ":",
        ", ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "}}",
        "'",
        "\"",
        "\\",
        "\\\n",
        "|\n",
        ">-\n",
        "|2+\n",
        ">",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "! ",
        "#",
        " # ",
        "\t",
        "---",
        "--- ",
        "...",
        "%YAML 1.1\n",
        "\r",
    ];
    proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat())
}

#[test]
fn reads_and_refuses_what_pyyaml_reads_and_refuses() {
    let python = Reference::start();
    proptest!(cases(3000), |(text in soup())| {
        reads_alike(&python, &text)?;
    });
}

#[test]
fn never_panics() {
    let soup = (
        soup(),
        proptest::sample::select(&["", "!Ref ", "!GetAtt a.b", "!Sub [x", "%TAG !x! y\n", "\u{FEFF}"][..]),
    )
        .prop_map(|(text, more)| format!("{more}{text}{more}"));
    let bytes =
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    proptest!(cases(5000), |(text in prop_oneof![8 => soup, 1 => bytes, 1 => any::<String>()])| {
        if let Err(error) = load(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1);
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    });
}
