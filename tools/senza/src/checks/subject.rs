//! What a template runs: the applications in its Taupage user data.

use serde_json::{Map as JsonMap, Value as Json};
use stups_yaml::Value;

/// The first line of Taupage's user data.
const HEADER: &str = "#taupage-ami-config";

/// An application that a stack runs. What a CloudFormation function says is not known before the stack is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) application_id: Option<String>,
    pub(crate) application_version: Option<String>,
    /// the Docker image
    pub(crate) source: Option<String>,
}

/// The applications of a template, each once.
pub(super) fn of_template(template: &JsonMap<String, Json>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for resource in template
        .get("Resources")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        collect(resource.1, &mut subjects);
    }
    subjects
}

fn collect(value: &Json, subjects: &mut Vec<Subject>) {
    match value {
        Json::Object(map) => {
            if let Some(subject) = map
                .get("Fn::Base64")
                .and_then(text_of)
                .and_then(|text| of_user_data(&text))
            {
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
                return;
            }
            map.values().for_each(|value| collect(value, subjects));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, subjects)),
        _ => {}
    }
}

/// User data as text. A function in it is written as JSON, which YAML reads as a map.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Object(map) => match map.get("Fn::Join")?.as_array()?.as_slice() {
            [separator, Json::Array(parts)] if separator.as_str() == Some("") => {
                let part = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                Some(parts.iter().map(part).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

fn of_user_data(text: &str) -> Option<Subject> {
    let config = text.strip_prefix(HEADER)?;
    let config = stups_yaml::load(config).unwrap_or(Value::Null);
    let field = |name: &str| config.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Subject {
        application_id: field("application_id"),
        application_version: field("application_version"),
        source: field("source"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subjects(template: &Json) -> Vec<Subject> {
        of_template(template.as_object().unwrap())
    }

    #[test]
    fn applications_are_read_from_user_data() {
        let config = "#taupage-ami-config\napplication_id: hello\napplication_version: '1.0'\nsource: r.io/t/a:1\n";
        let subject = Subject {
            application_id: Some("hello".to_owned()),
            application_version: Some("1.0".to_owned()),
            source: Some("r.io/t/a:1".to_owned()),
        };
        let template = json!({"Resources": {
            "A": {"Properties": {"LaunchTemplateData": {"UserData": {"Fn::Base64": config}}}},
            "B": {"Properties": {"UserData": {"Fn::Base64": config}}},
        }});
        assert_eq!(subjects(&template), [subject]);
        let joined =
            json!({"Fn::Join": ["", ["#taupage-ami-config\napplication_id: hello\nsource: ", {"Ref": "Image"}, "\n"]]});
        let template = json!({"Resources": {"A": {"UserData": {"Fn::Base64": joined}}}});
        let unknown = Subject {
            application_id: Some("hello".to_owned()),
            ..Subject::default()
        };
        assert_eq!(subjects(&template), [unknown]);
        assert_eq!(
            subjects(&json!({"Resources": {"A": {"UserData": {"Fn::Base64": "#!/bin/sh"}}}})),
            []
        );
        assert_eq!(subjects(&json!({})), []);
    }
}
