//! The service as it is started: with no settings, with some, and with none of what it needs.

use serde_json::{Value, json};
use stups_mint::{Config, build};
use stups_server::Environment;
use stups_testkit::HttpService;

fn environment(directory: &tempfile::TempDir) -> Environment {
    Environment {
        insecure_no_auth: true,
        ..Environment::new(directory.path(), "http://127.0.0.1:8084".parse().unwrap())
    }
}

#[tokio::test]
async fn without_a_way_to_verify_tokens_it_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: false,
        ..environment(&directory)
    };
    let error = build(&Config::default(), &environment, None).await.err().unwrap();
    assert!(error.to_string().contains("no way to verify tokens"), "{error}");
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let url: url::Url = "http://127.0.0.1:1".parse().unwrap();
    let services = Config {
        kio_url: Some(url.clone()),
        essentials_url: Some(url.clone()),
        service_user_url: Some(url),
        ..Config::default()
    };
    for (config, text) in [
        (
            Config {
                brake_share: 2.0,
                ..services.clone()
            },
            "brake_share is 2, but a share is from 0 to 1",
        ),
        (
            Config {
                lease_seconds: 0.0,
                ..services
            },
            "lease_seconds is 0",
        ),
    ] {
        let error = build(&config, &environment(&directory), None).await.err().unwrap();
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(serde_json::from_value::<Config>(json!({"password_rotation": "soon"})).is_err());
    assert!(serde_json::from_value::<Config>(json!({"databse": "x"})).is_err());
}

#[tokio::test]
async fn for_a_developer_it_starts_with_nothing_and_keeps_what_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::default();
    let built = build(&config, &environment(&directory), None).await.unwrap();
    let mint = HttpService::start(|_| built.router.clone()).await;
    let body = json!({"is_client_confidential": true, "s3_buckets": ["bucket"]});
    assert_eq!(mint.call("PUT", "/apps/kio", "", Some(body)).await.status, 200);
    let again = build(&config, &environment(&directory), None).await.unwrap();
    let mint = HttpService::start(|_| again.router).await;
    let found: Value = mint.call("GET", "/apps/kio", "", None).await.json().unwrap();
    assert_eq!(found["s3_buckets"], json!(["bucket"]));
}
