//! Tokens that a foreign token info endpoint vouches for (contract kio 2.2; identity 2.11, 2.20).

use std::time::Duration;

use stups_auth::{TokenInfoSettings, TokenPlace, Verifier, VerifyError};

use super::*;

const PATH: &str = "/oauth2/tokeninfo";

fn settings(stub: &Stub) -> TokenInfoSettings {
    TokenInfoSettings::new(stub.url.join(PATH).unwrap())
}

fn verifier(stub: &Stub) -> Verifier {
    Verifier::token_info(settings(stub)).unwrap()
}

fn info() -> Value {
    json!({"access_token": "t", "uid": "jdoe", "realm": "employees", "scope": ["uid", "cn"], "expires_in": 600,
           "token_type": "Bearer", "cn": "John Doe"})
}

#[tokio::test]
async fn the_token_goes_into_the_header_or_into_the_query() {
    let stub = Stub::start().await;
    stub.json(PATH, info());
    verifier(&stub).verify("t").await.unwrap();
    let (asked, headers, _) = stub.last();
    assert_eq!(
        (asked.as_str(), headers["authorization"].to_str().unwrap()),
        (PATH, "Bearer t")
    );

    let query = TokenInfoSettings {
        place: TokenPlace::Query,
        ..settings(&stub)
    };
    Verifier::token_info(query).unwrap().verify("a+b/c").await.unwrap();
    let (asked, headers, _) = stub.last();
    assert_eq!(asked, format!("{PATH}?access_token=a%2Bb%2Fc"));
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test]
async fn realms_and_scopes_are_read_in_every_spelling() {
    for (realm, scope) in [
        (json!("employees"), json!(["uid", "cn"])),
        (json!("/employees"), json!("uid cn")),
        (json!("//employees//"), json!(["uid", "cn"])),
    ] {
        let stub = Stub::start().await;
        let mut info = info();
        info["realm"] = realm;
        info["scope"] = scope;
        stub.json(PATH, info);
        let caller = verifier(&stub).verify("t").await.unwrap();
        assert_eq!((caller.uid.as_str(), caller.realm.as_str()), ("jdoe", "/employees"));
        assert_eq!(caller.scopes, ["uid", "cn"]);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_token_and_what_with_the_endpoint() {
    let json_of = |status, body| Given::Json(status, body);
    let text = |kind, body: &str| Given::Text(200, kind, body.to_owned());
    let change = |name: &str, value: Value| {
        let mut info = info();
        info[name] = value;
        Given::Json(200, info)
    };
    for (why, given, expected) in [
        ("400", json_of(400, json!({"error": "invalid_request"})), Err(false)),
        ("401", json_of(401, json!({"error": "invalid_token"})), Err(false)),
        ("403", json_of(403, json!({})), Err(false)),
        ("404", json_of(404, json!({})), Err(true)),
        ("429", json_of(429, json!({})), Err(true)),
        ("500", json_of(500, json!({})), Err(true)),
        ("503", json_of(503, json!({})), Err(true)),
        ("HTML with 200", text("text/html", "<html>login</html>"), Err(true)),
        (
            "JSON that says it is HTML",
            text("text/html", "{\"uid\":\"jdoe\"}"),
            Err(true),
        ),
        (
            "HTML that says it is JSON",
            text("application/json", "<html>"),
            Err(true),
        ),
        ("an array", json_of(200, json!(["uid"])), Err(true)),
        ("nothing", text("application/json", ""), Err(true)),
        (
            "endless",
            text("application/json", &format!("{{\"uid\":\"{}\"}}", "x".repeat(100_000))),
            Err(true),
        ),
        ("expired", change("expires_in", json!(0)), Err(false)),
        ("inactive (RFC 7662)", change("active", json!(false)), Err(false)),
        (
            "scopes that are none",
            change("scope", json!({"uid": true})),
            Err(false),
        ),
        ("active", change("active", json!(true)), Ok(())),
        (
            "more than JSON",
            Given::Text(200, "application/json;charset=UTF-8", info().to_string()),
            Ok(()),
        ),
    ] {
        let stub = Stub::start().await;
        stub.set(PATH, given);
        let result = verifier(&stub).verify("t").await;
        match (expected, result) {
            (Ok(()), Ok(_))
            | (Err(false), Err(VerifyError::Invalid))
            | (Err(true), Err(VerifyError::Unavailable(_))) => {}
            (_, result) => panic!("{why}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_without_a_user_is_nobodys() {
    let stub = Stub::start().await;
    stub.json(PATH, json!({"realm": "/employees", "scope": ["cn"], "expires_in": 600}));
    assert_eq!(verifier(&stub).verify("t").await.unwrap_err(), VerifyError::Nobody);
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_given_up() {
    let stub = Stub::start().await;
    stub.set(PATH, Given::Hang);
    let settings = TokenInfoSettings {
        timeout: Duration::from_millis(50),
        ..settings(&stub)
    };
    let error = Verifier::token_info(settings).unwrap().verify("t").await.unwrap_err();
    assert!(matches!(error, VerifyError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_comes_back_is_believed_at_once() {
    let stub = Stub::start().await;
    let verifier = verifier(&stub);
    stub.set(PATH, Given::Json(500, json!({})));
    assert!(matches!(verifier.verify("t").await, Err(VerifyError::Unavailable(_))));
    stub.json(PATH, info());
    assert!(verifier.verify("t").await.is_ok());
}

#[tokio::test]
async fn answers_are_remembered_negative_ones_too_and_asked_for_once() {
    let stub = Stub::start().await;
    stub.json(PATH, info());
    let verifier = verifier(&stub);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.verify("t").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(stub.count(PATH), 1);

    stub.set(PATH, Given::Json(401, json!({})));
    for _ in 0..5 {
        assert_eq!(verifier.verify("bad").await.unwrap_err(), VerifyError::Invalid);
    }
    assert_eq!(stub.count(PATH), 2);
}

#[tokio::test]
async fn an_answer_says_nothing_about_another_token() {
    let stub = Stub::start().await;
    stub.json(PATH, info());
    let verifier = verifier(&stub);
    verifier.verify("t").await.unwrap();
    stub.set(PATH, Given::Json(401, json!({})));
    assert_eq!(verifier.verify("T").await.unwrap_err(), VerifyError::Invalid);
}
