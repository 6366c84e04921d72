//! The service as it is started: with no settings, with some, and with none of what it needs.

use serde_json::{Value, json};
use stups_essentials::{Config, build};
use stups_server::Environment;
use stups_testkit::HttpService;

fn environment(directory: &tempfile::TempDir) -> Environment {
    Environment {
        insecure_no_auth: true,
        ..Environment::new(directory.path(), "http://127.0.0.1:8083".parse().unwrap())
    }
}

#[tokio::test]
async fn without_a_way_to_verify_tokens_it_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: false,
        ..environment(&directory)
    };
    let error = build(&Config::default(), &environment).await.err().unwrap();
    assert!(error.to_string().contains("no way to verify tokens"), "{error}");
    assert!(serde_json::from_value::<Config>(json!({"databse": "x"})).is_err());
}

#[tokio::test]
async fn for_a_developer_it_starts_with_nothing_and_keeps_what_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let trail = directory.path().join("audit.jsonl");
    let config = Config {
        audit_file: Some(trail.clone()),
        ..Config::default()
    };
    let built = build(&config, &environment(&directory)).await.unwrap();
    let essentials = HttpService::start(|_| built.router.clone()).await;
    let body = json!({"name": "Sales Order", "resource_owners": ["employees"]});
    assert_eq!(
        essentials
            .call("PUT", "/resource-types/sales_order", "", Some(body))
            .await
            .status,
        200
    );
    assert!(built.jobs.run_once("ship-audit-file").await);
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&trail).unwrap()).unwrap();
    assert_eq!(record["event"]["action"], "resource_type.modified");

    let again = build(&config, &environment(&directory)).await.unwrap();
    let essentials = HttpService::start(|_| again.router).await;
    let found: Value = essentials
        .call("GET", "/resource-types/sales_order", "", None)
        .await
        .json()
        .unwrap();
    assert_eq!(found["name"], "Sales Order");
}

#[tokio::test]
async fn the_checked_in_document_is_what_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&Config::default(), &environment(&directory)).await.unwrap();
    let served = built.openapi.to_pretty_json().unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi/essentials.json");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == served,
        "docs/openapi/essentials.json is stale: run this test with UPDATE_DOCUMENTS=1"
    );
}
