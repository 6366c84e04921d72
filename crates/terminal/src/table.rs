//! Tables in all output formats.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::json::{json_line, number_text};
use crate::message::{NONE, push_header, push_styled};
use crate::time::Times;
use crate::{OutputFormat, Style};

/// One row: column name to value. Absent and null are the same.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// key in the rows, name in JSON and TSV
    pub name: String,
    /// heading in text output
    pub title: String,
    /// text output cuts longer cells to this many characters
    pub max_width: Option<usize>,
}

impl Column {
    /// A column with the default title: the name in title case, underscores as blanks.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title_case(name),
            max_width: None,
        }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Sets the maximum width.
    #[must_use]
    pub fn max_width(mut self, width: usize) -> Self {
        self.max_width = Some(width);
        self
    }
}

/// Columns, rows and the styles of values; rendered by [`crate::Terminal::print_table`].
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// columns in order
    pub columns: Vec<Column>,
    /// rows in order
    pub rows: Vec<Row>,
    /// style by cell value, whatever the column
    pub styles: HashMap<String, Style>,
}

/// No cell in text output is wider than this.
const WIDEST_CELL: usize = 1000;

/// A time younger than this many seconds is green and bold in text output.
const YOUNG: f64 = 900.0;

/// A time younger than this many seconds is green in text output.
const RECENT: f64 = 3600.0;

impl Table {
    /// The table as text in `format`, ending in a newline; `color` puts ANSI styles in.
    ///
    /// Columns whose names end in `_time` show numbers as ages in text and TSV. Text, JSON, TSV and YAML are those of
    /// clickclick 20.10.2, except: text measures in display cells and replaces control characters by blanks, TSV replaces tabs
    /// and line ends by blanks, lists and maps in cells are compact JSON, and YAML does not fold long lines.
    pub fn render(&self, format: OutputFormat, color: bool) -> String {
        self.render_with_times(format, color, Times::relative())
    }

    /// As [`Table::render`], with times as `times` says.
    pub fn render_with_times(&self, format: OutputFormat, color: bool, times: Times) -> String {
        match format {
            OutputFormat::Text => self.text(color, times),
            OutputFormat::Tsv => self.tsv(times),
            OutputFormat::Json => {
                let mut out = json_line(&Value::Array(self.rows.iter().map(|row| self.object(row)).collect()));
                out.push('\n');
                out
            }
            OutputFormat::Jsonl => self
                .rows
                .iter()
                .map(|row| json_line(&self.object(row)) + "\n")
                .collect(),
            OutputFormat::Yaml => self.yaml(),
        }
    }

    fn text(&self, color: bool, times: Times) -> String {
        let rows: Vec<Vec<Cow<'_, str>>> = self
            .rows
            .iter()
            .map(|row| {
                self.columns
                    .iter()
                    .map(|column| text_cell(column, row, times))
                    .collect()
            })
            .collect();
        let widths = self.widths(&rows);

        let mut out = String::new();
        for (index, (column, width)) in self.columns.iter().zip(&widths).enumerate() {
            if index > 0 {
                push_header(&mut out, "│", color);
            }
            let title = &column.title;
            push_header(&mut out, &pad(title, width.saturating_sub(title.width()), false), color);
        }
        out.push('\n');
        for (row, cells) in self.rows.iter().zip(rows) {
            for ((column, width), cell) in self.columns.iter().zip(&widths).zip(cells) {
                let value = row.get(&column.name);
                let right = matches!(value, Some(Value::Number(_) | Value::Bool(_)));
                let cell = cut(cell, column.max_width.unwrap_or(WIDEST_CELL));
                let cell = pad(&cell, width.saturating_sub(cell.width()), right);
                push_styled(&mut out, &cell, self.style(column, value, times), color);
                out.push(' ');
            }
            out.push('\n');
        }
        out
    }

    /// A column is as wide as its title or its widest cell; its maximum holds as soon as there are rows.
    fn widths(&self, rows: &[Vec<Cow<'_, str>>]) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.title.width()).collect();
        for row in rows {
            for ((width, cell), column) in widths.iter_mut().zip(row).zip(&self.columns) {
                *width = (*width).max(cell.width()).min(column.max_width.unwrap_or(WIDEST_CELL));
            }
        }
        widths
    }

    fn style(&self, column: &Column, value: Option<&Value>, times: Times) -> Style {
        match value {
            Some(Value::Number(number)) if is_time(&column.name) => {
                let age = times.now() - number.as_f64().unwrap_or_default();
                if age < YOUNG {
                    Style::bold(anstyle::AnsiColor::Green)
                } else if age < RECENT {
                    Style::plain(anstyle::AnsiColor::Green)
                } else {
                    NONE
                }
            }
            Some(Value::String(text)) => self.styles.get(text).copied().unwrap_or(NONE),
            _ => NONE,
        }
    }

    fn tsv(&self, times: Times) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let mut out = names.join("\t");
        out.push('\n');
        for row in &self.rows {
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    out.push('\t');
                }
                let cell = cell_text(&column.name, row.get(&column.name), times);
                out.push_str(&cell.replace(['\t', '\n', '\r'], " "));
            }
            out.push('\n');
        }
        out
    }

    fn yaml(&self) -> String {
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                // A document that is not in block style starts on the line of its marker.
                out.push_str(if self.columns.is_empty() { "--- " } else { "---\n" });
            }
            out.push_str(&stups_yaml::dump(&stups_yaml::Value::from(&self.object(row))));
        }
        out.push('\n');
        out
    }

    /// The row with exactly the table's columns, raw values, null where there is none.
    fn object(&self, row: &Row) -> Value {
        let members = self.columns.iter().map(|column| {
            let value = row.get(&column.name).cloned().unwrap_or(Value::Null);
            (column.name.clone(), value)
        });
        Value::Object(members.collect())
    }
}

fn is_time(column: &str) -> bool {
    column.ends_with("_time")
}

/// What a cell shows in text and TSV.
fn cell_text<'a>(column: &str, value: Option<&'a Value>, times: Times) -> Cow<'a, str> {
    match value {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(Value::Number(number)) if is_time(column) => {
            Cow::Owned(number.as_f64().map_or_else(String::new, |epoch| times.text(epoch)))
        }
        Some(Value::Bool(value)) => Cow::Borrowed(if *value { "yes" } else { "no" }),
        Some(Value::Number(number)) => Cow::Owned(number_text(number)),
        Some(value @ (Value::Array(_) | Value::Object(_))) => Cow::Owned(value.to_string()),
    }
}

/// What a cell shows in text, uncut. Control characters would tear the row apart, or steer the terminal: each becomes a blank.
fn text_cell<'a>(column: &Column, row: &'a Row, times: Times) -> Cow<'a, str> {
    let cell = cell_text(&column.name, row.get(&column.name), times);
    if cell.contains(char::is_control) {
        Cow::Owned(cell.replace(char::is_control, " "))
    } else {
        cell
    }
}

/// `cell`, or as much of it as fits into `max` display cells with `..` behind it.
fn cut(cell: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    if cell.width() <= max {
        return cell;
    }
    let room = max.saturating_sub(2);
    let end = cell
        .char_indices()
        .map(|(start, character)| start + character.len_utf8())
        .take_while(|end| cell.get(..*end).is_some_and(|beginning| beginning.width() <= room))
        .last()
        .unwrap_or(0);
    Cow::Owned(format!("{}..", cell.get(..end).unwrap_or_default()))
}

/// `text` and `missing` blanks, before it if it is to be aligned `right`.
fn pad(text: &str, missing: usize, right: bool) -> String {
    let blanks = " ".repeat(missing);
    if right {
        blanks + text
    } else {
        text.to_owned() + &blanks
    }
}

/// `last_modified_time` as `Last Modified Time`: a letter after anything but a letter is a capital, all others are small.
fn title_case(name: &str) -> String {
    let mut title = String::with_capacity(name.len());
    let mut in_word = false;
    for character in name.chars() {
        match character {
            '_' => title.push(' '),
            _ if in_word => title.extend(character.to_lowercase()),
            _ => title.extend(character.to_uppercase()),
        }
        in_word = character.is_alphabetic();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::AnsiColor;
    use proptest::prelude::*;
    use serde_json::json;

    fn table(columns: Vec<Column>, rows: Value) -> Table {
        let Value::Array(rows) = rows else {
            panic!("rows are an array")
        };
        let rows = rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect();
        Table {
            columns,
            rows,
            styles: HashMap::new(),
        }
    }

    fn columns(names: &[&str]) -> Vec<Column> {
        names.iter().map(|name| Column::new(name)).collect()
    }

    fn text(table: &Table) -> String {
        table.render(OutputFormat::Text, false)
    }

    #[test]
    fn applications_as_measured() {
        let columns = vec![
            Column::new("id"),
            Column::new("team_id"),
            Column::new("required_approvers").title("Tier"),
            Column::new("incident_contact"),
            Column::new("name").max_width(32),
            Column::new("subtitle").max_width(32),
            Column::new("last_modified_time").title("Modified"),
        ];
        let now = 1_700_000_000;
        let modified = now - 4228 * 86400;
        let table = table(
            columns,
            json!([
                {"id": "kio", "team_id": "stups", "required_approvers": 2, "incident_contact": "sre", "name": "Kio",
                 "subtitle": "STUPS application registry and more", "last_modified_time": modified},
                {"id": "order-engine", "team_id": "orders", "required_approvers": 1, "name": "Order Engine",
                 "last_modified_time": modified},
            ]),
        );
        let times = Times::RelativeTo(f64::from(now));
        assert_eq!(
            table.render_with_times(OutputFormat::Text, false, times),
            "Id          │Team Id│Tier│Incident Contact│Name        │Subtitle                        │Modified \n\
             kio          stups      2 sre              Kio          STUPS application registry and.. 4228d ago \n\
             order-engine orders     1                  Order Engine                                  4228d ago \n"
        );
        let absolute = table.render_with_times(OutputFormat::Tsv, false, Times::Absolute);
        assert!(absolute.contains("\t2012-04-17T22:13:20Z\n"), "{absolute}");
    }

    #[test]
    fn empty_rows_in_each_format() {
        let table = table(columns(&["a", "b"]), json!([{}, {"b": null}]));
        assert_eq!(text(&table), "A│B\n    \n    \n");
        assert_eq!(
            table.render(OutputFormat::Json, false),
            "[{\"a\": null, \"b\": null}, {\"a\": null, \"b\": null}]\n"
        );
        assert_eq!(table.render(OutputFormat::Tsv, false), "a\tb\n\t\n\t\n");
        assert_eq!(
            table.render(OutputFormat::Jsonl, false),
            "{\"a\": null, \"b\": null}\n{\"a\": null, \"b\": null}\n"
        );
        assert_eq!(
            table.render(OutputFormat::Yaml, false),
            "a: null\nb: null\n---\na: null\nb: null\n\n"
        );
    }

    #[test]
    fn no_rows_in_each_format() {
        let mut table = table(columns(&["a", "long_name"]), json!([]));
        table.columns[1].max_width = Some(3);
        assert_eq!(text(&table), "A│Long Name\n");
        assert_eq!(table.render(OutputFormat::Json, false), "[]\n");
        assert_eq!(table.render(OutputFormat::Tsv, false), "a\tlong_name\n");
        assert_eq!(table.render(OutputFormat::Jsonl, false), "");
        assert_eq!(table.render(OutputFormat::Yaml, false), "\n");
    }

    #[test]
    fn tsv_as_measured() {
        let table = table(columns(&["a", "b"]), json!([{"a": 1}, {"b": 2}]));
        assert_eq!(table.render(OutputFormat::Tsv, false), "a\tb\n1\t\n\t2\n");
    }

    #[test]
    fn titles_are_made_of_names() {
        for (name, title) in [
            ("last_modified_time", "Last Modified Time"),
            ("LogicalResourceId", "Logicalresourceid"),
            ("4xx_percentage", "4Xx Percentage"),
            ("x1y", "X1Y"),
            ("größe", "Größe"),
            ("", ""),
        ] {
            assert_eq!(Column::new(name).title, title);
        }
    }

    #[test]
    fn width_is_counted_in_display_cells() {
        let mut table = table(
            columns(&["name", "x"]),
            json!([{"name": "日本語", "x": 1}, {"name": "abc", "x": 2}]),
        );
        assert_eq!(text(&table), "Name  │X\n日本語 1 \nabc    2 \n");
        table.columns[0].max_width = Some(5);
        assert_eq!(text(&table), "Name │X\n日..  1 \nabc   2 \n");
    }

    #[test]
    fn control_characters_neither_break_a_row_nor_reach_the_terminal() {
        let table = table(columns(&["a"]), json!([{"a": "x\ty\nz\u{1b}[2J"}]));
        assert_eq!(text(&table), "A        \nx y z [2J \n");
        assert_eq!(table.render(OutputFormat::Tsv, false), "a\nx y z\u{1b}[2J\n");
    }

    #[test]
    fn lists_and_maps_are_compact_json() {
        let table = table(columns(&["a"]), json!([{"a": [1, "b"]}, {"a": {"k": null}}]));
        assert_eq!(table.render(OutputFormat::Tsv, false), "a\n[1,\"b\"]\n{\"k\":null}\n");
    }

    #[test]
    fn a_cell_of_more_than_a_thousand_cells_is_cut() {
        let table = table(columns(&["a"]), json!([{"a": "x".repeat(1001)}]));
        let expected = format!("{}.. \n", "x".repeat(998));
        assert!(text(&table).ends_with(&expected));
        let tsv = table.render(OutputFormat::Tsv, false);
        assert_eq!(tsv.len(), "a\n".len() + 1001 + 1);
    }

    #[test]
    fn values_are_styled_whatever_their_column() {
        let mut table = table(columns(&["a", "b"]), json!([{"a": "ERROR", "b": ["ERROR"]}]));
        table.styles.insert("ERROR".to_owned(), Style::plain(AnsiColor::Red));
        assert_eq!(
            table.render(OutputFormat::Text, true),
            "\u{1b}[30m\u{1b}[47mA    \u{1b}[0m\u{1b}[30m\u{1b}[47m│\u{1b}[0m\u{1b}[30m\u{1b}[47mB        \u{1b}[0m\n\
             \u{1b}[31mERROR\u{1b}[0m [\"ERROR\"]\u{1b}[0m \n"
        );
        assert!(!table.render(OutputFormat::Tsv, true).contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn rows_are_lines_of_one_width(
            cells in prop::collection::vec((any::<String>(), "\\PC{0,30}"), 1..5),
            max in 2_usize..20,
        ) {
            let rows = cells.iter().map(|(a, b)| json!({"a": a, "b": b})).collect();
            let mut table = table(columns(&["a", "b"]), Value::Array(rows));
            table.columns[1].max_width = Some(max);
            let rendered = text(&table);
            let lines: Vec<&str> = rendered.lines().collect();
            prop_assert_eq!(lines.len(), cells.len() + 1);
            let widths: Vec<usize> = lines[1..].iter().map(|line| line.width()).collect();
            prop_assert!(widths.iter().all(|width| *width == widths[0]), "{:?}", lines);
        }

        #[test]
        fn tsv_has_a_line_per_row_and_a_cell_per_column(cells in prop::collection::vec(any::<String>(), 0..5)) {
            let rows = cells.iter().map(|cell| json!({"a": cell, "b": 1})).collect();
            let rendered = table(columns(&["a", "b"]), Value::Array(rows)).render(OutputFormat::Tsv, false);
            prop_assert!(rendered.ends_with('\n'));
            prop_assert_eq!(rendered.matches('\n').count(), cells.len() + 1);
            prop_assert_eq!(rendered.matches('\t').count(), cells.len() + 1);
        }
    }
}
