//! A template as people read it.

use std::fmt::Write as _;

use serde_json::Value as Json;
use stups_yaml::Value;

/// How a template is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// keys sorted, four spaces, ASCII only
    #[default]
    Json,
    /// block style, four spaces
    Yaml,
}

/// The template in `format`, ending in a newline.
pub(crate) fn render(template: &Json, format: Format) -> String {
    match format {
        Format::Json => {
            let mut out = String::new();
            write_json(&mut out, template, 0);
            out.push('\n');
            out
        }
        Format::Yaml => stups_yaml::dump_indented(&Value::from(template), 4),
    }
}

/// As Python's `json.dumps(template, sort_keys=True, indent=4)`: the form that people's diffs are made of.
fn write_json(out: &mut String, json: &Json, depth: usize) {
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    match json {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                new_line(out, depth + 1);
                write_json(out, item, depth + 1);
            }
            new_line(out, depth);
            out.push(']');
        }
        Json::Object(map) if !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (position, (key, value)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                new_line(out, depth + 1);
                write_scalar(out, &Json::from(key.as_str()));
                out.push_str(": ");
                write_json(out, value, depth + 1);
            }
            new_line(out, depth);
            out.push('}');
        }
        scalar => write_scalar(out, scalar),
    }
}

fn write_scalar(out: &mut String, scalar: &Json) {
    if let Json::Number(number) = scalar
        && number.is_f64()
    {
        out.push_str(&super::python::repr(&Value::from(scalar)));
        return;
    }
    for character in scalar.to_string().chars() {
        if matches!(character, ' '..='~') {
            out.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_what_python_writes() {
        let template =
            json!({"b": [1, {"x": null}, [], {}], "a": "é\u{1f600}\u{7f}\n\"", "c": 1e16, "d": 1.0, "B": true});
        let expected = r#"{
    "B": true,
    "a": "\u00e9\ud83d\ude00\u007f\n\"",
    "b": [
        1,
        {
            "x": null
        },
        [],
        {}
    ],
    "c": 1e+16,
    "d": 1.0
}
"#;
        assert_eq!(render(&template, Format::Json), expected);
        assert_eq!(render(&json!({}), Format::Json), "{}\n");
    }

    #[test]
    fn yaml_reads_back() {
        let template = json!({"Resources": {"A": {"Type": "x", "List": [1, "1", true]}}});
        let text = render(&template, Format::Yaml);
        assert_eq!(stups_yaml::load(&text).unwrap().to_json(), template);
        assert!(text.contains("Resources:\n    A:\n"), "{text}");
    }
}
