//! `pierone teams`, `pierone artifacts`, `pierone image`

use http::StatusCode;
use serde_json::Value;
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::context::{Context, failed};
use crate::image_name::team;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TeamsArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ArtifactsArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[arg(value_parser = team)]
    team: String,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImageArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// The image's id, or how it begins
    image: String,
}

/// A row from names and values.
pub(crate) fn row<const N: usize>(cells: [(&str, Value); N]) -> Row {
    cells
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(crate) async fn teams(context: &Context) -> Result<(), Failure> {
    let mut teams = context.pierone.teams().await.map_err(|error| failed(&error))?;
    teams.sort();
    context.terminal.print_table(&Table {
        columns: vec![Column::new("name")],
        rows: teams.into_iter().map(|name| row([("name", name.into())])).collect(),
        ..Table::default()
    });
    Ok(())
}

pub(crate) async fn artifacts(context: &Context, arguments: &ArtifactsArguments) -> Result<(), Failure> {
    let team = &arguments.team;
    let mut artifacts = context.pierone.artifacts(team).await.map_err(|error| failed(&error))?;
    artifacts.sort();
    let rows = artifacts
        .into_iter()
        .map(|artifact| row([("team", team.as_str().into()), ("artifact", artifact.into())]));
    context.terminal.print_table(&Table {
        columns: vec![Column::new("team"), Column::new("artifact")],
        rows: rows.collect(),
        ..Table::default()
    });
    Ok(())
}

/// Nothing that is found is a sentence, and no failure, as with the original.
pub(crate) async fn image(context: &Context, arguments: &ImageArguments) -> Result<(), Failure> {
    let prefix = &arguments.image;
    let images = match context.pierone.images(prefix).await {
        Ok(images) => images,
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
            context.terminal.print(&format!("Image {prefix} not found\n"));
            return Ok(());
        }
        Err(error) if error.status() == Some(StatusCode::PRECONDITION_FAILED) => {
            let text = format!("Prefix {prefix} matches more than one image.\n");
            context.terminal.print(&text);
            return Ok(());
        }
        Err(error) => return Err(failed(&error)),
    };
    let rows = images.into_iter().map(|image| {
        row([
            ("team", image.team.into()),
            ("artifact", image.artifact.into()),
            ("name", image.name.into()),
        ])
    });
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("team"),
            Column::new("artifact"),
            Column::new("name").title("Tag"),
        ],
        rows: rows.collect(),
        ..Table::default()
    });
    Ok(())
}
