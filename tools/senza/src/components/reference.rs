//! References to what another stack offers: `{Stack, LogicalId}` and `{Stack, Output}`.

use serde_json::{Map as JsonMap, Value as Json};
use stups_yaml::{Map, Value};

use super::properties::{Properties, scalar_text};
use super::property_table::Property;
use super::{Component, Generation};
use crate::Error;
use crate::account::Account;

/// States in which a stack's or resource's values can be relied on.
const READY: [&str; 4] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
];

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// a resource's physical id
    Resource {
        /// the stack's name
        stack: String,
        /// the resource's logical id
        logical_id: String,
    },
    /// an output's value
    Output {
        /// the stack's name
        stack: String,
        /// the output's key
        output: String,
    },
}

impl Reference {
    /// The reference that `value` is, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let map = value.as_map()?;
        let text = |name: &str| map.get(name).and_then(scalar_text);
        let stack = text("Stack")?;
        match (text("LogicalId"), text("Output")) {
            (Some(logical_id), _) => Some(Self::Resource { stack, logical_id }),
            (None, Some(output)) => Some(Self::Output { stack, output }),
            (None, None) => None,
        }
    }

    /// What it stands for today. `path` is where it is written.
    pub(crate) async fn resolve(&self, path: &str, account: &Account) -> Result<String, Error> {
        match self {
            Self::Resource { stack, logical_id } => {
                let resource = account
                    .stack_resource(stack, logical_id)
                    .await
                    .map_err(|error| at(path, error))?;
                require_ready(path, &format!("Resource \"{logical_id}\""), &resource.status)?;
                let is_group_name =
                    resource.resource_type == "AWS::EC2::SecurityGroup" && !resource.physical_id.starts_with("sg-");
                if is_group_name {
                    return account.security_group_id(&resource.physical_id).await;
                }
                Ok(resource.physical_id)
            }
            Self::Output { stack, output } => {
                let outputs = account.stack_outputs(stack).await.map_err(|error| at(path, error))?;
                require_ready(path, &format!("Stack \"{stack}\""), &outputs.status)?;
                outputs.values.get(output).cloned().ok_or_else(|| {
                    let mut names: Vec<&str> = outputs.values.keys().map(String::as_str).collect();
                    names.sort_unstable();
                    let existing = if names.is_empty() {
                        "it has none".to_owned()
                    } else {
                        format!("it has {}", names.join(", "))
                    };
                    Error::Fatal(format!(
                        "{path}: stack \"{stack}\" has no output \"{output}\" ({existing})"
                    ))
                })
            }
        }
    }

    /// Asks for what [`Reference::resolve`] will need, and keeps failures for it.
    pub(crate) async fn prefetch(&self, account: &Account) {
        match self {
            Self::Resource { stack, logical_id } => drop(account.stack_resource(stack, logical_id).await),
            Self::Output { stack, .. } => drop(account.stack_outputs(stack).await),
        }
    }
}

fn require_ready(path: &str, what: &str, status: &str) -> Result<(), Error> {
    if READY.contains(&status) {
        return Ok(());
    }
    Err(Error::Fatal(format!("{path}: {what} is not ready (\"{status}\")")))
}

/// AWS's answer that something does not exist, with the place that asks for it.
fn at(path: &str, error: Error) -> Error {
    match error {
        Error::Aws(aws) if aws.kind == stups_aws::ErrorKind::Validation => Error::Fatal(format!("{path}: {aws}")),
        other => other,
    }
}

/// `value` as JSON, or what it stands for when it is a reference.
pub(crate) async fn resolve(value: &Value, path: &str, account: &Account) -> Result<Json, Error> {
    match Reference::of(value) {
        Some(reference) => Ok(Json::from(reference.resolve(path, account).await?)),
        None => Ok(value.to_json()),
    }
}

/// Copies what is given of `table` into the resource `target`.
pub(crate) async fn pass_on(
    properties: &Properties<'_>,
    table: &[Property],
    target: &mut JsonMap<String, Json>,
    generation: &Generation<'_>,
) -> Result<(), Error> {
    for Property { name, .. } in table {
        if let Some(value) = properties.get(name) {
            let value = resolve(value, &properties.path(name), generation.account).await?;
            target.insert((*name).to_owned(), value);
        }
    }
    Ok(())
}

/// The component with each reference in its properties, at any depth, replaced by what it stands for.
pub(crate) async fn resolved(component: &Component, account: &Account) -> Result<Component, Error> {
    let path = format!("SenzaComponents/{}", component.name);
    let properties = Value::Map(component.properties.clone());
    let mut resolved = component.clone();
    if let Value::Map(properties) = resolve_all(&properties, &path, account, false).await? {
        resolved.properties = properties;
    }
    Ok(resolved)
}

/// All references in `value`, at any depth, in order.
pub(crate) fn references(value: &Value) -> Vec<Reference> {
    match (Reference::of(value), value) {
        (Some(reference), _) => vec![reference],
        (None, Value::List(items)) => items.iter().flat_map(references).collect(),
        (None, Value::Map(map)) => map.values().flat_map(references).collect(),
        (None, _) => Vec::new(),
    }
}

/// `value` with each reference, at any depth, replaced by what it stands for. At senza 2.1's compatibility only outputs are
/// references here.
pub(crate) async fn resolve_all(
    value: &Value,
    path: &str,
    account: &Account,
    outputs_only: bool,
) -> Result<Value, Error> {
    let applies = |reference: &Reference| !outputs_only || matches!(reference, Reference::Output { .. });
    if let Some(reference) = Reference::of(value).filter(applies) {
        return Ok(Value::from(reference.resolve(path, account).await?));
    }
    match value {
        Value::List(items) => {
            let mut resolved = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}/{index}");
                resolved.push(Box::pin(resolve_all(item, &path, account, outputs_only)).await?);
            }
            Ok(Value::List(resolved))
        }
        Value::Map(map) => {
            let mut resolved = Map::with_capacity(map.len());
            for (key, item) in map {
                let path = format!("{path}/{key}");
                let item = Box::pin(resolve_all(item, &path, account, outputs_only)).await?;
                resolved.insert(key.clone(), item);
            }
            Ok(Value::Map(resolved))
        }
        scalar => Ok(scalar.clone()),
    }
}
