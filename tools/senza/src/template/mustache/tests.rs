//! Rendering as pystache does, and where it is meant to differ.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn render_lines(text: &str, context: &Value, lines: StandaloneLines) -> Result<String, Error> {
    Renderer::new(context).render(&Template::parse(text, lines)?)
}

fn render(text: &str, context: &Json) -> Result<String, Error> {
    render_lines(text, &Value::from(context), StandaloneLines::Vanish)
}

/// tests/data/mustache_pystache.py says how the vectors were made.
#[test]
fn renders_as_pystache_does() {
    let vectors: Json = serde_json::from_str(include_str!("../../../tests/data/mustache_pystache.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 300);
    for case in cases {
        let template = case["template"].as_str().unwrap();
        let rendered = render(template, &vectors["context"]);
        match case["output"].as_str() {
            Some(output) => assert_eq!(rendered.as_deref(), Ok(output), "{template:?}"),
            None => assert!(rendered.is_err(), "{template:?}: {rendered:?}"),
        }
    }
}

#[test]
fn dynamic_references_stay_as_they_are() {
    let context = serde_json::json!({"Arguments": {"Stage": "live"}});
    for (template, expected) in [
        ("{{resolve:ssm:/db/password}}", "{{resolve:ssm:/db/password}}"),
        (
            "a {{resolve:ssm:/{{Arguments.Stage}}/password:1}} {{Arguments.Stage}}",
            "a {{resolve:ssm:/live/password:1}} live",
        ),
        (
            "{{resolve:secretsmanager:db:SecretString:{{{Arguments.Stage}}}}}",
            "{{resolve:secretsmanager:db:SecretString:live}}",
        ),
        ("{{#Arguments}}{{resolve:ssm:x}}{{/Arguments}}", "{{resolve:ssm:x}}"),
        ("{{resolve:ssm:x", "{{resolve:ssm:x"),
    ] {
        assert_eq!(render(template, &context).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn errors_name_what_exists() {
    let context = serde_json::json!({"Arguments": {"ImageVersion": "1", "region": "r"}, "SenzaInfo": {}});
    for (template, expected) in [
        (
            "{{Arguments.ImageVersoin}}",
            "\"Arguments.ImageVersoin\" is not defined, did you mean \"Arguments.ImageVersion\"?",
        ),
        (
            "{{Arguments.MintBucket}}",
            "\"Arguments.MintBucket\" is not defined; there is: Arguments.ImageVersion, Arguments.region",
        ),
        (
            "{{something}}",
            "\"something\" is not defined; there is: Arguments, SenzaInfo",
        ),
        ("{{SenzaInfo.x}}", "\"SenzaInfo.x\" is not defined"),
        ("{{Arguments.region.x}}", "\"Arguments.region.x\" is not defined"),
        ("{{.}}", "\".\" is not defined"),
        ("{{> other}}", "{{> other}}: partials are not supported"),
        (
            "{{#Arguments}}x",
            "the section \"Arguments\" is not closed: {{/Arguments}} is missing in the same text",
        ),
        (
            "{{#Arguments}}{{/SenzaInfo}}",
            "{{/SenzaInfo}} closes no open section: the open one is \"Arguments\"",
        ),
        ("{{/SenzaInfo}}", "{{/SenzaInfo}} closes no open section"),
        ("{{=x=}}", "\"{{=x=}}\" is not a valid tag"),
        ("{{{x}}", "\"{{{x}}\" is not a valid tag"),
    ] {
        assert_eq!(
            render(template, &context).unwrap_err().to_string(),
            expected,
            "{template}"
        );
    }
}

#[test]
fn in_yaml_form_only_the_tag_of_a_standalone_line_vanishes() {
    let context = Value::from(&serde_json::json!({"Yes": true}));
    let rendered = render_lines("a\n{{#Yes}}\nb\n{{/Yes}}\nc", &context, StandaloneLines::Stay);
    assert_eq!(rendered.unwrap(), "a\n\nb\n\nc");
}

#[test]
fn repetition_is_bounded() {
    let context = serde_json::json!({"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]});
    let deep = format!("{}x{}", "{{#a}}".repeat(20), "{{/a}}".repeat(20));
    assert_eq!(render(&deep, &context), Err(Error::TooLarge));
    let deeper = "{{#a}}".repeat(1000);
    assert_eq!(render(&deeper, &context), Err(Error::TooLarge));
    let long = serde_json::json!({"a": "x".repeat(1_000_000)});
    assert_eq!(render(&"{{a}}".repeat(20), &long), Err(Error::TooLarge));
}

proptest! {
    #[test]
    fn text_without_tags_is_untouched(text in "[^{]*") {
        prop_assert_eq!(render(&text, &Json::Null), Ok(text));
    }

    #[test]
    fn never_panics(text in "([{}#^/!>&=. \\n%<aé]|\\{\\{|\\}\\}|resolve:){0,40}") {
        let context = serde_json::json!({"a": ["x", {"é": 1}], "é": {"a": true}});
        let _ = render(&text, &context);
        let _ = render_lines(&text, &Value::from(&context), StandaloneLines::Stay);
    }

    #[test]
    fn triple_braces_give_the_value_as_it_is(value in "\\PC*") {
        let context = serde_json::json!({"x": value});
        prop_assert_eq!(render("{{{x}}}", &context), Ok(value.clone()));
        prop_assert_eq!(render("{{& x }}", &context), Ok(value.clone()));
        let escaped = render("{{x}}", &context).unwrap();
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&");
        prop_assert_eq!(back, value);
    }
}
