//! The service as it is started: with no settings, with some, and with none of what it needs.

use std::net::SocketAddr;

use serde_json::{Value, json};
use stups_api::client::Client;
use stups_kio::{Config, build};
use stups_server::{Built, Environment};
use url::Url;

fn environment(directory: &tempfile::TempDir) -> Environment {
    Environment::new(directory.path(), "http://127.0.0.1:8080".parse().unwrap())
}

async fn serve(built: &Built) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = built.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::new(url).unwrap()
}

#[tokio::test]
async fn without_a_way_to_verify_tokens_it_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let error = build(&Config::default(), &environment(&directory)).await.err().unwrap();
    assert!(error.to_string().contains("no way to verify tokens"), "{error}");
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        database: Some("mysql://localhost/kio".to_owned()),
        ..Config::default()
    };
    let error = build(&config, &environment(&directory)).await.err().unwrap();
    assert!(error.to_string().starts_with("kio: "), "{error}");
    assert!(serde_json::from_value::<Config>(json!({"admin_users": "jdoe"})).is_err());
    assert!(serde_json::from_value::<Config>(json!({"databse_url": "x"})).is_err());
}

#[tokio::test]
async fn for_a_developer_it_starts_with_nothing_and_keeps_what_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    let trail = directory.path().join("audit.jsonl");
    let config = Config {
        audit_file: Some(trail.clone()),
        ..Config::default()
    };

    let built = build(&config, &environment).await.unwrap();
    let kio = serve(&built).await;
    let body = json!({"team_id": "stups", "active": true, "name": "Kio"});
    assert_eq!(
        kio.put(&["apps", "kio"]).json(&body).any_answer().await.unwrap().status,
        200
    );

    // The trail is shipped, once.
    for _ in 0..2 {
        assert!(built.jobs.run_once("ship-audit-file").await);
    }
    let lines = std::fs::read_to_string(&trail).unwrap();
    let record: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(record["event"]["action"], "application.created");

    let again = build(&config, &environment).await.unwrap();
    let found: Value = serve(&again).await.get(&["apps", "kio"]).send().await.unwrap();
    assert_eq!(found["name"], "Kio");
}

#[tokio::test]
async fn both_documents_have_every_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    let built = build(&Config::default(), &environment).await.unwrap();
    let kio = serve(&built).await;
    for document in ["openapi.json", "swagger.json"] {
        let document: Value = kio.get(&[document]).send().await.unwrap();
        for (path, methods) in [
            ("/apps", &["get"][..]),
            ("/apps/{application_id}", &["get", "put", "patch"]),
            ("/apps/{application_id}/history", &["get"]),
            ("/apps/{application_id}/approvals", &["get"]),
            ("/apps/{application_id}/versions", &["get"]),
            ("/apps/{application_id}/versions/{version_id}", &["get", "put"]),
            (
                "/apps/{application_id}/versions/{version_id}/approvals",
                &["get", "post"],
            ),
        ] {
            for method in methods {
                let operation = &document["paths"][path][method];
                assert!(
                    operation["responses"].is_object() && operation["summary"].is_string(),
                    "{method} {path}"
                );
            }
        }
    }
    let discovery: Value = kio.get(&[".well-known", "schema-discovery"]).send().await.unwrap();
    assert_eq!(discovery["ui_url"], "/ui/");
}

#[tokio::test]
async fn the_checked_in_document_is_what_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    let built = build(&Config::default(), &environment).await.unwrap();
    let served = built.openapi.to_pretty_json().unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi/kio.json");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi")).unwrap();
        std::fs::write(path, &served).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == served,
        "docs/openapi/kio.json is stale: run this test with UPDATE_DOCUMENTS=1"
    );
}
