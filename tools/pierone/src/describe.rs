//! `pierone describe`

use stups_api::pierone::{BaseImage, ComplianceStatus, ImageMetadata, TagSummary};
use stups_terminal::{Failure, Style};

use crate::approvals::refused;
use crate::context::Context;
use crate::image_name::TagArguments;
use crate::tags::shown_name;

/// What stands where nothing is told.
const NOT_SET: &str = "NOT SET";
const NOT_PROCESSED: &str = "Not Processed";

/// Names and values under a heading.
type Section = (&'static str, Vec<(&'static str, String)>);

pub(crate) async fn run(context: &Context, name: &TagArguments) -> Result<(), Failure> {
    let TagArguments { team, artifact, tag } = name;
    let image = context.image(name);
    let failed = |error| refused(&format!("get {image}'s metadata"), &image, &error);
    let missing = || Failure::application(format!("{image} doesn't exist."));
    let tags = context.pierone.tags(team, artifact).await.map_err(failed)?;
    let summary = tags.into_iter().find(|found| found.name == *tag).ok_or_else(missing)?;
    let metadata = context
        .docker_meta
        .image_metadata(&image.registry, team, artifact, tag)
        .await
        .map_err(failed)?
        .ok_or_else(missing)?;
    let sections = [general(name, &summary), commit(&metadata), compliance(&metadata)];
    let width = sections
        .iter()
        .flat_map(|(_, lines)| lines)
        .map(|(name, _)| name.len())
        .max();
    for (heading, lines) in &sections {
        if lines.is_empty() {
            continue;
        }
        let bold = Style {
            color: None,
            bold: true,
        };
        context.terminal.print_line(heading, Some(bold));
        for line in boxed(lines, width.unwrap_or_default()) {
            context.terminal.print_line(&line, None);
        }
    }
    Ok(())
}

/// Lines with the names in a column of `width`, each line of a value on its own.
fn boxed(lines: &[(&str, String)], width: usize) -> Vec<String> {
    let one = |(name, value): &(&str, String)| -> Vec<String> {
        let mut values: Vec<&str> = value.lines().collect();
        if values.is_empty() {
            values.push("");
        }
        let names = std::iter::once(*name).chain(std::iter::repeat(""));
        names
            .zip(values)
            .map(|(name, value)| format!("{name:<width$} \u{2503} {value}"))
            .collect()
    };
    lines.iter().flat_map(one).collect()
}

fn general(name: &TagArguments, tag: &TagSummary) -> Section {
    let mut lines = vec![
        ("Team", name.team.clone()),
        ("Artifact", name.artifact.clone()),
        ("Tag", name.tag.clone()),
    ];
    lines.extend(tag.digest.clone().map(|digest| ("Digest", digest)));
    let author = tag.created_by.as_deref().map(shown_name);
    lines.extend(author.map(|author| ("Author", author.to_owned())));
    lines.push(("Created in", tag.created.to_string()));
    ("General Information", lines)
}

fn commit(metadata: &ImageMetadata) -> Section {
    let told = metadata.ci.as_ref().map(|ci| {
        let all = [
            ("Repository", &ci.url),
            ("Hash", &ci.revision),
            ("Time", &ci.created),
            ("Author", &ci.author),
        ];
        let said = all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        said.collect()
    });
    ("Commit Information", told.unwrap_or_default())
}

fn compliance(metadata: &ImageMetadata) -> Section {
    let compliance = metadata.compliance.clone().unwrap_or_default();
    let checker = compliance.checker.unwrap_or_default();
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let mut lines = Vec::new();
    if metadata.ci.is_none() {
        lines.push(("Valid SCM Source", "No SCM Source".to_owned()));
    }
    lines.extend([
        ("Effective Status", or(compliance.status, NOT_PROCESSED)),
        ("Checker Status", or(checker.status, NOT_PROCESSED)),
        ("Checker Status Date", or(checker.received_at, NOT_SET)),
        ("Checker Status Reason", or(checker.reason, NOT_SET)),
        (
            "Checker Status Details",
            checker.details.as_deref().map_or_else(|| "None".to_owned(), plain_text),
        ),
    ]);
    match compliance.user {
        Some(user) => {
            let ComplianceStatus {
                status,
                received_at,
                reason,
                incident,
                set_by,
                ..
            } = user;
            lines.extend([
                ("User Status", or(status, NOT_SET)),
                ("User Status Date", or(received_at, NOT_SET)),
                ("User Status Reason", or(reason, NOT_SET)),
                ("User Status Issue", or(incident, NOT_SET)),
                ("User Status Set by", or(set_by, NOT_SET)),
            ]);
        }
        None => lines.push(("User Status", "Not Set".to_owned())),
    }
    match compliance.emergency {
        Some(emergency) => lines.extend([
            ("Emergency Status", or(emergency.status, NOT_SET)),
            ("Emergency Status Date", or(emergency.received_at, NOT_SET)),
            ("Emergency Status Reason", or(emergency.reason, NOT_SET)),
        ]),
        None => lines.push(("Emergency Status", "Not Set".to_owned())),
    }
    if let Some(BaseImage { name, allowed, message }) = metadata.base_image.clone() {
        let name = name.filter(|name| !name.is_empty());
        lines.extend([
            ("Base Image Name", or(name, "UNKNOWN")),
            ("Base Image Allowed", yes_or_no(allowed)),
            ("Base Image Details", or(message, "")),
        ]);
    }
    ("Compliance Information", lines)
}

fn yes_or_no(yes: bool) -> String {
    if yes { "Yes" } else { "No" }.to_owned()
}

/// The little Markdown that checkers write: headings, and lists of what is done and what is not.
fn plain_text(markdown: &str) -> String {
    let line = |line: &str| {
        let prefixes = [
            ("# ", ""),
            ("## ", ""),
            ("- [x] ", "\u{2611} "),
            ("- [ ] ", "\u{2610} "),
        ];
        let told = prefixes
            .iter()
            .find_map(|(prefix, shown)| Some(format!("{shown}{}", line.strip_prefix(prefix)?)));
        told.unwrap_or_else(|| line.to_owned())
    };
    markdown.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_a_column_and_values_may_have_lines() {
        let lines = [
            ("Team", "stups".to_owned()),
            ("Details", "one\ntwo".to_owned()),
            ("Empty", String::new()),
        ];
        let expected = [
            "Team    \u{2503} stups",
            "Details \u{2503} one",
            "        \u{2503} two",
            "Empty   \u{2503} ",
        ];
        assert_eq!(boxed(&lines, 7), expected);
    }

    #[test]
    fn markdown_is_shown_without_its_marks() {
        let markdown = "# Check\n## Source\n- [x] is there\n- [ ] is signed\nplain";
        let shown = "Check\nSource\n\u{2611} is there\n\u{2610} is signed\nplain";
        assert_eq!(plain_text(markdown), shown);
    }

    #[test]
    fn what_is_not_told_is_said_so() {
        let (_, lines) = compliance(&ImageMetadata::default());
        let value = |name: &str| {
            let found = lines.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("Valid SCM Source"), Some("No SCM Source"));
        assert_eq!(value("Effective Status"), Some("Not Processed"));
        assert_eq!(value("Checker Status Date"), Some("NOT SET"));
        assert_eq!(value("User Status"), Some("Not Set"));
        assert_eq!(value("Base Image Name"), None);
    }
}
