//! The brake on mass deletions.

use serde_json::Value;
use stups_terminal::{Column, Failure, Row, Table};

use crate::applications::epoch;
use crate::context::{Context, failed};

pub(crate) async fn show(context: &Context) -> Result<(), Failure> {
    let brake = context.mint.brake().await.map_err(|error| failed(&error))?;
    let rows = brake.applications.iter().map(|id| {
        Row::from_iter([
            ("application_id".to_owned(), Value::from(id.clone())),
            ("since_time".to_owned(), epoch(brake.since)),
            ("released".to_owned(), brake.released.into()),
        ])
    });
    context.terminal.print_table(&Table {
        columns: vec![
            Column::new("application_id"),
            Column::new("since_time").title("Held back"),
            Column::new("released"),
        ],
        rows: rows.collect(),
        ..Table::default()
    });
    Ok(())
}

pub(crate) async fn release(context: &Context, yes: bool) -> Result<(), Failure> {
    let brake = context.mint.brake().await.map_err(|error| failed(&error))?;
    if !brake.engaged {
        return Err(Failure::application(
            "The brake is not engaged: there is nothing to let through.",
        ));
    }
    let count = brake.applications.len();
    let question = format!(
        "{count} of {} applications lose their service users: {}. Let it through?",
        brake.of,
        brake.applications.join(", ")
    );
    if !yes && !context.terminal.confirm(&question, false)? {
        return Err(Failure::aborted());
    }
    let action = context
        .terminal
        .action(&format!("Releasing the brake for {count} applications.."));
    context.mint.release_brake().await.map_err(|error| failed(&error))?;
    action.done("OK, once, with the next cycle");
    Ok(())
}
