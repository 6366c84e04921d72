//! How Senza's tables look: titles, maximum widths, colours by value.

use std::collections::HashMap;

use serde_json::Value as Json;
use stups_terminal::{Column, Row, Style, Table};

/// One row from its cells.
pub(crate) fn row<const N: usize>(cells: [(&str, Json); N]) -> Row {
    cells
        .into_iter()
        .map(|(column, value)| (column.to_owned(), value))
        .collect()
}

/// A table of `columns` (only those in `fields` when any are given, in the command's own order) with Senza's titles,
/// widths and colours.
pub(crate) fn table(columns: &[&str], fields: &[String], rows: Vec<Row>) -> Table {
    Table {
        columns: columns
            .iter()
            .filter(|name| fields.is_empty() || fields.iter().any(|field| field == *name))
            .map(|name| column(name))
            .collect(),
        rows,
        styles: styles(),
    }
}

fn column(name: &str) -> Column {
    let column = match title(name) {
        Some(title) => Column::new(name).title(title),
        None => Column::new(name),
    };
    match name {
        "stacks" => column.max_width(20),
        "ResourceStatusReason" | "in_template" | "in_account" => column.max_width(50),
        _ => column,
    }
}

/// The titles that are not just the column's name in title case.
fn title(column: &str) -> Option<&'static str> {
    Some(match column {
        "version" => "Ver.",
        "creation_time" => "Created",
        "launch_time" => "Launched",
        "LogicalResourceId" | "resource_id" => "Resource ID",
        "ResourceStatus" => "Status",
        "ResourceStatusReason" => "Status Reason",
        "lb_status" => "LB Status",
        "total_instances" => "Inst.#",
        "running_instances" => "Running",
        "healthy_instances" => "Healthy",
        "http_status" => "HTTP",
        "main_dns" => "Main DNS",
        "healthy_hosts" => "Healthy #",
        "requests_per_sec" => "Req./s",
        "4xx_percentage" => "4xx %",
        "5xx_percentage" => "5xx %",
        "latency_ms" => "Latency (ms)",
        "private_ip" => "Private IP",
        "public_ip" => "Public IP",
        "instance_id" => "Instance ID",
        "docker_source" => "Docker Image Source",
        "ImageId" => "Image ID",
        "OwnerId" => "Owner",
        "id" => "ID",
        _ => return None,
    })
}

fn styles() -> HashMap<String, Style> {
    use anstyle::AnsiColor::{Green, Red, Yellow};
    let groups: [(anstyle::AnsiColor, bool, &[&str]); 4] = [
        (
            Green,
            false,
            &[
                "RUNNING",
                "CREATE_COMPLETE",
                "UPDATE_COMPLETE",
                "IMPORT_COMPLETE",
                "IN_SERVICE",
                "HEALTHY",
                "OK",
            ],
        ),
        (
            Yellow,
            true,
            &[
                "PENDING",
                "REVIEW_IN_PROGRESS",
                "CREATE_IN_PROGRESS",
                "IMPORT_IN_PROGRESS",
                "UPDATE_IN_PROGRESS",
                "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            ],
        ),
        (
            Red,
            false,
            &[
                "TERMINATED",
                "STOPPING",
                "DELETE_COMPLETE",
                "DELETE_FAILED",
                "CREATE_FAILED",
                "ROLLBACK_COMPLETE",
                "ROLLBACK_FAILED",
                "UPDATE_FAILED",
                "UPDATE_ROLLBACK_COMPLETE",
                "UPDATE_ROLLBACK_FAILED",
                "IMPORT_ROLLBACK_COMPLETE",
                "IMPORT_ROLLBACK_FAILED",
                "OUT_OF_SERVICE",
                "ERROR",
            ],
        ),
        (
            Red,
            true,
            &[
                "STOPPED",
                "SHUTTING_DOWN",
                "DELETE_IN_PROGRESS",
                "ROLLBACK_IN_PROGRESS",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                "IMPORT_ROLLBACK_IN_PROGRESS",
            ],
        ),
    ];
    groups
        .iter()
        .flat_map(|(color, bold, values)| {
            let style = Style {
                color: Some(*color),
                bold: *bold,
            };
            values.iter().map(move |value| ((*value).to_owned(), style))
        })
        .collect()
}
