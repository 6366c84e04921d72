//! `pierone mark-production-ready` and `pierone mark-trusted`

use stups_api::client::Error;
use stups_terminal::{Column, Failure, Table, TableArguments};

use crate::context::Context;
use crate::image_name::{ImageName, TagArguments};
use crate::scm_source::{columns, source_row};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MarkProductionReadyArguments {
    /// The incident that demands it
    pub(crate) incident: String,
    #[command(flatten)]
    image: TagArguments,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MarkTrustedArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[command(flatten)]
    image: TagArguments,
}

/// A call about an image that failed, as the original tells it (contract pierone 3).
pub(crate) fn refused(doing: &str, image: &ImageName, error: &Error) -> Failure {
    match error {
        Error::Status { status, .. } if status.as_u16() == 404 => {
            Failure::application(format!("{image} doesn't exist."))
        }
        Error::Status { message, .. } => {
            let said = message.trim_end_matches('.');
            Failure::application(format!("You can't {doing}: {said}."))
        }
        _ => Failure::application(error.to_string()),
    }
}

/// Incidents that begin with `INC-` are told to the registry, others to what tells about images.
pub(crate) async fn mark_production_ready(
    context: &Context,
    arguments: &MarkProductionReadyArguments,
) -> Result<(), Failure> {
    let MarkProductionReadyArguments { incident, image } = arguments;
    let name = context.image(image);
    let marked = if incident.starts_with("INC-") {
        let TagArguments { team, artifact, tag } = image;
        context
            .pierone
            .mark_production_ready(team, artifact, tag, incident)
            .await
    } else {
        declare_production_ready(context, &name, incident).await
    };
    marked.map_err(|error| refused(&format!("mark {name} as production ready"), &name, &error))?;
    context.terminal.print(&marked_text(&name, incident));
    Ok(())
}

/// Where an image's metadata are.
pub(crate) async fn declare_production_ready(
    context: &Context,
    image: &ImageName,
    incident: &str,
) -> Result<(), Error> {
    context
        .docker_meta
        .declare_production_ready(&image.registry, &image.team, &image.artifact, &image.tag, incident)
        .await
}

pub(crate) fn marked_text(image: &ImageName, incident: &str) -> String {
    format!("Marked {image} as `production_ready` due to incident {incident}.\n")
}

/// Asks before it does, with the source in sight; one that nobody could find the image's code by is refused.
pub(crate) async fn mark_trusted(context: &Context, arguments: &MarkTrustedArguments) -> Result<(), Failure> {
    let TagArguments { team, artifact, tag } = &arguments.image;
    let name = context.image(&arguments.image);
    let doing = format!("approve {name}");
    let tags = context.tags(team, artifact).await?;
    let found = tags.iter().find(|found| found.name == *tag);
    let found = found.ok_or_else(|| Failure::application(format!("{name} doesn't exist.")))?;
    let source = context.pierone.scm_source(team, artifact, tag).await;
    let source = source.map_err(|error| refused(&doing, &name, &error))?;
    let source = source.ok_or_else(|| {
        Failure::application(format!(
            "{name} has no SCM source: put a scm-source.json into the image"
        ))
    })?;
    // A server that does not tell is judged for.
    let valid = source.valid.unwrap_or_else(|| source.is_valid());
    let mut row = source_row(tag, Some(&source), Some(found));
    row.insert("valid".to_owned(), valid.into());
    let mut columns = columns();
    columns.push(Column::new("valid"));
    context.terminal.print_table(&Table {
        columns,
        rows: vec![row],
        ..Table::default()
    });
    if !valid {
        return Err(Failure::application(format!(
            "The SCM source of {name} is not valid: it names no full commit id of a clean tree"
        )));
    }
    if !context.terminal.confirm(&format!("Do you trust {name}?"), false)? {
        return Err(Failure::aborted());
    }
    let approved = context.pierone.approve(team, artifact, tag).await;
    approved.map_err(|error| refused(&doing, &name, &error))?;
    // Those who have pushed it may approve it, too, but that is not enough.
    let tags = context.pierone.tags(team, artifact).await;
    let tags = tags.map_err(|error| refused(&doing, &name, &error))?;
    let trusted = tags
        .iter()
        .find(|found| found.name == *tag)
        .and_then(|tag| tag.trusted.as_ref());
    if trusted.is_some_and(|trusted| *trusted == false || trusted == "false") {
        let text =
            format!("Approved {name}. It is trusted as soon as somebody else than who has pushed it approves it.");
        context.terminal.warning(&text);
    } else {
        context.terminal.ok(&format!("Marked {name} as trusted."));
    }
    Ok(())
}
