//! The tables of `senza traffic`.

use serde_json::{Value as Json, json};
use stups_terminal::{Column, Row, Table};

use super::domain::{Domain, Shift};
use super::version::Version;
use crate::weights::{FULL, WeightPlan, percent};

const SHARES: &[&str] = &["stack_name", "version", "identifier", "weight%"];
const CHANGES: &[&str] = &[
    "stack_name",
    "version",
    "identifier",
    "old_weight%",
    "delta",
    "compensation",
    "new_weight%",
    "current",
];

/// How the versions share traffic now. `mark_target` shows which version was asked for.
pub(super) fn shares(domains: &[Domain], target: &Version, mark_target: bool) -> Table {
    let mut columns = SHARES.to_vec();
    if mark_target {
        columns.push("current");
    }
    let pages = domains.iter().map(|domain| {
        let rows = domain.weights.iter().map(|(identifier, (version, weight))| {
            let mut row = identity(target, version, identifier);
            row.insert("weight%".to_owned(), json!(percent(*weight)));
            row
        });
        (domain.name.as_str(), rows.collect())
    });
    table(&columns, pages.collect())
}

/// What a change does to each version.
pub(super) fn changes(shifts: &[Shift], target: &Version) -> Table {
    let pages = shifts
        .iter()
        .map(|shift| (shift.domain.name.as_str(), change_rows(&shift.plan, target)));
    table(CHANGES, pages.collect())
}

fn change_rows(plan: &WeightPlan, target: &Version) -> Vec<Row> {
    let full_switch = plan.changes.values().any(|change| change.new == FULL);
    let optional = |units: i64| if units == 0 { Json::Null } else { json!(percent(units)) };
    plan.changes
        .iter()
        .map(|(identifier, change)| {
            let compensation = change.compensation.unwrap_or(0);
            // A version that keeps all traffic shows what it was asked to give away, and that it could not.
            let delta = match change.delta {
                0 if full_switch => -compensation,
                delta => delta,
            };
            let mut row = identity(target, &change.version, identifier);
            row.insert("old_weight%".to_owned(), json!(percent(change.old)));
            row.insert("delta".to_owned(), optional(delta));
            row.insert("compensation".to_owned(), optional(compensation));
            row.insert("new_weight%".to_owned(), json!(percent(change.new)));
            row
        })
        .collect()
}

fn identity(target: &Version, version: &str, identifier: &str) -> Row {
    let current = (identifier == target.identifier).then_some("<");
    let version = (!version.is_empty()).then_some(version);
    let cells = [
        ("stack_name", json!(target.name)),
        ("version", json!(version)),
        ("identifier", json!(identifier)),
        ("current", json!(current)),
    ];
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

/// One table of all names: they usually agree, and then it is the table of any of them; otherwise a column says which name.
fn table(columns: &[&str], mut pages: Vec<(&str, Vec<Row>)>) -> Table {
    for (_, rows) in &mut pages {
        rows.sort_by(|one, other| version_of(one).cmp(version_of(other)));
    }
    let agree = pages
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one.1 == other.1));
    let mut columns: Vec<Column> = columns.iter().copied().map(Column::new).collect();
    let rows = if agree {
        pages.into_iter().next().map(|(_, rows)| rows).unwrap_or_default()
    } else {
        columns.insert(0, Column::new("domain"));
        let named = pages.into_iter().flat_map(|(name, rows)| {
            rows.into_iter().map(move |mut row| {
                row.insert("domain".to_owned(), json!(name));
                row
            })
        });
        named.collect()
    };
    Table {
        columns,
        rows,
        ..Table::default()
    }
}

fn version_of(row: &Row) -> &str {
    row.get("version").and_then(Json::as_str).unwrap_or_default()
}
