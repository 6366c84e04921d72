//! Permissions that identity decides (contract identity 2.17, 2.19).

use secrecy::SecretString;
use stups_auth::{Caller, HttpPolicy, Policy};

use super::*;

fn caller(uid: &str) -> Caller {
    Caller {
        uid: uid.to_owned(),
        realm: "/employees".to_owned(),
        scopes: vec!["uid".to_owned()],
        client_id: None,
        expires_at: i64::MAX,
        token: SecretString::from(format!("token-of-{uid}")),
    }
}

#[tokio::test]
async fn the_question_is_the_originals_with_the_callers_token() {
    let stub = Stub::start().await;
    stub.json("/auth", json!("OK"));
    let policy = HttpPolicy::new(stub.url.clone()).unwrap();
    assert!(policy.may_act_for(&caller("jdoe"), "stups").await.unwrap());
    let (path, headers, body) = stub.last();
    assert_eq!(
        (path.as_str(), headers["authorization"].to_str().unwrap()),
        ("/auth", "Bearer token-of-jdoe")
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"policy": "relaxed-radical-agility", "payload": {"team": "stups"}})
    );
}

#[tokio::test]
async fn yes_no_and_cannot_say() {
    for (status, expected) in [
        (200, Some(true)),
        (403, Some(false)),
        (401, None),
        (404, None),
        (500, None),
        (302, None),
    ] {
        let stub = Stub::start().await;
        stub.set("/auth", Given::Json(status, json!("x")));
        let policy = HttpPolicy::new(stub.url.clone()).unwrap();
        assert_eq!(
            policy.may_act_for(&caller("jdoe"), "stups").await.ok(),
            expected,
            "{status}"
        );
    }
    // A page to log in at, as a proxy in front of the service gives it.
    for kind in ["text/html; charset=utf-8", "application/json"] {
        let stub = Stub::start().await;
        stub.set("/auth", Given::Text(200, kind, "\n<html>log in</html>".to_owned()));
        let policy = HttpPolicy::new(stub.url.clone()).unwrap();
        let decided = policy.may_act_for(&caller("jdoe"), "stups").await;
        assert!(decided.is_err(), "{kind}: {decided:?}");
    }
    for (status, expected) in [(200, Some(true)), (404, Some(false)), (401, None), (500, None)] {
        let stub = Stub::start().await;
        stub.set("/teams/stups", Given::Json(status, json!({})));
        let policy = HttpPolicy::new(stub.url.clone()).unwrap();
        assert_eq!(
            policy.team_exists(&caller("jdoe"), "stups").await.ok(),
            expected,
            "{status}"
        );
    }
}

#[tokio::test]
async fn answers_are_remembered_for_each_caller_and_team_and_outages_are_not() {
    let stub = Stub::start().await;
    stub.set("/auth", Given::Json(500, json!({})));
    let policy = HttpPolicy::new(stub.url.clone()).unwrap();
    assert!(policy.may_act_for(&caller("jdoe"), "stups").await.is_err());
    stub.json("/auth", json!("OK"));
    for _ in 0..3 {
        assert!(policy.may_act_for(&caller("jdoe"), "stups").await.unwrap());
    }
    assert_eq!(stub.count("/auth"), 2);
    stub.set("/auth", Given::Json(403, json!({})));
    assert!(!policy.may_act_for(&caller("mallory"), "stups").await.unwrap());
    assert!(!policy.may_act_for(&caller("jdoe"), "other").await.unwrap());
}

#[tokio::test]
async fn what_cannot_be_a_team_is_none_without_asking() {
    let stub = Stub::start().await;
    let policy = HttpPolicy::new(stub.url.clone()).unwrap();
    for team in ["", " ", ".", "..", &"x".repeat(300)] {
        assert!(!policy.may_act_for(&caller("jdoe"), team).await.unwrap());
        assert!(!policy.team_exists(&caller("jdoe"), team).await.unwrap());
    }
    assert_eq!(stub.count.load(Ordering::SeqCst), 0);
    assert!(!policy.team_exists(&caller("jdoe"), "a/../b").await.unwrap());
    assert_eq!(stub.last().0, "/teams/a%2F..%2Fb");
}

#[tokio::test]
async fn teams_are_the_names_of_the_accounts() {
    let stub = Stub::start().await;
    stub.json(
        "/accounts/aws?member=jdoe",
        json!([{"name": "stups", "id": "1"}, {"name": "stups-test"}]),
    );
    let policy = HttpPolicy::new(stub.url.clone()).unwrap();
    assert_eq!(policy.teams_of(&caller("jdoe")).await.unwrap(), ["stups", "stups-test"]);
    assert!(policy.teams_of(&caller("other")).await.is_err());
}
