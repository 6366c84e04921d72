//! The version's stack: made, or found as it was left.

use std::time::Duration;

use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::cloudformation::types::Stack;

use crate::Error;
use crate::context::Context;
use crate::deployed;
use crate::live;
use crate::template::StackRequest;
use crate::template::stack::{self, Created};

/// How long a deletion may take.
const DELETION_LIMIT: Duration = Duration::from_hours(2);

/// What becomes of a version that could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailedVersion {
    /// it stays, to be looked at
    Keep,
    /// it is deleted
    Delete,
}

/// Creates the stack, or goes on with one of that name whose template is the same (any template if `use_existing`), and waits until
/// it works. Returns its ARN.
pub(super) async fn ready(
    context: &Context,
    request: &StackRequest,
    use_existing: bool,
    limit: Duration,
    failed: FailedVersion,
) -> Result<String, Error> {
    let name = &request.stack_name;
    let action = context
        .terminal
        .action(&format!("Creating Cloud Formation stack {name}.."));
    let stack_id = match Box::pin(stack::create(&context.session, request)).await {
        Ok(Created::Stack(stack_id)) => {
            action.ok();
            stack_id
        }
        Ok(Created::AlreadyExists) => {
            action.done("EXISTS");
            if !use_existing {
                require_same(context, request).await?;
            }
            match deployed::describe(&context.session, name).await? {
                // Its events are an old story.
                Some(stack) if is_ready(deployed::status(&stack)) => {
                    return Ok(stack.stack_id.unwrap_or_else(|| name.clone()));
                }
                existing => existing
                    .and_then(|stack| stack.stack_id)
                    .unwrap_or_else(|| name.clone()),
            }
        }
        Err(error) => {
            action.exception(&error.to_string());
            return Err(error);
        }
    };
    match live::follow(context, &stack_id, limit).await? {
        Some(stack) if is_ready(deployed::status(&stack)) => Ok(stack_id),
        Some(stack) => Err(give_up(context, &stack, &stack_id, failed).await?),
        None => Err(Error::Fatal(format!("Stack {name} was deleted by somebody else"))),
    }
}

fn is_ready(status: &str) -> bool {
    matches!(
        status,
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_COMPLETE"
    )
}

/// Says why the version failed, and deletes it if that is wanted. Returns how the command ends.
async fn give_up(context: &Context, stack: &Stack, stack_id: &str, failed: FailedVersion) -> Result<Error, Error> {
    let terminal = &context.terminal;
    let name = stack.stack_name().unwrap_or_default();
    match live::find_root_cause(&context.session, stack_id).await? {
        Some(cause) => cause.show(terminal),
        None => terminal.error(&format!(
            "ROOT CAUSE: no event says why ({})",
            stack.stack_status_reason().unwrap_or("no reason given")
        )),
    }
    let status = deployed::status(stack);
    if status == "DELETE_COMPLETE" {
        return Ok(Error::Fatal(format!(
            "Stack {name} could not be created and was deleted; traffic was not touched."
        )));
    }
    if failed == FailedVersion::Keep {
        return Ok(Error::Fatal(format!(
            "Stack {name} has status {status}; traffic was not touched. The stack stays: `senza events` tells more, `senza delete` \
             makes way for another attempt."
        )));
    }
    let action = terminal.action(&format!("Deleting Cloud Formation stack {name}.."));
    let deletion = async {
        let request = context.session.cloudformation().delete_stack();
        request.stack_name(stack_id).send().await?;
        let tick = || action.progress();
        match deployed::wait_until_settled(&context.session, stack_id, DELETION_LIMIT, tick).await? {
            Some(stack) if deployed::status(&stack) != "DELETE_COMPLETE" => {
                Err(Error::Fatal(format!("it has status {}", deployed::status(&stack))))
            }
            _ => Ok(()),
        }
    }
    .await;
    action.during(async { deletion }).await?;
    Ok(Error::Fatal(format!(
        "Stack {name} had status {status} and was deleted; traffic was not touched."
    )))
}

/// Refuses a stack that the same version was made of with another template: versions never change.
async fn require_same(context: &Context, request: &StackRequest) -> Result<(), Error> {
    let name = &request.stack_name;
    let Some(deployed) = stack::deployed_template(&context.session, name).await? else {
        return Ok(());
    };
    let mut deployed = deployed.to_json();
    let mut wanted = Json::Object(request.template.clone());
    forget_weights(&mut deployed);
    forget_weights(&mut wanted);
    match difference(&deployed, &wanted, "") {
        None => Ok(()),
        Some(place) => Err(Error::Fatal(format!(
            "Stack {name} exists, and its template is another one (it differs at {place}). A version never changes: choose another \
             one, or go on with the stack as it is: --use-existing"
        ))),
    }
}

/// Weights, and what is remembered about them, are no part of a version.
fn forget_weights(template: &mut Json) {
    let resources = template.get_mut("Resources").and_then(Json::as_object_mut);
    for resource in resources
        .into_iter()
        .flat_map(JsonMap::values_mut)
        .filter_map(Json::as_object_mut)
    {
        if resource
            .get("Type")
            .is_some_and(|kind| kind == "AWS::Route53::RecordSet")
            && let Some(properties) = resource.get_mut("Properties").and_then(Json::as_object_mut)
        {
            properties.remove("Weight");
        }
        let metadata = resource.get_mut("Metadata").and_then(Json::as_object_mut);
        let is_empty = metadata.is_some_and(|metadata| {
            let senza = metadata.get_mut("Senza").and_then(Json::as_object_mut);
            if senza.is_some_and(|senza| senza.remove("Traffic").is_some() && senza.is_empty()) {
                metadata.remove("Senza");
            }
            metadata.is_empty()
        });
        if is_empty {
            resource.remove("Metadata");
        }
    }
}

/// The place of the first difference; the order of keys makes none, nor does a number as text.
fn difference(one: &Json, other: &Json, place: &str) -> Option<String> {
    let here = || {
        Some(if place.is_empty() {
            "its top".to_owned()
        } else {
            place.to_owned()
        })
    };
    let inside = |key: &str| {
        if place.is_empty() {
            key.to_owned()
        } else {
            format!("{place}/{key}")
        }
    };
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            let mut keys = keys.map(|key| match (one.get(key), other.get(key)) {
                (Some(one), Some(other)) => difference(one, other, &inside(key)),
                _ => Some(inside(key)),
            });
            keys.find_map(|difference| difference)
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            let mut items = one.iter().zip(other).enumerate();
            items.find_map(|(index, (one, other))| difference(one, other, &inside(&index.to_string())))
        }
        (Json::Array(_) | Json::Object(_), _) | (_, Json::Array(_) | Json::Object(_)) => here(),
        (one, other) if scalar(one) == scalar(other) => None,
        _ => here(),
    }
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_make_no_other_version() {
        let record = |weight: i64| json!({"Resources": {"Main": {"Type": "AWS::Route53::RecordSet", "Properties": {"Name": "a", "Weight": weight}}}});
        let mut deployed = record(120);
        deployed["Resources"]["Main"]["Metadata"] = json!({"Senza": {"Traffic": {"Domain": "a"}}});
        let mut wanted = record(0);
        forget_weights(&mut deployed);
        forget_weights(&mut wanted);
        assert_eq!(difference(&deployed, &wanted, ""), None);
        // What people write themselves stays.
        let mut own = json!({"Resources": {"Main": {"Metadata": {"Mine": 1, "Senza": {"Traffic": {}}}}}});
        forget_weights(&mut own);
        assert_eq!(own, json!({"Resources": {"Main": {"Metadata": {"Mine": 1}}}}));
    }

    #[test]
    fn differences_are_named() {
        for (one, other, place) in [
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), None),
            (json!({"a": "1"}), json!({"a": 1}), None),
            (json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1, 3]}}), Some("a/b/1")),
            (json!({"a": {"b": 1}}), json!({"a": {}}), Some("a/b")),
            (json!({}), json!({"c": null}), Some("c")),
            (json!([1]), json!([]), Some("its top")),
            (json!({"a": {}}), json!({"a": ""}), Some("a")),
        ] {
            assert_eq!(difference(&one, &other, "").as_deref(), place, "{one} {other}");
        }
    }
}
