//! `pierone` with servers that answer as the original's registries did over the years, and as its promoter does.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};
use stups_tests::{Ended, User, executable};

/// Status and body of one answer after the other, the last for ever.
type Answers = Vec<(u16, Value)>;

/// Method and path, body, and whether there was a token.
type Asked = (String, Value, bool);

/// A server with answers by path.
#[derive(Clone, Default)]
struct Stub {
    answers: Arc<Mutex<Vec<(String, Answers)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    fn answer(self, path: &str, answers: &[(u16, Value)]) -> Self {
        self.answers.lock().unwrap().push((path.to_owned(), answers.to_vec()));
        self
    }

    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let body = serde_json::from_str(&body).unwrap_or_default();
    let known = headers.contains_key("authorization");
    stub.asked
        .lock()
        .unwrap()
        .push((format!("{method} {uri}"), body, known));
    let mut answers = stub.answers.lock().unwrap();
    let found = answers.iter_mut().find(|(path, _)| uri.path() == path);
    let (status, body) = match found {
        Some((_, answers)) if answers.len() > 1 => answers.remove(0),
        Some((_, answers)) => answers[0].clone(),
        None => (404, Value::Null),
    };
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

async fn run(url: &str, environment: &[(&str, &str)], words: &[&str]) -> Ended {
    let mut user = User::new();
    user.set("OAUTH2_ACCESS_TOKENS", "pierone=swordfish");
    user.set("PIERONE_URL", url);
    for (name, value) in environment {
        user.set(name, value);
    }
    let all: Vec<&str> = ["pierone"].iter().chain(words).copied().collect();
    user.run(&executable("stups"), &all).await
}

async fn json(url: &str, words: &[&str]) -> Value {
    serde_json::from_str(&run(url, &[], words).await.succeeded()).unwrap()
}

const TAGS: &str = "/teams/stups/artifacts/app/tags";

fn tag(name: &str, more: &Value) -> Value {
    let mut tag =
        json!({"name": name, "created": "2016-05-19T15:23:41.065Z", "created_by": "jdoe", "image": "sha256:1"});
    let more = more.as_object().unwrap().clone();
    tag.as_object_mut().unwrap().extend(more);
    tag
}

#[tokio::test]
async fn severities_of_2016() {
    let tags = json!([
        tag("1.0", &json!({})),
        tag(
            "2.0",
            &json!({"clair_id": "sha256:c", "severity_fix_available": null, "severity_no_fix_available": null})
        ),
        tag(
            "3.0",
            &json!({"clair_id": "sha256:c", "severity_fix_available": "High", "severity_no_fix_available": "clair:NoCVEsFound",
            "created_by": "credprov-cdp-controller-proxy_pierone-token", "created": "2015-05-19T15:23:41.065Z"})
        ),
    ]);
    let url = Stub::default().answer(TAGS, &[(200, tags)]).start().await;
    let rows = json(&url, &["tags", "stups", "app", "-o", "json"]).await;
    let severities = |row: &Value| {
        [
            row["severity_fix_available"].clone(),
            row["severity_no_fix_available"].clone(),
        ]
    };
    assert_eq!(severities(&rows[0]), ["TOO_OLD", "TOO_OLD"]);
    assert_eq!(severities(&rows[1]), ["NOT_PROCESSED_YET", "NOT_PROCESSED_YET"]);
    assert_eq!(severities(&rows[2]), ["HIGH", "NO_CVES_FOUND"]);
    assert_eq!(rows[2]["created_by"], "[CDP]");
    // What this server does not tell has no column.
    assert!(rows[0].get("status").is_none() && rows[0].get("trusted").is_none());
    // The last ones as they are delivered; the newest by its time.
    let rows = json(&url, &["tags", "stups", "app", "--limit=1", "-o", "json"]).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["tag"]), (1, &json!("3.0")));
    let latest = run(&url, &[], &["latest", "stups", "app"]).await.succeeded();
    assert_eq!(latest, "2.0\n");
}

#[tokio::test]
async fn trust_and_status_of_later_years() {
    let tags = json!([tag(
        "1.0",
        &json!({"trusted": "true", "status": "production_ready", "status_reason": "checked"})
    )]);
    let url = Stub::default().answer(TAGS, &[(200, tags)]).start().await;
    let rows = json(&url, &["tags", "stups", "app", "-o", "json"]).await;
    let told = ["trusted", "status", "status_reason"].map(|column| rows[0][column].clone());
    assert_eq!(told, ["true", "production_ready", "checked"]);
    assert!(rows[0].get("severity_fix_available").is_none());
}

#[tokio::test]
async fn what_was_withdrawn_is_not_the_latest() {
    let withdrawn =
        json!({"status": "inactive", "status_reason": "it was withdrawn", "created": "2026-11-28T10:00:00.000Z"});
    let tags = json!([tag("1.0", &json!({})), tag("2.0", &withdrawn)]);
    let url = Stub::default().answer(TAGS, &[(200, tags)]).start().await;
    let latest = run(&url, &[], &["latest", "stups", "app"]).await.succeeded();
    assert_eq!(latest, "1.0\n");
    let none = json!([tag("2.0", &withdrawn)]);
    let url = Stub::default().answer(TAGS, &[(200, none)]).start().await;
    let failed = run(&url, &[], &["latest", "stups", "app"]).await.failed(1);
    assert!(failed.contains("Latest tag not found"), "{failed}");
}

#[tokio::test]
async fn vulnerabilities_are_read_where_the_registry_says() {
    let vulnerability = |name: &str, severity: &str, fixed_by: &str| json!({"Name": name, "Severity": severity, "Link": format!("https://example.org/{name}"), "FixedBy": fixed_by});
    let report = json!({"Layer": {"Name": "sha256:c", "Features": [
        {"Name": "libc", "Version": "2.1", "Vulnerabilities": [vulnerability("CVE-2", "Low", "2.2"), vulnerability("CVE-1", "Critical", "")]},
        {"Name": "bash", "Version": "5.0"},
    ]}});
    let clair = Stub::default().answer("/v1/layers/sha256:c", &[(200, report)]);
    let details = format!("{}/v1/layers/sha256:c", clair.start().await);
    let tags = json!([
        tag("1.0", &json!({"clair_id": "sha256:c", "clair_details": details})),
        tag("2.0", &json!({"clair_id": null}))
    ]);
    let url = Stub::default().answer(TAGS, &[(200, tags)]).start().await;
    let rows = json(&url, &["cves", "stups", "app", "1.0", "-o", "json"]).await;
    let expected = json!([
        {"cve": "CVE-1", "severity": "CRITICAL", "affected_feature": "libc:2.1", "fixing_feature": "", "link": "https://example.org/CVE-1"},
        {"cve": "CVE-2", "severity": "LOW", "affected_feature": "libc:2.1", "fixing_feature": "libc:2.2", "link": "https://example.org/CVE-2"},
    ]);
    assert_eq!(rows, expected);
    // The scanner is another server: it is told no token.
    let asked = clair.asked();
    assert_eq!(asked[0].0, "GET /v1/layers/sha256:c?vulnerabilities&features");
    assert!(!asked[0].2);
    let refused = run(&url, &[], &["cves", "stups", "app", "2.0"]).await.failed(1);
    assert!(refused.contains("not scanned yet"), "{refused}");
    run(&url, &[], &["cves", "stups", "app", "3.0"]).await.failed(2);
}

#[tokio::test]
async fn an_image_is_one_several_or_none() {
    let found = json!([{"team": "stups", "artifact": "app", "name": "1.0"}]);
    let stub = Stub::default()
        .answer("/tags/sha256:1", &[(200, found)])
        .answer("/tags/sha256:2", &[(412, Value::Null)]);
    let url = stub.start().await;
    assert_eq!(
        run(&url, &[], &["image", "sha256:1", "-o", "tsv"]).await.succeeded(),
        "team\tartifact\tname\nstups\tapp\t1.0\n"
    );
    let said = run(&url, &[], &["image", "sha256:2"]).await.succeeded();
    assert_eq!(said, "Prefix sha256:2 matches more than one image.\n");
    assert_eq!(
        run(&url, &[], &["image", "sha256:3"]).await.succeeded(),
        "Image sha256:3 not found\n"
    );
}

#[tokio::test]
async fn errors_are_told_as_the_servers_say() {
    let ready = "/teams/stups/artifacts/app/tags/1.0/production-ready";
    for (status, body, told) in [
        (
            403,
            json!({"detail": "You are not in the team."}),
            "as production ready: You are not in the team.",
        ),
        (404, Value::Null, "/stups/app:1.0 doesn't exist."),
        (
            409,
            json!({"title": "Conflict", "detail": "it is already"}),
            "as production ready: it is already.",
        ),
        (422, json!({"message": "no source"}), "as production ready: no source."),
    ] {
        let url = Stub::default().answer(ready, &[(status, body)]).start().await;
        let words = ["mark-production-ready", "INC-1", "stups", "app", "1.0"];
        let said = run(&url, &[], &words).await.failed(1);
        assert!(said.contains(told), "{said}");
    }
    let said = run("http://127.0.0.1:1", &[], &["teams"]).await.failed(1);
    assert!(said.contains("cannot be reached"), "{said}");
    let said = run("", &[], &["teams"]).await.failed(1);
    assert!(said.contains("--url"), "{said}");
}

#[tokio::test]
async fn trust_is_asked_for_and_told() {
    let source = json!({"url": "git:git@github.com:stups/app.git", "revision": "0123456789012345678901234567890123456789", "author": "jdoe", "status": "", "valid": false});
    let path = format!("{TAGS}/1.0/scm-source");
    let stub = Stub::default()
        .answer(TAGS, &[(200, json!([tag("1.0", &json!({}))]))])
        .answer(&path, &[(200, source)]);
    let url = stub.start().await;
    let said = run(&url, &[], &["mark-trusted", "stups", "app", "1.0"]).await.failed(1);
    assert!(said.contains("not valid"), "{said}");
    assert!(stub.asked().iter().all(|(request, ..)| request.starts_with("GET ")));
}

#[tokio::test]
async fn an_original_is_taken_over_tag_by_tag() {
    let manifest = json!({"schemaVersion": 2, "layers": []});
    let source = json!({"url": "git:git@github.com:stups/app.git", "revision": "1", "author": "jdoe", "status": "",
        "created": "2016-05-19T15:23:40.065Z"});
    let original = Stub::default()
        .answer("/teams", &[(200, json!(["stups", "other"]))])
        .answer("/teams/stups/artifacts", &[(200, json!(["app"]))])
        .answer(
            TAGS,
            &[(
                200,
                json!([tag("1.0", &json!({})), tag("2.0", &json!({})), tag("3.0", &json!({}))]),
            )],
        )
        .answer(&format!("{TAGS}/1.0/scm-source"), &[(200, source.clone())])
        .answer("/v2/stups/app/manifests/1.0", &[(200, manifest.clone())])
        .answer("/v2/stups/app/manifests/2.0", &[(200, manifest.clone())])
        .answer("/teams/other/artifacts", &[(200, json!([]))]);
    let refused = json!({"message": "the manifest refers to content that is not in the repository"});
    let ours = Stub::default().answer("/imports", &[(200, json!({"digest": "sha256:1"})), (400, refused)]);
    let (original_url, url) = (original.start().await, ours.start().await);
    let environment = [("OAUTH2_ACCESS_TOKENS", "pierone=swordfish,old=marlin")];
    let words = ["import", "--token-name", "old", original_url.as_str()];
    let ended = run(&url, &environment, &words).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (1, "stups/app:1.0 sha256:1\n"),
        "{}",
        ended.stderr
    );
    for part in [
        "stups/app:2.0: ",
        "not in the repository",
        "stups/app:3.0: the original has no manifest",
        "2 of 3 tags were not taken over.",
    ] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    let asked = ours.asked();
    let told = json!({"repository": "stups/app", "tag": "1.0", "manifest": manifest.to_string(), "created": "2016-05-19T15:23:41.065Z",
        "created_by": "jdoe", "scm_source": source});
    assert_eq!(asked[0], ("POST /imports".to_owned(), told, true));
    assert_eq!((asked.len(), &asked[1].1["scm_source"]), (2, &Value::Null));
    let none = run(&url, &environment, &["import", original_url.as_str(), "nobody"]).await;
    assert_eq!(none.code, 1, "{}", none.stderr);
    run(&url, &environment, &["import", "ftp://original"]).await.failed(2);
}

#[tokio::test]
async fn an_emergency_brings_an_image_to_production() {
    let staging = "registry.example.org/stups/app:1.0";
    let meta = Stub::default()
        .answer(
            "/image-metadata/registry.example.org/stups/app:1.0",
            &[(204, Value::Null)],
        )
        .answer(
            "/image-metadata/production.example.org/stups/app:1.0",
            &[(204, Value::Null)],
        );
    let request = |status: &str| json!({"status": status, "staging_image": staging, "production_image": "production.example.org/stups/app:1.0"});
    let path = format!("/promotion-requests/{staging}");
    let promoter = Stub::default()
        .answer("/promotion-requests", &[(200, Value::Null)])
        .answer(&path, &[(200, request("IN_PROGRESS")), (200, request("SUCCEEDED"))]);
    let (meta_url, promoter_url) = (meta.start().await, promoter.start().await);
    let environment = [
        ("PIERONE_DOCKER_META_URL", meta_url.as_str()),
        ("PIERONE_PROMOTER_URL", &promoter_url),
    ];
    let words = ["emergency-promotion", "2026-7", staging];
    let said = run(&meta_url, &environment, &words).await.succeeded();
    assert!(
        said.ends_with(&format!(
            "{staging} promoted to production.example.org/stups/app:1.0.\n"
        )),
        "{said}"
    );
    let told = json!({"compliance": {"user": {"incident": "2026-7", "reason": null, "status": "production_ready"}}});
    let expected = ["registry", "production"].map(|registry| {
        (
            format!("PUT /image-metadata/{registry}.example.org/stups/app:1.0"),
            told.clone(),
            true,
        )
    });
    assert_eq!(meta.asked(), expected);
    assert_eq!(promoter.asked()[0].1, json!({"staging_image": staging}));

    let failed = json!({"status": "failed", "staging_image": staging, "error": "no such image"});
    let promoter = Stub::default()
        .answer("/promotion-requests", &[(200, Value::Null)])
        .answer(&path, &[(200, failed)]);
    let promoter_url = promoter.start().await;
    let environment = [
        ("PIERONE_DOCKER_META_URL", meta_url.as_str()),
        ("PIERONE_PROMOTER_URL", &promoter_url),
    ];
    let said = run(&meta_url, &environment, &words).await.failed(1);
    assert!(said.contains("Image Promotion Failed: no such image"), "{said}");
}
