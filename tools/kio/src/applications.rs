//! `kio applications`

use clap::Subcommand;
use http::StatusCode;
use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_api::client::Error;
use stups_api::kio::{Application, ApplicationFilter, Condition, Document};
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::context::{Context, failed};
use crate::fields::{READ_ONLY, changes, new_application};

#[derive(Debug, Subcommand)]
pub(crate) enum ApplicationsCommand {
    List(ListArguments),
    Show(ShowArguments),
    Print(PrintArguments),
    Create(CreateArguments),
    Update(UpdateArguments),
}

/// List applications
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    table: TableArguments,
    /// Only those changed since then: 3h (units s, m, h, d, w), 2026-01-31, '2026-01-31 12:30:00' (UTC)
    #[arg(short, long, value_parser = stups_terminal::moment, allow_hyphen_values = true, value_name = "TIME")]
    since: Option<f64>,
    /// Filter by team
    #[arg(short, long)]
    team: Option<String>,
    /// Filter by 24x7 incident contact
    #[arg(long, value_name = "CONTACT")]
    incident_contact: Option<String>,
    /// List all applications (also disabled)
    #[arg(short, long)]
    all: bool,
    /// Only so many, the first by their ids
    #[arg(short, long, value_name = "NUMBER")]
    limit: Option<usize>,
}

impl ListArguments {
    /// The options of the table.
    pub(crate) fn table(&self) -> &TableArguments {
        &self.table
    }
}

/// Print an application as one line of JSON
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PrintArguments {
    application_id: String,
}

/// Show an application
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    table: TableArguments,
    application_id: String,
}

/// Create an application
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CreateArguments {
    application_id: String,
    /// What it is: name and team_id have to be there
    #[arg(value_name = "KEY=VAL")]
    pairs: Vec<String>,
}

/// Update an application
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpdateArguments {
    application_id: String,
    /// What is to change
    #[arg(value_name = "KEY=VAL")]
    pairs: Vec<String>,
    /// Remove the value of a field
    #[arg(long, value_name = "KEY")]
    clear: Vec<String>,
}

impl ApplicationsCommand {
    /// The options of a table, if it prints one.
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List(arguments) => Some(&arguments.table),
            Self::Show(arguments) => Some(&arguments.table),
            Self::Print(_) | Self::Create(_) | Self::Update(_) => None,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, command: &ApplicationsCommand) -> Result<(), Failure> {
    match command {
        ApplicationsCommand::List(arguments) => list(context, arguments).await,
        ApplicationsCommand::Show(arguments) => show(context, arguments).await,
        ApplicationsCommand::Print(arguments) => print(context, arguments).await,
        ApplicationsCommand::Create(arguments) => create(context, arguments).await,
        ApplicationsCommand::Update(arguments) => update(context, arguments).await,
    }
}

/// Lists applications.
pub(crate) async fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let filter = ApplicationFilter {
        team_id: arguments.team.clone(),
        incident_contact: arguments.incident_contact.clone(),
        active: (!arguments.all).then_some(true),
        modified_after: arguments.since.map(|since| Timestamp((since * 1000.0) as i64)),
        ..ApplicationFilter::default()
    };
    let mut applications = context
        .kio
        .applications(&filter)
        .await
        .map_err(|error| failed(&error))?;
    // Older registries do not know every filter.
    applications.retain(|application| fulfils(application, &filter));
    applications.sort_by(|one, other| one.id.cmp(&other.id));
    applications.truncate(arguments.limit.unwrap_or(usize::MAX));
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("id"),
            Column::new("team_id"),
            Column::new("criticality_level").title("Tier"),
            Column::new("incident_contact"),
            Column::new("name").max_width(32),
            Column::new("subtitle").max_width(32),
            Column::new("last_modified_time").title("Modified"),
        ],
        rows: applications.into_iter().map(row).collect(),
        ..Table::default()
    });
    Ok(())
}

fn fulfils(application: &Application, filter: &ApplicationFilter) -> bool {
    filter.team_id.as_ref().is_none_or(|team| application.team_id == *team)
        && (filter.incident_contact.is_none() || application.incident_contact == filter.incident_contact)
        && filter.active.is_none_or(|active| application.active == active)
        && filter
            .modified_after
            .is_none_or(|since| application.last_modified >= since)
}

fn row(application: Application) -> Row {
    [
        ("id", Value::from(application.id)),
        ("team_id", application.team_id.into()),
        ("criticality_level", application.criticality_level.into()),
        ("incident_contact", application.incident_contact.into()),
        ("name", application.name.into()),
        ("subtitle", application.subtitle.into()),
        ("last_modified_time", epoch(application.last_modified)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// Seconds since 1970 UTC, with a fraction, as the originals print them.
pub(crate) fn epoch(time: Timestamp) -> Value {
    (time.0 as f64 / 1000.0).into()
}

async fn show(context: &Context, arguments: &ShowArguments) -> Result<(), Failure> {
    let document = document(context, &arguments.application_id).await?;
    context.terminal.print_table(&key_value_table(document.attributes));
    Ok(())
}

/// Up to 0.1.12 the original printed a Python dictionary here, which only Python can read.
async fn print(context: &Context, arguments: &PrintArguments) -> Result<(), Failure> {
    let document = document(context, &arguments.application_id).await?;
    let attributes = Value::Object(document.attributes);
    context.terminal.print(&format!("{attributes}\n"));
    Ok(())
}

/// Two columns, sorted by key.
pub(crate) fn key_value_table(attributes: Map<String, Value>) -> Table {
    let mut attributes: Vec<(String, Value)> = attributes.into_iter().collect();
    attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    Table {
        columns: vec![Column::new("key"), Column::new("value")],
        rows: attributes
            .into_iter()
            .map(|(key, value)| key_value(&key, value))
            .collect(),
        ..Table::default()
    }
}

/// A row of [`key_value_table`].
pub(crate) fn key_value(key: &str, value: Value) -> Row {
    [("key".to_owned(), key.into()), ("value".to_owned(), value)]
        .into_iter()
        .collect()
}

async fn create(context: &Context, arguments: &CreateArguments) -> Result<(), Failure> {
    let id = &arguments.application_id;
    let attributes = new_application(&arguments.pairs)?;
    if context
        .kio
        .document(id)
        .await
        .map_err(|error| failed(&error))?
        .is_some()
    {
        return Err(exists(id));
    }
    let action = context.terminal.action(&format!("Creating application {id}.."));
    match context.kio.put(id, &attributes, &Condition::New).await {
        Ok(()) => action.ok(),
        Err(error) => return Err(refused(&error, || exists(id))),
    }
    Ok(())
}

async fn update(context: &Context, arguments: &UpdateArguments) -> Result<(), Failure> {
    let id = &arguments.application_id;
    let Document { mut attributes, tag } = document(context, id).await?;
    let changes = changes(&attributes, &arguments.pairs, &arguments.clear)?;
    let action = context.terminal.action(&format!("Updating application {id}.."));
    if changes.is_empty() {
        // Writing the same again would look like a change to everybody who asks what was changed.
        action.done("unchanged");
        return Ok(());
    }
    let condition = tag.map_or(Condition::Always, Condition::Unchanged);
    let clears = changes.values().any(Value::is_null);
    let written = if clears {
        context.kio.patch(id, &changes, &condition).await
    } else {
        attributes.extend(changes);
        attributes.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
        context.kio.put(id, &attributes, &condition).await
    };
    match written {
        Ok(()) => action.ok(),
        Err(error)
            if clears
                && matches!(
                    error.status(),
                    Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
                ) =>
        {
            return Err(Failure::application("This registry cannot clear fields."));
        }
        Err(error) => return Err(refused(&error, || changed(id))),
    }
    Ok(())
}

async fn document(context: &Context, id: &str) -> Result<Document, Failure> {
    let document = context.kio.document(id).await.map_err(|error| failed(&error))?;
    document.ok_or_else(|| Failure::application(format!("Application \"{id}\" does not exist")))
}

/// A write that failed; `overtaken` if somebody else was faster.
fn refused(error: &Error, overtaken: impl FnOnce() -> Failure) -> Failure {
    if error.status() == Some(StatusCode::PRECONDITION_FAILED) {
        overtaken()
    } else {
        failed(error)
    }
}

fn exists(id: &str) -> Failure {
    Failure::usage(format!("Application \"{id}\" already exists"))
}

fn changed(id: &str) -> Failure {
    Failure::application(format!(
        "Application \"{id}\" was changed by somebody else at the same moment. Please try again."
    ))
}
