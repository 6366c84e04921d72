use std::path::PathBuf;

use stups_api::identity::ChangeKind;
use stups_terminal::{Failure, TableArguments};

use crate::context::{Context, failed};

/// Apply a file of users, teams, accounts, clients and service users
#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArguments {
    /// YAML file
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what the file does not list, in the sections that it has
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// Applies the file; prints what changed.
pub(crate) async fn run(context: &Context, arguments: &ApplyArguments) -> Result<(), Failure> {
    let path = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| Failure::application(format!("{path} can't be read: {error}")))?;
    let report = context
        .identity
        .import(&text, arguments.dry_run, arguments.prune)
        .await
        .map_err(failed)?;
    context.table(&["change", "type", "id", "fingerprint", "fields"], &report.changes);
    let count = |kind| report.changes.iter().filter(|change| change.change == kind).count();
    let (added, changed, removed) = (
        count(ChangeKind::Added),
        count(ChangeKind::Changed),
        count(ChangeKind::Removed),
    );
    let nothing = if arguments.dry_run { " Nothing was written." } else { "" };
    context.terminal.info(&format!(
        "{added} added, {changed} changed, {removed} removed.{nothing}"
    ));
    Ok(())
}
