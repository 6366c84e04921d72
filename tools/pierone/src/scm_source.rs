//! `pierone scm-source`

use futures::{StreamExt as _, TryStreamExt as _};
use stups_api::client::Error;
use stups_api::pierone::{ScmSource, TagSummary};
use stups_terminal::{Column, Failure, Row, Table, TableArguments};

use crate::context::{Context, failed};
use crate::image_name::team;
use crate::listings::row;
use crate::tags::{epoch, shown_name};

/// So many tags are asked for their sources at once.
const AT_ONCE: usize = 8;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ScmSourceArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[arg(value_parser = team)]
    team: String,
    artifact: String,
    /// All by default
    tag: Vec<String>,
}

pub(crate) async fn run(context: &Context, arguments: &ScmSourceArguments) -> Result<(), Failure> {
    let ScmSourceArguments {
        team, artifact, tag, ..
    } = arguments;
    let tags = context.tags(team, artifact).await?;
    let mut wanted: Vec<String> = if tag.is_empty() {
        tags.iter().map(|tag| tag.name.clone()).collect()
    } else {
        tag.clone()
    };
    wanted.sort();
    let tags = &tags;
    let rows: Vec<Row> = futures::stream::iter(wanted)
        .map(|name| async move {
            let source = context.pierone.scm_source(team, artifact, &name).await?;
            let tag = tags.iter().find(|tag| tag.name == name);
            Ok::<_, Error>(source_row(&name, source.as_ref(), tag))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
        .map_err(|error| failed(&error))?;
    context.terminal.print_table(&Table {
        columns: columns(),
        rows,
        ..Table::default()
    });
    Ok(())
}

/// The columns of a source.
pub(crate) fn columns() -> Vec<Column> {
    vec![
        Column::new("tag"),
        Column::new("author"),
        Column::new("url").title("URL"),
        Column::new("revision").max_width(10),
        Column::new("status"),
        Column::new("created_time").title("Created"),
        Column::new("created_by").title("By"),
    ]
}

/// A tag and what is known of its source: only the tag itself when nothing is.
pub(crate) fn source_row(name: &str, source: Option<&ScmSource>, tag: Option<&TagSummary>) -> Row {
    row([
        ("tag", name.into()),
        ("author", source.map(|source| source.author.as_str()).into()),
        ("url", source.map(|source| source.url.as_str()).into()),
        ("revision", source.map(|source| source.revision.as_str()).into()),
        ("status", source.map(|source| source.status.as_str()).into()),
        ("created_time", tag.map(|tag| epoch(tag.created)).unwrap_or_default()),
        (
            "created_by",
            tag.and_then(|tag| tag.created_by.as_deref()).map(shown_name).into(),
        ),
    ])
}
