//! The service as it is started: with no settings, with some, and with none of what it needs.

use serde_json::{Value, json};
use stups_pierone::{Config, build};
use stups_server::Environment;

use crate::support::{Ground, PierOne};

fn environment(directory: &tempfile::TempDir) -> Environment {
    Environment::new(directory.path(), "http://127.0.0.1:8082".parse().unwrap())
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
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    for (config, part) in [
        (json!({"database": "mysql://localhost/x"}), "postgres"),
        (json!({"storage": "ftp://localhost/x"}), "ftp://localhost/x"),
        (json!({"mutable_tags": ["nonsense"]}), "nonsense"),
        (json!({"audit_bucket": "ftp://localhost/x"}), "ftp://localhost/x"),
        (
            json!({"audit_bucket": "s3://trail", "audit_bucket_seconds": 0}),
            "audit_bucket_seconds",
        ),
        (
            json!({"storage": "s3://bucket", "blob_bytes": (5_u64 << 40) + 1}),
            "blob_bytes",
        ),
    ] {
        let config: Config = serde_json::from_value(config).unwrap();
        let error = build(&config, &environment).await.err().unwrap().to_string();
        assert!(error.starts_with("pierone: ") && error.contains(part), "{error}");
    }
    for config in [
        json!({"challenge": "digest"}),
        json!({"databse": "x"}),
        json!({"admin_users": "jdoe"}),
    ] {
        assert!(serde_json::from_value::<Config>(config.clone()).is_err(), "{config}");
    }
}

#[tokio::test]
async fn for_a_developer_it_starts_with_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    let trail = directory.path().join("audit.jsonl");
    let config = Config {
        audit_file: Some(trail.clone()),
        mutable_tags: vec!["stups/cache:*".to_owned()],
        ..Config::default()
    };
    let built = build(&config, &environment).await.unwrap();
    assert!(built.jobs.run_once("ship-audit-file").await);
    let record: Value = serde_json::from_str(std::fs::read_to_string(&trail).unwrap().trim()).unwrap();
    assert_eq!(record["event"]["action"], "policy.changed");
    assert!(directory.path().join("pierone").is_dir());
}

#[tokio::test]
async fn the_trail_goes_where_the_original_put_its_logs() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..environment(&directory)
    };
    let logs = directory.path().join("logs");
    let config = Config {
        audit_bucket: Some(url::Url::from_directory_path(&logs).unwrap()),
        audit_bucket_application: Some("pierone/1.8".to_owned()),
        audit_bucket_instance: Some("i-0123".to_owned()),
        public_read: vec!["stups/*".to_owned()],
        ..Config::default()
    };
    let built = build(&config, &environment).await.unwrap();
    assert!(built.jobs.run_once("ship-audit-bucket").await);
    let mut place = logs;
    let only = |place: &std::path::Path| {
        let mut entries = std::fs::read_dir(place).unwrap();
        let entry = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none(), "{}", entry.display());
        entry
    };
    for _ in ["year", "month", "day"] {
        place = only(&place);
    }
    let log = only(&place.join("pierone/1.8/i-0123"));
    let name = log.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("modifying-requests-") && name.ends_with("-1.log"),
        "{name}"
    );
    let record: Value = serde_json::from_str(std::fs::read_to_string(&log).unwrap().trim()).unwrap();
    assert_eq!(
        (&record["sequence"], &record["event"]["subject"]),
        (&json!(1), &json!("public_read"))
    );
}

#[tokio::test]
async fn health_and_documents_are_for_everybody() {
    let pierone = PierOne::small().await;
    let get = async |path: &str| pierone.send("GET", path, "", &[], b"").await;
    assert_eq!(get("/.well-known/health").await.is(200).json(), json!({"health": true}));
    assert_eq!(get("/.well-known/ready").await.is(200).json(), json!({"ready": true}));
    // Old command lines look for the title, and stop without it.
    let swagger = get("/swagger.json").await.is(200);
    assert_eq!(swagger.json()["info"]["title"], "Pier One API");
    let openapi = get("/openapi.json").await.is(200).json();
    for (path, method) in [
        ("/v2/{name}/manifests/{reference}", "put"),
        ("/teams/{team}/artifacts/{artifact}/tags", "get"),
        ("/purges", "post"),
        ("/v1/search", "get"),
    ] {
        assert!(openapi["paths"][path][method]["summary"].is_string(), "{method} {path}");
    }
    get("/ui/").await.is(200);
    assert_eq!(get("/").await.is(302).header("location"), Some("/ui/"));
}

#[tokio::test]
async fn what_was_pushed_is_there_after_a_restart() {
    let ground = Ground::small();
    let first = ground.start(Config::default()).await;
    let image = first.image("stups/kio", "1.0", &[b"layer"]).await;
    drop(first);
    let second = ground.start(Config::default()).await;
    assert!(second.get("/v2/stups/kio/manifests/1.0").await.is(200).body == image.bytes);
}
