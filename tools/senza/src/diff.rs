//! What creating or updating a stack would change: two templates compared, and what CloudFormation says of the change.

mod change_set;
mod compare;
mod lines;
mod mask;
mod report;

use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::Session;
use stups_aws::cloudformation::types::Stack;
use stups_terminal::Terminal;

use crate::context::Context;
use crate::template::{StackRequest, stack, upload};
use crate::{Error, deployed};
pub(crate) use change_set::create_named;
use mask::Mask;
pub(crate) use report::{print, text};

/// A stack that is under review has been made for a change set only: nothing of it exists.
const UNDER_REVIEW: &str = "REVIEW_IN_PROGRESS";

/// What happens to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Add,
    Modify,
    Remove,
    /// anything else that CloudFormation calls a change: `Import`, `Dynamic`
    Other,
}

/// Whether a changed resource is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    No,
    /// it depends on what other changes come to
    Conditional,
    Yes,
}

/// Something that changes: a resource, an output, a parameter, ...
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// the template's section: `Resources`; `Stack` for what stands beside the template
    pub(crate) section: String,
    /// the name in the section
    pub(crate) name: String,
    /// of resources: `AWS::SNS::Topic`
    pub(crate) resource_type: Option<String>,
    pub(crate) action: Action,
    /// known when CloudFormation was asked
    pub(crate) replacement: Option<Replacement>,
    pub(crate) properties: Vec<PropertyChange>,
}

/// One property before and after.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PropertyChange {
    /// where it is: `LaunchTemplateData/InstanceType`
    pub(crate) path: String,
    /// nothing where it was not there
    pub(crate) before: Option<Json>,
    /// nothing where it will not be there
    pub(crate) after: Option<Json>,
    /// of texts with several lines: those that differ, with `-`, `+` or a blank in front
    pub(crate) lines: Vec<String>,
    /// what else changes so that this one does: `AppServerConfig.LatestVersionNumber`
    pub(crate) cause: Option<String>,
}

/// Everything that changes, and against what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// the stack that the definition makes
    pub(crate) stack_name: String,
    /// the deployed stack that it was compared with, if there is one
    pub(crate) against: Option<String>,
    pub(crate) changes: Vec<Change>,
}

/// Compares what `request` would deploy with the stack of that name or, with `against`, with another version of it. Where the
/// stack itself is there, CloudFormation is asked as well, by a change set that is deleted again.
pub(crate) async fn of_request(
    context: &Context,
    request: &StackRequest,
    against: Option<&str>,
) -> Result<Difference, Error> {
    let session = &context.session;
    let deployed = match against {
        Some(reference) => Some(other_stack(session, request, reference).await?),
        None => deployed::describe(session, &request.stack_name)
            .await?
            .filter(|stack| deployed::status(stack) != UNDER_REVIEW),
    };
    let Some(deployed) = deployed else {
        let nothing = JsonMap::new();
        return Ok(Difference {
            stack_name: request.stack_name.clone(),
            against: None,
            changes: Mask::of(request).apply(compare::templates(&nothing, &request.template)),
        });
    };
    let other_name = deployed.stack_name().unwrap_or_default().to_owned();
    let old = template_of(session, &other_name).await?;
    let old = compare::renamed(&old, &other_name, &request.stack_name);
    let new = stack::template_for_update(session, request).await?;
    let mut changes = compare::templates(&old, &new);
    changes.extend(stack_changes(&deployed, request, &new));
    let needs_bucket = request.template_bucket.is_none() && upload::is_large(&new);
    if against.is_none() && needs_bucket {
        warn_without_change_set(
            &context.terminal,
            "the template is too large for a request, give --template-bucket",
        );
    } else if against.is_none() {
        match change_set::describe(context, request, &new).await {
            Ok(resource_changes) => change_set::merge(&mut changes, resource_changes),
            Err(Error::Aws(error)) if error.kind == stups_aws::ErrorKind::AccessDenied => {
                warn_without_change_set(&context.terminal, &error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    changes.sort_by(|left, right| (&left.section, &left.name).cmp(&(&right.section, &right.name)));
    Ok(Difference {
        stack_name: request.stack_name.clone(),
        against: Some(other_name),
        changes: Mask::of(request).apply(changes),
    })
}

fn warn_without_change_set(terminal: &Terminal, reason: &str) {
    terminal.warning(&format!(
        "Only the templates are compared, CloudFormation can't be asked what is replaced: {reason}"
    ));
}

/// The stack that `reference` names: another version of the same application, or a whole stack name.
async fn other_stack(session: &Session, request: &StackRequest, reference: &str) -> Result<Stack, Error> {
    let (application, _) = crate::stacks::split_stack_name(&request.stack_name);
    let version = format!("{application}-{reference}");
    for name in [version.as_str(), reference] {
        if let Some(stack) = deployed::describe(session, name).await? {
            return Ok(stack);
        }
    }
    Err(Error::Fatal(format!("Stack {version} not found!")))
}

async fn template_of(session: &Session, name: &str) -> Result<JsonMap<String, Json>, Error> {
    let template = stack::deployed_template(session, name).await?;
    match template.map(|template| template.to_json()) {
        Some(Json::Object(template)) => Ok(template),
        _ => Ok(JsonMap::new()),
    }
}

/// What stands beside the template: values of parameters and the topic. Values with `NoEcho` can't be compared, since nobody
/// sees them again. Tags stay as they are in an update.
fn stack_changes(deployed: &Stack, request: &StackRequest, template: &JsonMap<String, Json>) -> Vec<Change> {
    let mut changes = Vec::new();
    for parameter in deployed.parameters() {
        let (Some(name), Some(before)) = (parameter.parameter_key(), parameter.parameter_value()) else {
            continue;
        };
        let declared = template.get("Parameters").and_then(|declared| declared.get(name));
        let default = declared.and_then(|body| match body.get("Default")? {
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
        let given = request.parameters.iter().find(|(key, _)| key == name);
        let after = given.map(|(_, value)| value.clone()).or(default);
        let is_hidden = before.len() > 1 && before.chars().all(|character| character == '*');
        if declared.is_some() && !is_hidden && after.as_deref() != Some(before) {
            changes.push(stack_change(
                name,
                Some(before.into()),
                after.map(Json::from),
                "Parameters",
            ));
        }
    }
    let topics = |arns: &[String]| (!arns.is_empty()).then(|| Json::from(arns.to_vec()));
    let (before, after) = (topics(deployed.notification_arns()), topics(&request.notification_arns));
    if before != after {
        changes.push(stack_change("NotificationARNs", before, after, "Stack"));
    }
    changes
}

fn stack_change(name: &str, before: Option<Json>, after: Option<Json>, section: &str) -> Change {
    Change {
        section: section.to_owned(),
        name: name.to_owned(),
        resource_type: None,
        action: Action::Modify,
        replacement: None,
        properties: vec![PropertyChange {
            path: "Value".to_owned(),
            before,
            after,
            ..PropertyChange::default()
        }],
    }
}
