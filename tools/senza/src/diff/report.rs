//! A difference as people and programs read it.

use std::fmt::Write as _;

use serde_json::Value as Json;
use stups_terminal::{OutputFormat, Row, Terminal};

use super::{Action, Change, Difference, PropertyChange, Replacement};
use crate::stacks::split_stack_name;
use crate::styles;

const COLUMNS: [&str; 10] = [
    "stack_name",
    "version",
    "section",
    "LogicalResourceId",
    "resource_type",
    "action",
    "replacement",
    "property",
    "before",
    "after",
];

/// The longest value that is shown in a line.
const LONGEST_VALUE: usize = 200;

/// Prints the difference in the format in force.
pub(crate) fn print(terminal: &Terminal, difference: &Difference) {
    match terminal.format() {
        OutputFormat::Text => terminal.print(&text(difference)),
        format => terminal.print_table(&styles::table(&COLUMNS, &[], rows(difference, format))),
    }
}

/// The difference for people: a line per resource, below it a line per property.
pub(crate) fn text(difference: &Difference) -> String {
    let mut text = summary(difference);
    for change in &difference.changes {
        let _ = writeln!(text, "{}", headline(change));
        for property in &change.properties {
            write_property(&mut text, property);
        }
    }
    text
}

fn summary(difference: &Difference) -> String {
    let name = &difference.stack_name;
    let Some(against) = &difference.against else {
        return format!("Stack {name} does not exist yet: all of it is new.\n");
    };
    let compared = if against == name {
        format!("Stack {name}")
    } else {
        format!("Stack {name} compared with {against}")
    };
    if difference.changes.is_empty() {
        return format!("{compared}: no changes.\n");
    }
    let count = |action: Action| {
        difference
            .changes
            .iter()
            .filter(|change| change.action == action)
            .count()
    };
    let replaced = difference
        .changes
        .iter()
        .filter(|change| change.replacement == Some(Replacement::Yes))
        .count();
    let mut summary = format!(
        "{compared}: {} to add, {} to change, {} to remove",
        count(Action::Add),
        count(Action::Modify) + count(Action::Other),
        count(Action::Remove)
    );
    if replaced > 0 {
        let _ = write!(summary, "; {replaced} will be replaced");
    }
    summary + ".\n"
}

fn headline(change: &Change) -> String {
    let sign = match change.action {
        Action::Add => '+',
        Action::Modify | Action::Other => '~',
        Action::Remove => '-',
    };
    let mut line = match change.section.as_str() {
        "Resources" => format!("{sign} {}", change.name),
        section => format!("{sign} {section}/{}", change.name),
    };
    if let Some(resource_type) = &change.resource_type {
        let _ = write!(line, "  {resource_type}");
    }
    match change.replacement {
        Some(Replacement::Yes) => line.push_str("  (replacement)"),
        Some(Replacement::Conditional) => line.push_str("  (replacement possible)"),
        Some(Replacement::No) | None => {}
    }
    line
}

fn write_property(text: &mut String, property: &PropertyChange) {
    let path = if property.path.is_empty() {
        "(value)"
    } else {
        &property.path
    };
    if !property.lines.is_empty() {
        let _ = writeln!(text, "    {path}:");
        for line in &property.lines {
            let _ = writeln!(text, "      {line}");
        }
        return;
    }
    let change = match (&property.before, &property.after, &property.cause) {
        (None, None, Some(cause)) => format!("changes with {cause}"),
        (None, Some(after), _) => shortened(after),
        (Some(before), None, _) => format!("{} -> (nothing)", shortened(before)),
        (Some(before), Some(after), _) => format!("{} -> {}", shortened(before), shortened(after)),
        (None, None, None) => "changes".to_owned(),
    };
    let _ = writeln!(text, "    {path}: {change}");
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE).chain("..".chars()).collect()
}

/// A row per property; one row for something that has none.
fn rows(difference: &Difference, format: OutputFormat) -> Vec<Row> {
    let (application, version) = split_stack_name(&difference.stack_name);
    let mut rows = Vec::new();
    for change in &difference.changes {
        let nothing = PropertyChange::default();
        let properties = if change.properties.is_empty() {
            std::slice::from_ref(&nothing)
        } else {
            change.properties.as_slice()
        };
        for property in properties {
            let (before, after) = sides(property);
            rows.push(styles::row([
                ("stack_name", application.into()),
                ("version", version.into()),
                ("section", change.section.as_str().into()),
                ("LogicalResourceId", change.name.as_str().into()),
                ("resource_type", change.resource_type.clone().into()),
                ("action", action(change.action).into()),
                ("replacement", change.replacement.map(replacement).into()),
                ("property", property.path.as_str().into()),
                ("before", cell(before, format)),
                ("after", cell(after, format)),
            ]));
        }
    }
    rows
}

/// Before and after. Of texts with several lines, the lines that differ.
fn sides(property: &PropertyChange) -> (Option<Json>, Option<Json>) {
    if property.lines.is_empty() {
        return (property.before.clone(), property.after.clone());
    }
    let with = |sign: char| {
        let lines: Vec<&str> = property
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix(sign))
            .collect();
        (!lines.is_empty()).then(|| Json::from(lines.join("\n")))
    };
    (with('-'), with('+'))
}

/// A cell of a line-based format must not have lines of its own.
fn cell(value: Option<Json>, format: OutputFormat) -> Json {
    match value {
        Some(Json::String(text)) if format == OutputFormat::Tsv && text.contains(['\n', '\t', '\r']) => {
            Json::from(Json::from(text).to_string())
        }
        Some(value) => value,
        None => Json::Null,
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Add => "add",
        Action::Modify => "modify",
        Action::Remove => "remove",
        Action::Other => "other",
    }
}

fn replacement(replacement: Replacement) -> &'static str {
    match replacement {
        Replacement::No => "no",
        Replacement::Conditional => "conditional",
        Replacement::Yes => "yes",
    }
}
