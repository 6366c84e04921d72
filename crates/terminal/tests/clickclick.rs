//! Tables byte for byte as clickclick 20.10.2 prints them: the expectations in `clickclick/tables.json` were written by
//! `clickclick/make.py` with the original library, on random tables.

use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use stups_terminal::{Column, OutputFormat, Row, Style, Table, Times};

#[derive(Deserialize)]
struct Golden {
    now: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    columns: Vec<String>,
    rows: Vec<Row>,
    titles: HashMap<String, String>,
    max_widths: HashMap<String, usize>,
    /// by format; `terminal` is text on a terminal
    expected: BTreeMap<String, String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("clickclick/tables.json")).unwrap()
}

fn table(case: &Case) -> Table {
    let columns = case.columns.iter().map(|name| {
        let mut column = Column::new(name);
        if let Some(title) = case.titles.get(name) {
            column = column.title(title);
        }
        if let Some(width) = case.max_widths.get(name) {
            column = column.max_width(*width);
        }
        column
    });
    let style = |color, bold| Style { color, bold };
    Table {
        columns: columns.collect(),
        rows: case.rows.clone(),
        styles: HashMap::from([
            ("ERROR".to_owned(), style(Some(anstyle::AnsiColor::Red), true)),
            (
                "CREATE_COMPLETE".to_owned(),
                style(Some(anstyle::AnsiColor::Green), false),
            ),
            ("kio".to_owned(), style(None, true)),
        ]),
    }
}

fn compare(name: &str, format: OutputFormat, color: bool) {
    let golden = golden();
    let mut compared = 0;
    for (number, case) in golden.cases.iter().enumerate() {
        let Some(expected) = case.expected.get(name) else {
            continue;
        };
        let times = Times::RelativeTo(golden.now);
        let rendered = table(case).render_with_times(format, color, times);
        assert_eq!(&rendered, expected, "table {number} as {name}");
        compared += 1;
    }
    assert!(compared >= 40, "only {compared} tables");
}

#[test]
fn text_in_a_pipe() {
    compare("text", OutputFormat::Text, false);
}

#[test]
fn text_on_a_terminal() {
    compare("terminal", OutputFormat::Text, true);
}

#[test]
fn tsv() {
    compare("tsv", OutputFormat::Tsv, false);
}

#[test]
fn json() {
    compare("json", OutputFormat::Json, false);
}

#[test]
fn yaml() {
    compare("yaml", OutputFormat::Yaml, false);
}
