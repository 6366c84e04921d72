//! The revocation list (contract identity 2.12, 2.13).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use stups_identity::config::RevocationRule;

use crate::support::*;

on_both_databases!(
    the_list_has_its_shape,
    from_is_checked,
    a_token_is_revoked_everywhere,
    requests_are_checked,
    claims_need_a_rule,
    a_notification_is_in_the_list,
);

async fn post(server: &Server, path: &str, token: Option<&str>, body: &str) -> Answer {
    let mut request = http()
        .post(server.at(path))
        .header("content-type", "application/json")
        .body(body.to_owned());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Answer::of(request.send().await.unwrap()).await
}

fn now(server: &Server) -> i64 {
    server.clock.seconds()
}

async fn list(server: &Server) -> Value {
    server
        .get(&format!("/revocations?from={}", now(server) - 100), None)
        .await
        .json()
}

async fn the_list_has_its_shape(server: Server) {
    assert_eq!(
        list(&server).await,
        json!({ "meta": { "MAX_TIME_DELTA": 2_678_400 }, "revocations": [] })
    );
    server.kio().await;
    let token = server.kio_token().await;
    let body = json!({ "type": "TOKEN", "data": { "token": "testingHashFunction" } }).to_string();
    let answer = post(&server, "/revocations", Some(&token), &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (201, ""));
    let entry = list(&server).await["revocations"][0].clone();
    assert_eq!(entry["type"], "TOKEN");
    assert_eq!(
        entry["data"]["token_hash"],
        "j_FwkAS8Nw6eQgPybCH3jk8pgHOJ20AV7C9tK97P8Mg="
    );
    assert_eq!(entry["data"]["hash_algorithm"], "SHA-256");
    assert_eq!(entry["data"]["issued_before"], entry["revoked_at"]);
    let revoked_by = server.texts("SELECT revoked_by FROM revocations").await;
    assert_eq!(revoked_by, ["/services/stups_kio"]);
    let later = server
        .get(&format!("/revocations?from={}", entry["revoked_at"]), None)
        .await
        .json();
    assert_eq!(later["revocations"], json!([]), "only what is later than from");
}

async fn from_is_checked(server: Server) {
    let month = 2_678_400;
    let exact = format!("from={}", now(&server) - month - 60);
    for (query, status) in [
        (format!("from={}", now(&server) - month + 60), 200),
        (exact, 400),
        ("from=".to_owned(), 400),
        ("from=x".to_owned(), 400),
        ("from=1.5".to_owned(), 400),
        ("other=1".to_owned(), 400),
        (String::new(), 400),
        (format!("from={}&other=1", now(&server)), 400),
    ] {
        assert_eq!(
            server.get(&format!("/revocations?{query}"), None).await.status,
            status,
            "{query}"
        );
    }
}

async fn a_token_is_revoked_everywhere(server: Server) {
    server.kio().await;
    let (token, other) = (server.kio_token().await, server.kio_token().await);
    let another = server.another_instance().await;
    assert_eq!(another.token_info(&token).await.status, 200);
    let body = json!({ "type": "TOKEN", "data": { "token": token } }).to_string();
    assert_eq!(post(&server, "/revocations", Some(&token), &body).await.status, 201);
    assert_eq!(
        server.token_info(&token).await.status,
        401,
        "though it was issued within this second"
    );
    assert_eq!(
        server.get("/consents/services/stups_kio/x", Some(&token)).await.status,
        401
    );
    assert_eq!(server.token_info(&other).await.status, 200);
    assert!(another.jobs.run_once("follow_revocations").await);
    assert_eq!(another.token_info(&token).await.status, 401);
    assert_eq!(
        server.another_instance().await.token_info(&token).await.status,
        401,
        "also after a start"
    );
}

async fn requests_are_checked(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    let data =
        |issued_before: i64| json!({ "type": "TOKEN", "data": { "token": "x", "issued_before": issued_before } });
    let at = now(&server);
    for (body, status) in [
        (String::new(), 400),
        ("{".to_owned(), 400),
        (json!({ "type": "TOKEN" }).to_string(), 400),
        (json!({ "type": "TOKEN", "data": {} }).to_string(), 400),
        (json!({ "type": "NONSENSE", "data": { "token": "x" } }).to_string(), 400),
        (json!({ "unexpected": true }).to_string(), 400),
        (json!({ "type": "GLOBAL", "data": {} }).to_string(), 403),
        (data(at + 4).to_string(), 201),
        (data(at + 100).to_string(), 400),
        (data(at - 2_678_400 - 60).to_string(), 400),
        (data(at - 2_678_400 + 60).to_string(), 201),
    ] {
        assert_eq!(
            post(&server, "/revocations", Some(&token), &body).await.status,
            status,
            "{body}"
        );
    }
    let good = data(at).to_string();
    assert_eq!(post(&server, "/revocations", None, &good).await.status, 401);
    assert_eq!(post(&server, "/revocations", Some("x"), &good).await.status, 401);
}

async fn claims_need_a_rule(server: Server) {
    let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let server = server
        .again_with(|config| {
            config.revocation.rules.push(RevocationRule {
                required_user_claims: texts(&[("sub", "stups_kio"), ("realm", "/services")]),
                allowed_revocation_claims: texts(&[("realm", "/services")]),
            });
        })
        .await;
    server.kio().await;
    let token = server.kio_token().await;
    server.clock.advance(Duration::from_secs(2));
    let revoke = async |claims: Value| {
        let body = json!({ "type": "CLAIM", "data": { "claims": claims } }).to_string();
        post(&server, "/revocations", Some(&token), &body).await.status
    };
    assert_eq!(revoke(json!({ "realm": "/employees", "sub": "jdoe" })).await, 401);
    assert_eq!(revoke(json!({ "sub": "stups_kio" })).await, 401);
    assert_eq!(revoke(json!({ "realm": "/services", "sub": null })).await, 400);
    assert_eq!(revoke(json!({})).await, 400);
    assert_eq!(server.token_info(&token).await.status, 200);
    assert_eq!(revoke(json!({ "sub": "stups_kio", "realm": "/services" })).await, 201);
    let entry = list(&server).await["revocations"][0]["data"].clone();
    assert_eq!(
        (&entry["names"], &entry["separator"]),
        (&json!(["sub", "realm"]), &json!("|"))
    );
    assert_eq!(server.token_info(&token).await.status, 401);
    server.clock.advance(Duration::from_secs(1));
    let new = server.kio_token().await;
    assert_eq!(server.token_info(&new).await.status, 200, "issued afterwards");
}

async fn a_notification_is_in_the_list(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    for (path, token, status) in [
        ("/notifications/REFRESH_FROM?value=x", Some(token.as_str()), 400),
        ("/notifications/REFRESH_FROM", Some(&token), 400),
        ("/notifications/OTHER?value=1", Some(&token), 400),
        ("/notifications/REFRESH_FROM?value=12345", None, 401),
        ("/notifications/REFRESH_FROM?value=12345", Some(&token), 201),
    ] {
        assert_eq!(post(&server, path, token, "").await.status, status, "{path}");
    }
    let meta = list(&server).await["meta"].clone();
    assert_eq!(meta["REFRESH_FROM"], 12345);
    assert!((now(&server) - meta["REFRESH_TIMESTAMP"].as_i64().unwrap()).abs() < 60);
}
