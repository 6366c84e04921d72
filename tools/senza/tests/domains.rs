//! `senza domains` against an AWS API.

mod application;

use application::{Application, DOMAIN};
use serde_json::Value as Json;

/// The text with ages replaced, which depend on when the test runs.
fn without_ages(text: &str) -> String {
    let age = fancy_regex::Regex::new(" *[0-9]+[sm] ago").unwrap();
    age.replace_all(text, "AGE").into_owned()
}

#[tokio::test]
async fn records_are_listed_in_every_format() {
    let application = Application::with_weights(&[150]).await;
    let text = application.senza(&["domains", "hello"]).await.succeeded();
    insta::assert_snapshot!("text", without_ages(&text.stdout));
    let tsv = application.senza(&["domains", "hello", "-o", "tsv"]).await.succeeded();
    insta::assert_snapshot!("tsv", without_ages(&tsv.stdout));
    let json = application.senza(&["domains", "-o", "json", "hello"]).await.succeeded();
    let mut rows: Json = serde_json::from_str(&json.stdout).unwrap();
    for row in rows.as_array_mut().unwrap() {
        assert!(
            row["create_time"].as_i64().is_some_and(|time| time > 1_700_000_000),
            "{row}"
        );
        row.as_object_mut().unwrap().remove("create_time");
    }
    insta::assert_json_snapshot!("json", rows);
}

#[tokio::test]
async fn columns_can_be_chosen() {
    let application = Application::with_weights(&[0, 200]).await;
    let outcome = application
        .senza(&[
            "domains", "-o", "tsv", "-f", "weight", "-f", "version", "-f", "unknown", "hello", "v2",
        ])
        .await
        .succeeded();
    assert_eq!(outcome.stdout.lines().next(), Some("version\tweight"));
    let mut rows: Vec<&str> = outcome.stdout.lines().skip(1).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["v2\t", "v2\t200"]);
}

#[tokio::test]
async fn a_record_that_is_gone_is_empty() {
    let application = Application::with_weights(&[0]).await;
    let zone = application.zone_id().await;
    // Nothing is asked for a name twice, and zones only once, however many records there are.
    let before = application.account.requests().len();
    application.senza(&["domains"]).await.succeeded();
    let requests = application.account.requests();
    let of_zones = requests
        .iter()
        .skip(before)
        .filter(|request| request.ends_with("/hostedzone"))
        .count();
    assert_eq!(of_zones, 1, "{requests:?}");

    application.delete(&zone, DOMAIN, "hello-v1").await;
    let outcome = application.senza(&["domains", "-o", "json"]).await.succeeded();
    let rows: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    for row in rows.iter().filter(|row| row["resource_id"] == "MainDomain") {
        assert_eq!(
            (&row["weight"], &row["type"], &row["value"]),
            (&Json::Null, &Json::Null, &Json::Null),
            "{row}"
        );
    }
}
