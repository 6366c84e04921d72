//! The commands against a mint that notes what it is told.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use stups_mint_cli::{Context, run_in};
use stups_terminal::{Captured, Failure, Terminal};
use stups_testkit::HttpService;

type Calls = Arc<Mutex<Vec<String>>>;

fn kio() -> Value {
    json!({
        "id": "kio", "username": "stups_kio", "client_id": "c-1", "redirect_url": null, "is_client_confidential": true,
        "last_password_rotation": "2026-01-31T12:30:00.000Z", "last_client_rotation": null, "last_synced": null,
        "last_modified": "2026-01-31T12:30:00.000Z", "has_problems": true, "message": "Unwritable buckets: (b)", "s3_errors": 3,
        "s3_buckets": ["b"], "kubernetes_clusters": [], "scopes": [{"resource_type_id": "sales_order", "scope_id": "read"}],
    })
}

async fn list(State(calls): State<Calls>, Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    calls.lock().unwrap().push(format!("list {query:?}"));
    let mut mai = kio();
    mai["id"] = json!("mai");
    mai["has_problems"] = json!(false);
    mai["message"] = json!("");
    Json(json!([kio(), mai]))
}

async fn show(Path(id): Path<String>) -> Response {
    if id == "kio" {
        Json(kio()).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn put(State(calls): State<Calls>, Path(id): Path<String>, Json(body): Json<Value>) {
    calls.lock().unwrap().push(format!("put {id} {body}"));
}

async fn delete(State(calls): State<Calls>, Path(id): Path<String>) {
    calls.lock().unwrap().push(format!("delete {id}"));
}

async fn renew(State(calls): State<Calls>, Path(id): Path<String>) {
    calls.lock().unwrap().push(format!("renew {id}"));
}

async fn brake() -> Json<Value> {
    let since = "2026-01-31T12:30:00.000Z";
    Json(json!({"engaged": true, "since": since, "applications": ["kio", "mai"], "of": 9, "released": false}))
}

async fn release(State(calls): State<Calls>) -> Json<Value> {
    calls.lock().unwrap().push("release".to_owned());
    Json(json!({"engaged": true, "since": null, "applications": ["kio", "mai"], "of": 9, "released": true}))
}

/// What a command line said, how it ended, and what mint was told.
async fn run(line: &str, stdin: &str) -> (String, Result<(), Failure>, Vec<String>) {
    let calls = Calls::default();
    let router = Router::new()
        .route("/apps", get(list))
        .route("/apps/{id}", get(show).put(put).delete(delete))
        .route("/apps/{id}/renewal", post(renew))
        .route("/brake", get(brake))
        .route("/brake/release", post(release))
        .with_state(calls.clone());
    let mint = HttpService::start(|_| router).await;
    let (terminal, captured): (Terminal, Captured) = Terminal::captured_tty(stdin);
    let context = Context::new(terminal, mint.url, "token".into()).unwrap();
    let words: Vec<OsString> = std::iter::once("mint")
        .chain(line.split(' '))
        .map(OsString::from)
        .collect();
    let ended = run_in(&context, words).await;
    let calls = calls.lock().unwrap().clone();
    (captured.stdout(), ended, calls)
}

#[tokio::test]
async fn applications_are_listed_and_shown() {
    let (said, ended, calls) = run("list -o tsv --scope sales_order.read", "").await;
    ended.unwrap();
    assert!(said.contains("kio") && said.contains("mai"), "{said}");
    assert_eq!(
        calls,
        ["list [(\"resource_type_id\", \"sales_order\"), (\"scope_id\", \"read\")]"]
    );
    let (said, ended, calls) = run("list -o json --problems --scope sales_order", "").await;
    ended.unwrap();
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!("kio")));
    assert_eq!(calls, ["list [(\"resource_type_id\", \"sales_order\")]"]);
    let (said, ended, _) = run("show kio -o tsv", "").await;
    ended.unwrap();
    assert!(
        said.contains("scopes\tsales_order.read") && said.contains("username\tstups_kio"),
        "{said}"
    );
    let (_, ended, _) = run("show stranger", "").await;
    assert_eq!(
        ended.unwrap_err().to_string(),
        "Application \"stranger\" is not configured in mint"
    );
}

#[tokio::test]
async fn what_is_named_is_changed() {
    let (_, ended, calls) = run(
        "configure kio --scope sales_order.write --no-bucket b --bucket ssm://stups",
        "",
    )
    .await;
    ended.unwrap();
    let body: Value = serde_json::from_str(calls[0].strip_prefix("put kio ").unwrap()).unwrap();
    assert_eq!(body["s3_buckets"], json!(["ssm://stups"]));
    assert_eq!(body["scopes"].as_array().unwrap().len(), 2);
    assert_eq!(body.get("redirect_url"), None);
    let (_, ended, calls) = run("configure newcomer -b bucket", "").await;
    ended.unwrap();
    assert!(calls[0].contains("\"is_client_confidential\":true"), "{calls:?}");
    let (_, ended, calls) = run("configure kio --scope read", "").await;
    assert_eq!((ended.unwrap_err().exit_code, calls.len()), (2, 0));
}

#[tokio::test]
async fn who_deletes_is_asked() {
    let (_, ended, calls) = run("renew kio", "").await;
    ended.unwrap();
    assert_eq!(calls, ["renew kio"]);
    for (line, stdin, told) in [
        ("delete kio", "n\n", None),
        ("delete kio", "y\n", Some("delete kio")),
        ("delete kio --yes", "", Some("delete kio")),
        ("release-brake", "\n", None),
        ("release-brake", "y\n", Some("release")),
        ("release-brake -y", "", Some("release")),
    ] {
        let (said, ended, calls) = run(line, stdin).await;
        assert_eq!(ended.is_ok(), told.is_some(), "{line}: {said}");
        assert_eq!(calls.first().map(String::as_str), told, "{line}");
    }
    let (said, ended, _) = run("brake -o tsv", "").await;
    ended.unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
}
