//! What is sent to CloudFormation beside the template: name, tags, topic, capabilities, parameters.

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Map as JsonMap, Value as Json};
use stups_yaml::{Map, Value};

use super::evaluate::Evaluation;
use super::{Definition, StackOptions, python, secrets};
use crate::{Compatibility, Error};

/// CloudFormation's limit for stack names.
const MAXIMUM_NAME: usize = 128;

/// Everything that CreateStack and UpdateStack take.
#[derive(Clone, PartialEq)]
pub struct StackRequest {
    /// `<StackName>-<StackVersion>`
    pub stack_name: String,
    /// the template
    pub template: JsonMap<String, Json>,
    /// template parameters that have a value
    pub parameters: Vec<(String, String)>,
    /// stack tags
    pub tags: Vec<(String, String)>,
    /// none or one SNS topic
    pub notification_arns: Vec<String>,
    /// CAPABILITY_IAM, ...; no duplicates
    pub capabilities: Vec<String>,
    /// which generation of AWS resources the template is made of
    pub compatibility: Compatibility,
    /// values that are never shown: arguments of `NoEcho` parameters, what KMS decrypted
    pub secrets: Vec<String>,
    /// the S3 bucket for a template that is too large for a request
    pub template_bucket: Option<String>,
    /// how CloudFormation goes about it
    pub options: StackOptions,
}

/// Parameters may be secrets: only their names are shown.
impl fmt::Debug for StackRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("StackRequest")
            .field("stack_name", &self.stack_name)
            .field("template", &self.template)
            .field("parameters", &parameters)
            .field("tags", &self.tags)
            .field("notification_arns", &self.notification_arns)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// The full stack name in an evaluated `SenzaInfo`.
pub(super) fn stack_name(definition: &Definition, info: &Map) -> Result<String, Error> {
    let text = |key: &str| {
        info.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| definition.invalid(format!("SenzaInfo/{key}: it must be text")))
    };
    let name = format!("{}-{}", text("StackName")?, text("StackVersion")?);
    if name.chars().count() > MAXIMUM_NAME {
        return Err(Error::Fatal(format!(
            "Stack name \"{name}\" cannot exceed {MAXIMUM_NAME} characters. Please choose another name/version."
        )));
    }
    Ok(name)
}

/// Completes the request of an evaluated `template`; `secrets` are parameters with their values.
pub(super) async fn build(
    evaluation: &Evaluation<'_>,
    compatibility: Compatibility,
    mut template: JsonMap<String, Json>,
    secrets: Vec<(String, String)>,
) -> Result<StackRequest, Error> {
    let definition = evaluation.definition;
    let final_info = final_info(&template)
        .map(Value::from)
        .and_then(|value| value.as_map().cloned())
        .unwrap_or_default();
    let stack_name = stack_name(definition, &final_info)?;

    let tags = collect_tags(definition, &final_info, &stack_name)?;
    let written_back = tags
        .iter()
        .map(|(key, value)| Json::Object(JsonMap::from_iter([(key.clone(), value.to_json())])))
        .collect();
    let info = template
        .get_mut("Mappings")
        .and_then(|mappings| mappings.get_mut("Senza")?.get_mut("Info")?.as_object_mut());
    if let Some(info) = info {
        info.insert("Tags".to_owned(), Json::Array(written_back));
    }

    let notification_arns = match final_info.get("OperatorTopicId") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(topic)) => vec![
            evaluation
                .account
                .topic_arn(topic)
                .await?
                .ok_or_else(|| Error::Fatal(format!("SNS topic \"{topic}\" does not exist")))?,
        ],
        Some(other) => {
            return Err(definition.invalid(format!(
                "SenzaInfo/OperatorTopicId: it must be the name or ARN of a topic, not {}",
                other.kind()
            )));
        }
    };
    let confidential = secrets::values(evaluation, &template, &final_info)
        .into_iter()
        .chain(secrets.iter().map(|(_, plain)| plain.clone()))
        .collect();
    let parameters = template
        .get("Parameters")
        .and_then(Json::as_object)
        .into_iter()
        .flat_map(JsonMap::keys)
        .filter_map(|name| Some((name.clone(), evaluation.arguments.get(name)?.to_owned())))
        .chain(secrets)
        .collect();
    Ok(StackRequest {
        stack_name,
        capabilities: capabilities(&template),
        tags: tags
            .into_iter()
            .map(|(key, value)| (key, python::text(&value)))
            .collect(),
        notification_arns,
        parameters,
        template,
        compatibility,
        secrets: confidential,
        template_bucket: None,
        options: StackOptions::default(),
    })
}

fn final_info(template: &JsonMap<String, Json>) -> Option<&Json> {
    template.get("Mappings")?.get("Senza")?.get("Info")
}

/// `SenzaInfo.Tags` (a map or a list of maps), then the three that other tools know a stack by.
fn collect_tags(definition: &Definition, final_info: &Map, stack_name: &str) -> Result<IndexMap<String, Value>, Error> {
    let mut tags = IndexMap::new();
    let mut add = |key: String, value: &Value| match value {
        Value::List(_) | Value::Map(_) | Value::Null => {
            Err(definition.invalid(format!("SenzaInfo/Tags/{key}: it must be text, not {}", value.kind())))
        }
        scalar => {
            tags.insert(key, scalar.clone());
            Ok(())
        }
    };
    match final_info.get("Tags") {
        None | Some(Value::Null) => {}
        Some(Value::Map(map)) => {
            for (key, value) in map {
                add(key.to_string(), value)?;
            }
        }
        Some(Value::List(list)) => {
            for entry in list {
                let Some(map) = entry.as_map() else {
                    return Err(definition.invalid(format!(
                        "SenzaInfo/Tags: it must be a map, or a list of maps; there is {} in it",
                        entry.kind()
                    )));
                };
                for (key, value) in map {
                    add(key.to_string(), value)?;
                }
            }
        }
        Some(other) => {
            return Err(definition.invalid(format!(
                "SenzaInfo/Tags: it must be a map, or a list of maps, not {}",
                other.kind()
            )));
        }
    }
    add("Name".to_owned(), &Value::from(stack_name))?;
    for key in ["StackName", "StackVersion"] {
        if let Some(value) = final_info.get(key) {
            add(key.to_owned(), value)?;
        }
    }
    Ok(tags)
}

/// What the caller of CloudFormation must acknowledge about `template`.
fn capabilities(template: &JsonMap<String, Json>) -> Vec<String> {
    /// Properties that give an IAM resource a name of its own.
    const NAMES: [&str; 5] = [
        "RoleName",
        "InstanceProfileName",
        "ManagedPolicyName",
        "UserName",
        "GroupName",
    ];
    let resources = || {
        template
            .get("Resources")
            .and_then(Json::as_object)
            .into_iter()
            .flat_map(JsonMap::values)
    };
    let resource_type = |resource: &Json| {
        resource
            .get("Type")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut capabilities: Vec<String> = Vec::new();
    let mut add = |capability: &str| {
        if !capabilities.iter().any(|known| known == capability) {
            capabilities.push(capability.to_owned());
        }
    };
    for resource in resources().filter(|resource| resource_type(resource).starts_with("AWS::IAM")) {
        let properties = resource.get("Properties").and_then(Json::as_object);
        let named = properties.is_some_and(|properties| {
            // A policy's or membership's UserName or GroupName names somebody else; asking for more than needed does no harm.
            NAMES.iter().any(|name| {
                properties
                    .get(*name)
                    .is_some_and(|value| !value.is_null() && value != "")
            })
        });
        add(if named {
            "CAPABILITY_NAMED_IAM"
        } else {
            "CAPABILITY_IAM"
        });
    }
    let nested = resources().any(|resource| resource_type(resource) == "AWS::CloudFormation::Stack");
    if nested || template.get("Transform").is_some_and(|transform| !transform.is_null()) {
        add("CAPABILITY_AUTO_EXPAND");
    }
    capabilities
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn capabilities_of(template: &Json) -> Vec<String> {
        capabilities(template.as_object().unwrap())
    }

    #[test]
    fn capabilities_are_named_once_each() {
        let iam = |kind: &str, properties: Json| json!({"Type": format!("AWS::IAM::{kind}"), "Properties": properties});
        for (resources, expected) in [
            (json!({}), &[][..]),
            (json!({"Topic": {"Type": "AWS::SNS::Topic"}}), &[]),
            (
                json!({"A": iam("Role", json!({})), "B": iam("InstanceProfile", json!({}))}),
                &["CAPABILITY_IAM"],
            ),
            (
                json!({"A": iam("Role", json!({"RoleName": "x"}))}),
                &["CAPABILITY_NAMED_IAM"],
            ),
            (json!({"A": iam("Role", json!({"RoleName": ""}))}), &["CAPABILITY_IAM"]),
            (json!({"A": {"Type": "AWS::IAM::Role"}}), &["CAPABILITY_IAM"]),
            (
                json!({"A": iam("InstanceProfile", json!({"InstanceProfileName": "x"}))}),
                &["CAPABILITY_NAMED_IAM"],
            ),
            (
                json!({"A": iam("ManagedPolicy", json!({"ManagedPolicyName": {"Ref": "x"}}))}),
                &["CAPABILITY_NAMED_IAM"],
            ),
            (
                json!({"A": iam("User", json!({"UserName": "x"}))}),
                &["CAPABILITY_NAMED_IAM"],
            ),
            (
                json!({"A": iam("Group", json!({"GroupName": "x"}))}),
                &["CAPABILITY_NAMED_IAM"],
            ),
            (
                json!({"A": {"Type": "AWS::CloudFormation::Stack"}}),
                &["CAPABILITY_AUTO_EXPAND"],
            ),
        ] {
            assert_eq!(
                capabilities_of(&json!({ "Resources": resources })),
                expected,
                "{resources}"
            );
        }
        assert_eq!(
            capabilities_of(&json!({"Transform": "AWS::LanguageExtensions"})),
            ["CAPABILITY_AUTO_EXPAND"]
        );
        assert!(capabilities_of(&json!({"Resources": [1]})).is_empty());
    }

    #[test]
    fn stack_names_have_at_most_128_characters() {
        let definition = Definition::parse("d.yaml", "SenzaInfo: {StackName: test}").unwrap();
        let name = |version: &str| {
            let info = Map::from_iter([
                ("StackName".into(), Value::from("test")),
                ("StackVersion".into(), Value::from(version)),
            ]);
            stack_name(&definition, &info)
        };
        assert_eq!(name(&"a".repeat(123)).unwrap().len(), 128);
        let failure = name(&"abcde".repeat(25)).unwrap_err().into_failure();
        assert_eq!(failure.exit_code, 1);
        assert!(failure.message.contains("cannot exceed 128 characters"), "{failure}");
    }
}
