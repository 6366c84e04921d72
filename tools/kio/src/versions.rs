//! `kio versions`

use clap::Subcommand;
use futures::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_api::client::Error;
use stups_api::kio::{Approval, ApprovalWrite, VersionSummary, VersionWrite};
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::applications::{epoch, key_value, key_value_table};
use crate::context::{Context, failed};

/// So many versions are asked for their approvals at once.
const AT_ONCE: usize = 8;

#[derive(Debug, Subcommand)]
pub(crate) enum VersionsCommand {
    List(ListArguments),
    Show(ShowArguments),
    Create(CreateArguments),
    Approve(ApproveArguments),
}

/// List application versions
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    table: TableArguments,
    application_id: String,
    /// Only those changed since then: 3h (units s, m, h, d, w), 2026-01-31, '2026-01-31 12:30:00' (UTC)
    #[arg(short, long, value_parser = stups_terminal::moment, allow_hyphen_values = true, value_name = "TIME", default_value = "60d")]
    since: f64,
}

/// Show a version and its approvals
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    table: TableArguments,
    application_id: String,
    #[arg(value_name = "VERSION")]
    version_id: String,
}

/// Create a new application version
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CreateArguments {
    application_id: String,
    #[arg(value_name = "VERSION")]
    version_id: String,
    /// What is deployed, e.g. docker://stups/kio:1.0
    artifact: String,
    /// Notes
    #[arg(short = 'm', long, default_value = "")]
    notes: String,
}

/// Approve an application version
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ApproveArguments {
    application_id: String,
    #[arg(value_name = "VERSION")]
    version_id: String,
    /// Approval types (comma separated)
    #[arg(
        short = 't',
        long,
        // Its name when there could be one only, up to 0.1.11.
        alias = "approval-type",
        value_delimiter = ',',
        value_name = "TYPES",
        default_value = "SPECIFICATION,CODE_CHANGE,TEST,DEPLOY"
    )]
    approval_types: Vec<String>,
    /// Notes
    #[arg(short = 'm', long, default_value = "")]
    notes: String,
}

impl VersionsCommand {
    /// The options of a table, if it prints one.
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List(arguments) => Some(&arguments.table),
            Self::Show(arguments) => Some(&arguments.table),
            Self::Create(_) | Self::Approve(_) => None,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, command: &VersionsCommand) -> Result<(), Failure> {
    match command {
        VersionsCommand::List(arguments) => list(context, arguments).await,
        VersionsCommand::Show(arguments) => show(context, arguments).await,
        VersionsCommand::Create(arguments) => create(context, arguments).await,
        VersionsCommand::Approve(arguments) => approve(context, arguments).await,
    }
}

async fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let since = Timestamp((arguments.since * 1000.0) as i64);
    let mut versions = context
        .kio
        .versions(&arguments.application_id)
        .await
        .map_err(|error| failed(&error))?;
    versions.retain(|version| version.last_modified >= since);
    versions.sort_by_key(|version| version.last_modified);
    let rows: Vec<Row> = futures::stream::iter(versions)
        .map(|version| version_row(context, version))
        .buffered(AT_ONCE)
        .try_collect()
        .await
        .map_err(|error| failed(&error))?;
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("application_id"),
            Column::new("id"),
            Column::new("artifact"),
            Column::new("approvals"),
            Column::new("last_modified_time").title("Modified"),
        ],
        rows,
        ..Table::default()
    });
    Ok(())
}

async fn version_row(context: &Context, version: VersionSummary) -> Result<Row, Error> {
    let approvals = context.kio.approvals(&version.application_id, &version.id).await?;
    let approvals: Vec<String> = approvals
        .iter()
        .map(|approval| format!("{}: {}", approval.approval_type, approval.user_id))
        .collect();
    let row = [
        ("application_id", Value::from(version.application_id)),
        ("id", version.id.into()),
        ("artifact", version.artifact.into()),
        ("approvals", approvals.join(", ").into()),
        ("last_modified_time", epoch(version.last_modified)),
    ];
    Ok(row.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

async fn show(context: &Context, arguments: &ShowArguments) -> Result<(), Failure> {
    let ShowArguments {
        application_id,
        version_id,
        ..
    } = arguments;
    let version = context
        .kio
        .version(application_id, version_id)
        .await
        .map_err(|error| failed(&error))?;
    let version = version.ok_or_else(|| {
        Failure::application(format!(
            "Version \"{version_id}\" of application \"{application_id}\" does not exist"
        ))
    })?;
    let approvals = context
        .kio
        .approvals(application_id, version_id)
        .await
        .map_err(|error| failed(&error))?;
    let attributes = match serde_json::to_value(version) {
        Ok(Value::Object(attributes)) => attributes,
        // A version has texts only.
        _ => Map::new(),
    };
    let mut table = key_value_table(attributes);
    let told = |Approval {
                    approval_type,
                    user_id,
                    approved_at,
                    ..
                }: &Approval| {
        key_value(
            "approvals",
            format!("{approval_type} by {user_id} on {approved_at}").into(),
        )
    };
    table.rows.extend(approvals.iter().map(told));
    context.terminal.print_table(&table);
    Ok(())
}

async fn create(context: &Context, arguments: &CreateArguments) -> Result<(), Failure> {
    let CreateArguments {
        application_id,
        version_id,
        artifact,
        notes,
    } = arguments;
    let action = context
        .terminal
        .action(&format!("Creating version {application_id} {version_id}.."));
    let write = VersionWrite {
        artifact: artifact.clone(),
        notes: Some(notes.clone()),
    };
    context
        .kio
        .put_version(application_id, version_id, &write)
        .await
        .map_err(|error| failed(&error))?;
    action.ok();
    Ok(())
}

async fn approve(context: &Context, arguments: &ApproveArguments) -> Result<(), Failure> {
    let ApproveArguments {
        application_id,
        version_id,
        approval_types,
        notes,
    } = arguments;
    for approval_type in approval_types {
        let text = format!("Approving {approval_type} of version {application_id} {version_id}..");
        let action = context.terminal.action(&text);
        let write = ApprovalWrite {
            approval_type: approval_type.clone(),
            notes: Some(notes.clone()),
        };
        match context.kio.approve(application_id, version_id, &write).await {
            Ok(()) => action.ok(),
            // What was approved before is approved: the other types are still to do.
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => action.warning("already approved"),
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}
