//! The columns of every table, in every format: scripts rely on their names and their order.

use serde_json::{Map, Value as Json};

use crate::account::{Outcome, senza};
use crate::health::account_with_figures;
use crate::original::version;

/// A command, its columns, and what they are called on a terminal.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

const TABLES: [Case; 12] = [
    (
        "list --all",
        &["stack_name", "version", "status", "creation_time", "description"],
        &["Stack Name", "Ver.", "Status", "Created", "Description"],
    ),
    (
        "health --all",
        &[
            "stack_name",
            "version",
            "status",
            "healthy_hosts",
            "requests_per_sec",
            "4xx_percentage",
            "5xx_percentage",
            "latency_ms",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Status",
            "Healthy #",
            "Req./s",
            "4xx %",
            "5xx %",
            "Latency (ms)",
        ],
    ),
    (
        "resources web",
        &[
            "stack_name",
            "version",
            "LogicalResourceId",
            "resource_type",
            "ResourceStatus",
            "creation_time",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Resource ID",
            "Resource Type",
            "Status",
            "Created",
        ],
    ),
    (
        "events web",
        &[
            "stack_name",
            "version",
            "resource_type",
            "LogicalResourceId",
            "ResourceStatus",
            "ResourceStatusReason",
            "event_time",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Resource Type",
            "Resource ID",
            "Status",
            "Status Reason",
            "Event Time",
        ],
    ),
    (
        "instances",
        &[
            "stack_name",
            "version",
            "resource_id",
            "instance_id",
            "public_ip",
            "private_ip",
            "state",
            "lb_status",
            "launch_time",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Resource ID",
            "Instance ID",
            "Public IP",
            "Private IP",
            "State",
            "LB Status",
            "Launched",
        ],
    ),
    (
        "instances --docker-image",
        &[
            "stack_name",
            "version",
            "resource_id",
            "instance_id",
            "public_ip",
            "private_ip",
            "state",
            "lb_status",
            "docker_source",
            "launch_time",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Resource ID",
            "Instance ID",
            "Public IP",
            "Private IP",
            "State",
            "LB Status",
            "Docker Image Source",
            "Launched",
        ],
    ),
    (
        "status web",
        &[
            "stack_name",
            "version",
            "status",
            "total_instances",
            "running_instances",
            "healthy_instances",
            "lb_status",
            "http_status",
            "main_dns",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Status",
            "Inst.#",
            "Running",
            "Healthy",
            "LB Status",
            "HTTP",
            "Main DNS",
        ],
    ),
    (
        "domains web",
        &[
            "stack_name",
            "version",
            "resource_id",
            "domain",
            "weight",
            "type",
            "value",
            "create_time",
        ],
        &[
            "Stack Name",
            "Ver.",
            "Resource ID",
            "Domain",
            "Weight",
            "Type",
            "Value",
            "Create Time",
        ],
    ),
    (
        "images",
        &[
            "ImageId",
            "Name",
            "OwnerId",
            "Description",
            "stacks",
            "total_instances",
            "creation_time",
        ],
        &[
            "Image ID",
            "Name",
            "Owner",
            "Description",
            "Stacks",
            "Inst.#",
            "Created",
        ],
    ),
    (
        "images --show-instances",
        &[
            "ImageId",
            "Name",
            "OwnerId",
            "Description",
            "stacks",
            "instances",
            "creation_time",
        ],
        &[
            "Image ID",
            "Name",
            "Owner",
            "Description",
            "Stacks",
            "Instances",
            "Created",
        ],
    ),
    (
        "traffic web",
        &["stack_name", "version", "identifier", "weight%"],
        &["Stack Name", "Version", "Identifier", "Weight%"],
    ),
    (
        "traffic web v1",
        &["stack_name", "version", "identifier", "weight%", "current"],
        &["Stack Name", "Version", "Identifier", "Weight%", "Current"],
    ),
];

fn rows(outcome: &Outcome) -> Vec<Map<String, Json>> {
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// A cell in TSV, where JSON alone says what it has to be.
fn tsv_cell(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some(String::new()),
        Json::Bool(value) => Some(if *value { "yes" } else { "no" }.to_owned()),
        Json::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn every_table_has_its_columns_in_every_format() {
    let account = account_with_figures().await;
    version(&account, "v1", 50).await;
    version(&account, "v2", 150).await;
    let session = account.session();
    for (command, columns, titles) in TABLES {
        let run = async |format: &str| {
            let outcome = senza(&session, &format!("{command} -o {format}")).await;
            assert_eq!(outcome.exit_code, 0, "{command} {format}: {}", outcome.stderr);
            outcome
        };
        let rows = rows(&run("json").await);
        assert!(!rows.is_empty(), "{command}");
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        for row in &rows {
            assert_eq!(row.keys().collect::<Vec<_>>(), sorted, "{command}");
            let times = row.iter().filter(|(name, _)| name.ends_with("_time"));
            assert!(
                times.into_iter().all(|(_, time)| time.is_number()),
                "{command}: {row:?}"
            );
        }

        let lines = run("jsonl").await.stdout;
        let lines: Vec<Map<String, Json>> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, rows, "{command}");

        let tsv = run("tsv").await.stdout;
        let mut lines = tsv.lines();
        assert_eq!(lines.next(), Some(columns.join("\t").as_str()), "{command}");
        for row in &rows {
            let cells: Vec<&str> = lines.next().unwrap().split('\t').collect();
            for (column, cell) in columns.iter().zip(cells) {
                if let Some(expected) = tsv_cell(&row[*column]) {
                    assert_eq!(cell, expected, "{command}: {column}");
                }
            }
        }
        assert_eq!(lines.next(), None, "{command}");

        let text = run("text").await.stdout;
        let heading: Vec<&str> = text.lines().next().unwrap().split('│').map(str::trim).collect();
        assert_eq!(heading, titles, "{command}");
        assert_eq!(text.lines().count(), rows.len() + 1, "{command}");
    }
}

#[tokio::test]
async fn columns_can_be_chosen_and_keep_their_order() {
    let account = account_with_figures().await;
    version(&account, "v1", 50).await;
    let session = account.session();
    for (command, columns, _) in TABLES {
        if command.starts_with("traffic") {
            continue;
        }
        let (first, last) = (columns[0], columns[columns.len() - 1]);
        let words = format!("{command} -o tsv --field {last} -f {first} -f nonsense");
        let outcome = senza(&session, &words).await;
        let heading = outcome.stdout.lines().next().unwrap();
        assert_eq!(heading, format!("{first}\t{last}"), "{command}: {}", outcome.stderr);
        // No column is left: a row is still a row.
        let outcome = senza(&session, &format!("{command} -o json -f nonsense")).await;
        let rows = rows(&outcome);
        assert!(!rows.is_empty() && rows.iter().all(Map::is_empty), "{command}");
    }
}

#[tokio::test]
async fn a_change_of_traffic_has_its_columns() {
    let account = account_with_figures().await;
    version(&account, "v1", 50).await;
    version(&account, "v2", 150).await;
    let outcome = senza(&account.session(), "traffic web v1 75 -o json").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let rows = rows(&outcome);
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(
            row.keys().collect::<Vec<_>>(),
            [
                "compensation",
                "current",
                "delta",
                "identifier",
                "new_weight%",
                "old_weight%",
                "stack_name",
                "version"
            ]
        );
    }
}
