//! What is configured, and how secrets are.

use serde_json::{Map, Value, json};
use stups_api::Timestamp;
use stups_api::mint::{Application, ApplicationFilter, ApplicationSummary};
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::context::{Context, failed};

/// Options of `list`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Only those with this scope: `sales_order.read`, or `sales_order` for all scopes of the resource type
    #[arg(short, long)]
    scope: Option<String>,
    /// Only those whose last attempt failed
    #[arg(short, long)]
    problems: bool,
}

/// An application.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ApplicationArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    application_id: String,
}

pub(crate) async fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let (resource_type_id, scope_id) = match arguments
        .scope
        .as_deref()
        .map(|scope| scope.rsplit_once('.').unwrap_or((scope, "")))
    {
        None => (None, None),
        Some((resource_type, scope)) => (
            Some(resource_type.to_owned()),
            Some(scope.to_owned()).filter(|scope| !scope.is_empty()),
        ),
    };
    let filter = ApplicationFilter {
        resource_type_id,
        scope_id,
    };
    let found = context
        .mint
        .applications(&filter)
        .await
        .map_err(|error| failed(&error))?;
    let wanted = found
        .into_iter()
        .filter(|application| application.has_problems || !arguments.problems);
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("id"),
            Column::new("last_password_rotation_time").title("Password"),
            Column::new("last_client_rotation_time").title("Client"),
            Column::new("last_synced_time").title("Synced"),
            Column::new("s3_errors").title("Errors"),
            Column::new("message").max_width(60),
        ],
        rows: wanted.map(row).collect(),
        ..Table::default()
    });
    Ok(())
}

fn row(application: ApplicationSummary) -> Row {
    [
        ("id", Value::from(application.id)),
        ("last_password_rotation_time", epoch(application.last_password_rotation)),
        ("last_client_rotation_time", epoch(application.last_client_rotation)),
        ("last_synced_time", epoch(application.last_synced)),
        ("has_problems", application.has_problems.into()),
        ("s3_errors", application.s3_errors.into()),
        ("message", application.message.into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// Seconds since 1970 UTC, as tables have times.
pub(crate) fn epoch(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| (time.0 as f64 / 1000.0).into())
}

pub(crate) async fn show(context: &Context, arguments: &ApplicationArguments) -> Result<(), Failure> {
    let application = found(context, &arguments.application_id).await?;
    let attributes = match json!(application) {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    };
    let rows = attributes.into_iter().map(|(key, value)| {
        let value = match value {
            Value::Array(items) => items.iter().map(item).collect::<Vec<_>>().join(", ").into(),
            value => value,
        };
        Row::from_iter([("key".to_owned(), key.into()), ("value".to_owned(), value)])
    });
    context.terminal.print_table(&Table {
        columns: vec![Column::new("key"), Column::new("value")],
        rows: rows.collect(),
        ..Table::default()
    });
    Ok(())
}

/// A bucket as it is, a scope as tokens carry it.
fn item(value: &Value) -> String {
    match (value.get("resource_type_id"), value.get("scope_id")) {
        (Some(Value::String(resource_type)), Some(Value::String(scope))) => format!("{resource_type}.{scope}"),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// An application's configuration; it has to have one.
pub(crate) async fn found(context: &Context, id: &str) -> Result<Application, Failure> {
    let found = context.mint.application(id).await.map_err(|error| failed(&error))?;
    found.ok_or_else(|| Failure::application(format!("Application \"{id}\" is not configured in mint")))
}

pub(crate) async fn renew(context: &Context, id: &str) -> Result<(), Failure> {
    let action = context.terminal.action(&format!("Renewing the secrets of {id}.."));
    context.mint.renew(id).await.map_err(|error| failed(&error))?;
    action.done("OK, with the next cycle");
    Ok(())
}

pub(crate) async fn delete(context: &Context, id: &str, yes: bool) -> Result<(), Failure> {
    let application = found(context, id).await?;
    let question = format!(
        "Remove the configuration of {id}, and its service user {}?",
        application.username
    );
    if !yes && !context.terminal.confirm(&question, false)? {
        return Err(Failure::aborted());
    }
    let action = context
        .terminal
        .action(&format!("Removing the configuration of {id}.."));
    context.mint.delete(id).await.map_err(|error| failed(&error))?;
    action.ok();
    Ok(())
}
