//! Sending an evaluated definition to CloudFormation.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use futures::future::try_join_all;
use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::Session;
use stups_aws::cloudformation::types::{Capability, ChangeSetType, DeploymentMode, Parameter, Tag};
use stups_yaml::Value;

use super::StackRequest;
use super::upload;
use crate::Error;
use crate::commands::traffic::memory;
use crate::route53::{self, Dns};

/// How CloudFormation took a request to create a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// It began to create the stack with this ARN.
    Stack(String),
    /// There is a stack of that name already.
    AlreadyExists,
}

/// How CloudFormation took a request to update a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Updated {
    /// It began to update the stack with this ARN.
    Stack(String),
    /// The stack is already as requested.
    NoUpdate,
}

/// CreateStack. The SDK's retries carry the same token, so that a lost answer never turns into "already exists".
pub(crate) async fn create(session: &Session, request: &StackRequest) -> Result<Created, Error> {
    let options = &request.options;
    let template = upload::place(session, request, &request.template).await?;
    let answer = session
        .cloudformation()
        .create_stack()
        .stack_name(&request.stack_name)
        .set_template_body(template.body())
        .set_template_url(template.url())
        .set_parameters(Some(parameters(request)))
        .set_tags(Some(tags(request)))
        .set_notification_arns(Some(request.notification_arns.clone()))
        .set_capabilities(Some(capabilities(request)))
        .set_disable_rollback(options.disable_rollback())
        .set_on_failure(options.on_failure.clone())
        .set_timeout_in_minutes(options.timeout_in_minutes)
        .set_role_arn(options.role_arn.clone())
        .set_stack_policy_body(options.policy.clone())
        .set_rollback_configuration(options.rollback_configuration())
        .set_enable_termination_protection(options.termination_protection.then_some(true))
        .set_retain_except_on_create(options.retain_except_on_create.then_some(true))
        .client_request_token(token())
        .send()
        .await;
    match answer.map_err(stups_aws::Error::from) {
        Ok(output) => Ok(Created::Stack(output.stack_id.unwrap_or_default())),
        Err(error) if error.has_code("AlreadyExistsException") => Ok(Created::AlreadyExists),
        Err(error) => Err(error.into()),
    }
}

/// The template that an update sends. Weighted records keep the weight that they have in Route 53: a definition only knows the
/// weight of a stack that is not yet in use.
pub(crate) async fn template_for_update(
    session: &Session,
    request: &StackRequest,
) -> Result<JsonMap<String, Json>, Error> {
    let mut template = request.template.clone();
    if keep_live_weights(session, &mut template).await?
        && let Some(deployed) = deployed_template(session, &request.stack_name).await?
    {
        memory::carry_over(&deployed.to_json(), &mut template);
    }
    Ok(template)
}

/// CreateChangeSet: what a change to `template` would do, under `name`. Returns the change set's ARN; it is still being made.
pub(crate) async fn create_change_set(
    session: &Session,
    request: &StackRequest,
    template: &JsonMap<String, Json>,
    name: &str,
    kind: ChangeSetType,
) -> Result<String, Error> {
    let place = upload::place(session, request, template).await?;
    let is_new = kind == ChangeSetType::Create;
    let on_failure = request.options.on_stack_failure().filter(|_| is_new);
    let answer = session
        .cloudformation()
        .create_change_set()
        .stack_name(&request.stack_name)
        .change_set_name(name)
        .change_set_type(kind)
        .set_template_body(place.body())
        .set_template_url(place.url())
        .set_parameters(Some(parameters(request)))
        .set_tags(is_new.then(|| tags(request)))
        .set_notification_arns(Some(request.notification_arns.clone()))
        .set_capabilities(Some(capabilities(request)))
        .set_on_stack_failure(on_failure)
        .set_role_arn(request.options.role_arn.clone())
        .set_rollback_configuration(request.options.rollback_configuration())
        .set_deployment_mode(request.options.revert_drift.then_some(DeploymentMode::RevertDrift))
        .client_token(token())
        .send()
        .await?;
    Ok(answer.id.unwrap_or_default())
}

/// UpdateStack with [`template_for_update`].
pub(crate) async fn update(session: &Session, request: &StackRequest) -> Result<Updated, Error> {
    let template = template_for_update(session, request).await?;
    let template = upload::place(session, request, &template).await?;
    let answer = session
        .cloudformation()
        .update_stack()
        .stack_name(&request.stack_name)
        .set_template_body(template.body())
        .set_template_url(template.url())
        .set_parameters(Some(parameters(request)))
        .set_notification_arns(Some(request.notification_arns.clone()))
        .set_capabilities(Some(capabilities(request)))
        .set_role_arn(request.options.role_arn.clone())
        .set_stack_policy_body(request.options.policy.clone())
        .set_rollback_configuration(request.options.rollback_configuration())
        .set_retain_except_on_create(request.options.retain_except_on_create.then_some(true))
        .client_request_token(token())
        .send()
        .await;
    match answer.map_err(stups_aws::Error::from) {
        Ok(output) => Ok(Updated::Stack(output.stack_id.unwrap_or_default())),
        Err(error) if error.message.contains("No updates are to be performed") => Ok(Updated::NoUpdate),
        Err(error) => Err(error.into()),
    }
}

/// The template of a deployed stack; nothing when there is no such stack.
pub(crate) async fn deployed_template(session: &Session, stack_name: &str) -> Result<Option<Value>, Error> {
    let answer = session
        .cloudformation()
        .get_template()
        .stack_name(stack_name)
        .send()
        .await;
    let body = match answer.map_err(stups_aws::Error::from) {
        Ok(output) => output.template_body.unwrap_or_default(),
        Err(error) if error.has_code("ValidationError") && error.message.contains("does not exist") => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    // JSON is YAML but for its tabs.
    serde_json::from_str::<Json>(&body)
        .map(|json| Value::from(&json))
        .or_else(|_| stups_yaml::load(&body))
        .map(Some)
        .map_err(|error| {
            Error::Fatal(format!(
                "the template of the deployed stack {stack_name} can't be read: {error}"
            ))
        })
}

/// Replaces the weight 0 of every weighted record in `template` by the weight of the live record of that name and set identifier.
/// Returns whether there is any.
async fn keep_live_weights(session: &Session, template: &mut JsonMap<String, Json>) -> Result<bool, Error> {
    let dns = &Dns::new(session);
    let records = template
        .get_mut("Resources")
        .and_then(Json::as_object_mut)
        .into_iter()
        .flat_map(JsonMap::values_mut)
        .filter(|resource| {
            resource
                .get("Type")
                .is_some_and(|kind| kind == "AWS::Route53::RecordSet")
        })
        .filter_map(|resource| resource.get_mut("Properties")?.as_object_mut())
        .filter(|properties| {
            properties
                .get("Weight")
                .is_some_and(|weight| *weight == 0 || weight == "0")
        });
    let kept = try_join_all(records.map(async |properties| {
        let (Some(name), Some(identifier)) = (
            properties.get("Name").and_then(Json::as_str),
            properties.get("SetIdentifier").and_then(Json::as_str),
        ) else {
            return Ok::<_, Error>(false);
        };
        let weight = route53::live_weight(dns, name, identifier).await?;
        if let Some(weight) = weight {
            properties.insert("Weight".to_owned(), Json::from(weight));
        }
        Ok(weight.is_some())
    }))
    .await?;
    Ok(kept.contains(&true))
}

fn parameters(request: &StackRequest) -> Vec<Parameter> {
    request
        .parameters
        .iter()
        .map(|(name, value)| Parameter::builder().parameter_key(name).parameter_value(value).build())
        .collect()
}

fn tags(request: &StackRequest) -> Vec<Tag> {
    request
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn capabilities(request: &StackRequest) -> Vec<Capability> {
    request
        .capabilities
        .iter()
        .map(|capability| Capability::from(capability.as_str()))
        .collect()
}

/// A token no other request has.
pub(crate) fn token() -> String {
    // Each state is seeded with fresh random numbers.
    let random = || RandomState::new().build_hasher().finish();
    format!("senza-{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_well_formed() {
        let (one, other) = (token(), token());
        assert_ne!(one, other);
        assert!(
            one.len() <= 128
                && one
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || character == '-')
        );
    }
}
