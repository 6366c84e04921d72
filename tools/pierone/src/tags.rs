//! `pierone tags` and `pierone latest`

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use stups_api::Timestamp;
use stups_api::pierone::{INACTIVE, TagSummary};
use stups_terminal::{Column, Failure, OutputFormat, Row, Table, TableArguments};

use crate::context::{Context, failed};
use crate::image_name::team;
use crate::listings::row;
use crate::vulnerabilities;

/// So many artifacts are asked for their tags at once.
const AT_ONCE: usize = 8;

/// How many tags of each artifact are shown: of artifacts that are named, and of all that a team has.
const LIMITS: [usize; 2] = [20, 3];

/// Names that a continuous delivery platform pushes under (contract pierone 2.15).
const DELIVERY_PLATFORM: [&str; 2] = [
    "credprov-cdp-controller-proxy_pierone-token",
    "credprov-cdp-controller-proxy-credentials-cdp_proxy-token",
];

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TagsArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// How many tags of each artifact, the newest [default: 20, of a whole team 3]
    #[arg(short, long, value_name = "INTEGER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[arg(value_parser = team)]
    team: String,
    artifact: Vec<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LatestArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[arg(value_parser = team)]
    team: String,
    artifact: String,
}

pub(crate) async fn run(context: &Context, arguments: &TagsArguments) -> Result<(), Failure> {
    let team = &arguments.team;
    let named = !arguments.artifact.is_empty();
    let artifacts = if named {
        arguments.artifact.clone()
    } else {
        context.pierone.artifacts(team).await.map_err(|error| failed(&error))?
    };
    if artifacts.is_empty() {
        return Err(Failure::usage(
            "Team does not exist or has no artifacts! Please double check for spelling mistakes.",
        ));
    }
    let limit = arguments
        .limit
        .map_or(LIMITS[usize::from(!named)], |limit| limit as usize);
    let mut tags: Vec<(String, Vec<TagSummary>)> = futures::stream::iter(artifacts)
        .map(|artifact| async move {
            let mut tags = if named {
                context.tags(team, &artifact).await?
            } else {
                // What had tags a moment ago may have none now.
                let tags = context.pierone.tags(team, &artifact).await;
                tags.map_err(|error| failed(&error))?
            };
            tags.drain(..tags.len().saturating_sub(limit));
            Ok::<_, Failure>((artifact, tags))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    tags.sort_by(|one, other| one.0.cmp(&other.0));
    context.terminal.print_table(&table(team, &tags));
    Ok(())
}

/// Of the columns that depend on the server those that it fills.
fn table(team: &str, tags: &[(String, Vec<TagSummary>)]) -> Table {
    let mut columns = vec![
        Column::new("team"),
        Column::new("artifact"),
        Column::new("tag"),
        Column::new("created_time").title("Created"),
        Column::new("created_by").title("By"),
    ];
    let any = |told: fn(&TagSummary) -> bool| tags.iter().flat_map(|(_, tags)| tags).any(told);
    if any(|tag| {
        tag.clair_id.is_some() || tag.severity_fix_available.is_some() || tag.severity_no_fix_available.is_some()
    }) {
        columns.push(Column::new("severity_fix_available").title("Fixable CVE Severity"));
        columns.push(Column::new("severity_no_fix_available").title("Unfixable CVE Severity"));
    }
    if any(|tag| tag.trusted.is_some()) {
        columns.push(Column::new("trusted"));
    }
    if any(|tag| tag.status.is_some()) {
        columns.push(Column::new("status"));
        columns.push(Column::new("status_reason"));
    }
    let rows = tags
        .iter()
        .flat_map(|(artifact, tags)| tags.iter().map(move |tag| tag_row(team, artifact, tag)));
    Table {
        columns,
        rows: rows.collect(),
        styles: vulnerabilities::styles(),
    }
}

fn tag_row(team: &str, artifact: &str, tag: &TagSummary) -> Row {
    let severity = |severity: &Option<String>| vulnerabilities::severity(severity.as_deref(), tag.clair_id.is_some());
    row([
        ("team", team.into()),
        ("artifact", artifact.into()),
        ("tag", tag.name.as_str().into()),
        ("created_time", epoch(tag.created)),
        ("created_by", tag.created_by.as_deref().map(shown_name).into()),
        ("severity_fix_available", severity(&tag.severity_fix_available).into()),
        (
            "severity_no_fix_available",
            severity(&tag.severity_no_fix_available).into(),
        ),
        ("trusted", tag.trusted.clone().unwrap_or_default()),
        ("status", tag.status.clone().into()),
        ("status_reason", tag.status_reason.clone().into()),
    ])
}

/// Who pushed, as people call it.
pub(crate) fn shown_name(name: &str) -> &str {
    if DELIVERY_PLATFORM.contains(&name) {
        "[CDP]"
    } else {
        name
    }
}

/// Seconds since 1970, as tables have times.
pub(crate) fn epoch(time: Timestamp) -> Value {
    (time.0 as f64 / 1000.0).into()
}

/// By the time that they were made, whatever their place in the list. What was withdrawn is not what anybody wants.
pub(crate) async fn latest(context: &Context, arguments: &LatestArguments) -> Result<(), Failure> {
    let tags = context.pierone.tags(&arguments.team, &arguments.artifact).await;
    let tags = tags.map_err(|error| failed(&error))?;
    let active = tags.into_iter().filter(|tag| tag.status.as_deref() != Some(INACTIVE));
    let latest = active.max_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    let latest = latest.ok_or_else(|| Failure::application("Latest tag not found"))?;
    if context.terminal.format() == OutputFormat::Text {
        context.terminal.print(&format!("{}\n", latest.name));
    } else {
        context
            .terminal
            .print_table(&table(&arguments.team, &[(arguments.artifact.clone(), vec![latest])]));
    }
    Ok(())
}
