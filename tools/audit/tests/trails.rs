//! `stups audit verify` and `stups audit export` on files and against a service.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use stups_store::audit::{Actor, Event, Outcome, Record};
use stups_store::{DatabaseUrl, Store};
use stups_terminal::{Failure, Terminal};

async fn trail(directory: &Path, length: usize) -> Vec<Record> {
    let url = DatabaseUrl::sqlite_file(&directory.join("kio.db"));
    let store = Store::open(&url, "kio", Vec::new()).await.unwrap();
    let event = |number: usize| Event {
        action: "application.modified".to_owned(),
        subject: format!("app-{number}"),
        actor: Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            ..Actor::service()
        },
        outcome: Outcome::Success,
        details: json!({"fields": ["name"]}),
    };
    store
        .write()
        .await
        .unwrap()
        .commit_all((0..length).map(event).collect())
        .await
        .unwrap()
}

fn write(path: &Path, records: &[Record]) {
    let lines: Vec<String> = records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap() + "\n")
        .collect();
    std::fs::write(path, lines.concat()).unwrap();
}

/// A file with the token that the services here take.
fn token_file(directory: &Path) -> PathBuf {
    let file = directory.join("token");
    std::fs::write(&file, "swordfish\n").unwrap();
    file
}

async fn verify(arguments: &[&str]) -> Result<String, Failure> {
    run("verify", arguments).await
}

async fn run(command: &str, arguments: &[&str]) -> Result<String, Failure> {
    let (terminal, captured) = Terminal::captured("");
    let words = ["audit", command].into_iter().chain(arguments.iter().copied());
    stups_audit::run_in(&terminal, words.map(OsString::from).collect()).await?;
    Ok(captured.stdout())
}

#[tokio::test]
async fn a_file_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trail.jsonl");
    let path = file.to_str().unwrap();
    let records = trail(directory.path(), 5).await;
    write(&file, &records);
    let head = records[4].hash.clone();
    let expected = format!("5 records of kio are as they were written. Head: {head}\n");
    assert_eq!(verify(&[path]).await.unwrap(), expected);
    assert_eq!(
        verify(&[path, "--expect-head", &head, "--service", "kio"])
            .await
            .unwrap(),
        expected
    );
    assert_eq!(
        verify(&[path, "--expect-record", &records[1].hash.to_uppercase()])
            .await
            .unwrap(),
        expected
    );

    let empty = Record::NO_PREVIOUS;
    assert_eq!(verify(&[path, "--expect-record", empty]).await.unwrap(), expected);

    let error = verify(&[path, "--service", "identity"]).await.unwrap_err();
    assert!(
        error.message.starts_with("record 1 is broken: it belongs to \"kio\""),
        "{}",
        error.message
    );
    let error = verify(&[path, "--expect-record", &"a".repeat(64)]).await.unwrap_err();
    assert!(
        error.message.starts_with("No record has the hash aaaa"),
        "{}",
        error.message
    );

    // Changed, cut in the middle, cut at the end.
    let mut changed = records.clone();
    changed[2].event.actor.uid = "asmith".to_owned();
    write(&file, &changed);
    let error = verify(&[path]).await.unwrap_err();
    assert!(
        error
            .message
            .starts_with("record 3 is broken: its content has the hash"),
        "{}",
        error.message
    );
    write(&file, &[&records[..1], &records[2..]].concat());
    let error = verify(&[path]).await.unwrap_err();
    assert_eq!(
        error.message,
        "record 3 is broken: the sequence goes on with 3 where 2 is due"
    );
    write(&file, &records[..4]);
    assert!(verify(&[path]).await.is_ok());
    let error = verify(&[path, "--expect-head", &head]).await.unwrap_err();
    assert!(
        error.message.starts_with("record 4 is broken: the chain ends with"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn what_is_no_trail_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trail.jsonl");
    let path = file.to_str().unwrap();
    let error = verify(&[path]).await.unwrap_err();
    assert!(error.message.contains("trail.jsonl: No such file"), "{}", error.message);
    std::fs::write(&file, "\n{}\n").unwrap();
    let error = verify(&[path]).await.unwrap_err();
    assert!(
        error.message.contains("line 2, is no audit record"),
        "{}",
        error.message
    );
    std::fs::write(&file, b"\xff\xfe").unwrap();
    assert!(
        verify(&[path])
            .await
            .unwrap_err()
            .message
            .contains("line 1, is no audit record")
    );
    std::fs::write(&file, "").unwrap();
    assert!(verify(&[path]).await.unwrap().starts_with("0 records are"));
    let error = verify(&[path, "--expect-head", "abc"]).await.unwrap_err();
    assert!(error.message.contains("64 hexadecimal digits"), "{}", error.message);
}

async fn serve(records: Vec<Record>, stuck: bool) -> String {
    let app = Router::new()
        .route("/audit", get(page))
        .with_state(Arc::new((records, stuck)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn page(
    State(state): State<Arc<(Vec<Record>, bool)>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    if headers.get("authorization").map(axum::http::HeaderValue::as_bytes) != Some(b"Bearer swordfish") {
        return Err(StatusCode::FORBIDDEN);
    }
    let after: i64 = if state.1 { 0 } else { query["after"].parse().unwrap() };
    let subject = query.get("subject");
    let records = state
        .0
        .iter()
        .filter(|record| record.sequence > after && subject.is_none_or(|subject| *subject == record.event.subject))
        .take(query["limit"].parse().unwrap());
    Ok(Json(json!(records.collect::<Vec<_>>())))
}

#[tokio::test]
async fn a_service_is_asked_page_by_page() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let token = token.to_str().unwrap();
    let records = trail(directory.path(), 2500).await;
    let url = serve(records.clone(), false).await;
    for url in [url.clone(), format!("{url}/audit"), format!("{url}/")] {
        let said = verify(&[&url, "--token-file", token, "--expect-head", &records[2499].hash])
            .await
            .unwrap();
        assert!(said.starts_with("2500 records of kio are"), "{said}");
    }
    let stuck = serve(records, true).await;
    let error = verify(&[&stuck, "--token-file", token]).await.unwrap_err();
    assert_eq!(error.message, "The service sends records again that follow 1000");

    let error = verify(&[&url]).await.unwrap_err();
    assert_eq!(error.exit_code, 2, "{}", error.message);
    std::fs::write(token, "guess").unwrap();
    let error = verify(&[&url, "--token-file", token]).await.unwrap_err();
    assert!(error.message.contains("403"), "{}", error.message);
}

/// The subjects of the exported records.
async fn exported(arguments: &[&str]) -> Vec<String> {
    let text = run("export", arguments).await.unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    records.map(|record| record.event.subject).collect()
}

#[tokio::test]
async fn what_is_exported_can_be_checked_without_the_service() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let token = token.to_str().unwrap();
    let records = trail(directory.path(), 1001).await;
    let url = serve(records.clone(), false).await;
    let text = run("export", &[&url, "--token-file", token]).await.unwrap();
    let file = directory.path().join("trail.jsonl");
    std::fs::write(&file, text).unwrap();
    let said = verify(&[file.to_str().unwrap(), "--expect-head", &records[1000].hash])
        .await
        .unwrap();
    assert!(said.starts_with("1001 records of kio are"), "{said}");
}

#[tokio::test]
async fn records_are_chosen_from_services_and_files_alike() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let mut records = trail(directory.path(), 5).await;
    for (record, milliseconds) in records.iter_mut().zip(1_800_000_000_000_i64..) {
        record.recorded_at = milliseconds;
    }
    records[3].event.actor.uid = "asmith".to_owned();
    let file = directory.path().join("trail.jsonl");
    write(&file, &records);
    let url = serve(records, false).await;
    for trail in [
        vec![url.as_str(), "--token-file", token.to_str().unwrap()],
        vec![file.to_str().unwrap()],
    ] {
        for (filter, expected) in [
            (["--subject", "app-2"], ["app-2"].as_slice()),
            (["--subject", "app"], &[]),
            (["--actor", "/employees/asmith"], &["app-3"]),
            (["--since", "2027-01-15T08:00:00.003Z"], &["app-3", "app-4"]),
            (["--until", "2027-01-15T08:00:00.001Z"], &["app-0"]),
        ] {
            let arguments = [trail.as_slice(), &filter].concat();
            assert_eq!(exported(&arguments).await, expected, "{arguments:?}");
        }
    }
    let error = run("export", &[&url, "--since", "yesterday"]).await.unwrap_err();
    assert_eq!(error.exit_code, 2, "{}", error.message);
}
