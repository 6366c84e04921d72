//! `pierone cves`, and how severities are shown

use std::collections::HashMap;

use serde_json::Value;
use stups_api::pierone::{Feature, LayerReport, TagSummary, Vulnerability};
use stups_terminal::{Column, Failure, Row, Style, Table, TableArguments};
use url::Url;

use crate::context::{Context, failed};
use crate::image_name::TagArguments;
use crate::listings::row;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CvesArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[command(flatten)]
    image: TagArguments,
}

pub(crate) async fn run(context: &Context, arguments: &CvesArguments) -> Result<(), Failure> {
    let TagArguments { team, artifact, tag } = &arguments.image;
    let tags = context.tags(team, artifact).await?;
    let Some(found) = tags.iter().find(|found| found.name == *tag) else {
        return Err(Failure::usage(format!(
            "There is no tag \"{tag}\" of {team}/{artifact}"
        )));
    };
    let report = report(context, found).await?;
    let report = report.ok_or_else(|| {
        let image = context.image(&arguments.image);
        Failure::application(format!(
            "No vulnerabilities of {image} have been reported: it was not scanned yet"
        ))
    })?;
    let Some(features) = &report.layer.features else {
        return Err(Failure::application("The scanner could not tell what is in the image"));
    };
    let mut found: Vec<(&Feature, &Vulnerability)> = features
        .iter()
        .flat_map(|feature| feature.vulnerabilities.iter().map(move |found| (feature, found)))
        .collect();
    found.sort_by_key(|(_, vulnerability)| vulnerability.rank());
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("cve").title("CVE"),
            Column::new("severity"),
            Column::new("affected_feature"),
            Column::new("fixing_feature"),
            Column::new("link"),
        ],
        rows: found.into_iter().map(|(feature, found)| cve(feature, found)).collect(),
        styles: styles(),
    });
    Ok(())
}

/// From the registry, or from where it says that the report is: the original keeps none itself.
async fn report(context: &Context, tag: &TagSummary) -> Result<Option<LayerReport>, Failure> {
    let Some(id) = &tag.clair_id else { return Ok(None) };
    let report = context.pierone.report(id).await.map_err(|error| failed(&error))?;
    let details: Option<Url> = tag.clair_details.as_deref().and_then(|url| url.parse().ok());
    match (report, details) {
        (None, Some(details)) => {
            let report = context.pierone.report_at(&details).await;
            report.map_err(|error| failed(&error))
        }
        (report, _) => Ok(report),
    }
}

fn cve(feature: &Feature, found: &Vulnerability) -> Row {
    // As the original: what the scanner leaves out is null, what it leaves empty is empty.
    let fixing = match found.fixed_by.as_deref() {
        None => Value::Null,
        Some("") => "".into(),
        Some(version) => format!("{}:{version}", feature.name).into(),
    };
    row([
        ("cve", found.name.as_str().into()),
        ("severity", found.severity.to_uppercase().into()),
        (
            "affected_feature",
            format!("{}:{}", feature.name, feature.version).into(),
        ),
        ("fixing_feature", fixing),
        ("link", found.link.clone().into()),
    ])
}

/// The worst severity of an image as the originals show it (contract pierone 2.15).
pub(crate) fn severity(severity: Option<&str>, is_known_to_scanner: bool) -> String {
    let Some(severity) = severity else {
        return if is_known_to_scanner {
            "NOT_PROCESSED_YET"
        } else {
            "TOO_OLD"
        }
        .to_owned();
    };
    let name = severity.strip_prefix("clair:").unwrap_or(severity);
    let mut shown = String::new();
    let mut before = None;
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_some_and(|before: char| !before.is_uppercase()) {
            shown.push('_');
        }
        shown.extend(letter.to_uppercase());
        before = Some(letter);
    }
    shown
}

/// The colours of severities.
pub(crate) fn styles() -> HashMap<String, Style> {
    use anstyle::AnsiColor::{Green, Red, Yellow};
    let all = |names: &'static [&'static str], style: Style| names.iter().map(move |name| ((*name).to_owned(), style));
    all(&["CRITICAL", "HIGH"], Style::bold(Red))
        .chain(all(
            &["MEDIUM", "LOW", "NEGLIGIBLE", "UNKNOWN", "PENDING"],
            Style::plain(Yellow),
        ))
        .chain(all(&["NO_CVES_FOUND"], Style::plain(Green)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_shown_as_the_original_shows_them() {
        for (told, known, shown) in [
            (None, true, "NOT_PROCESSED_YET"),
            (None, false, "TOO_OLD"),
            (Some("clair:CouldntFigureOut"), true, "COULDNT_FIGURE_OUT"),
            (Some("clair:NoCVEsFound"), true, "NO_CVES_FOUND"),
            (Some("High"), true, "HIGH"),
            (Some(""), true, ""),
        ] {
            assert_eq!(severity(told, known), shown);
        }
    }
}
