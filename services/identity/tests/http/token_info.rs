//! Token info (contract identity 2.11, 2.13, 2.20).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::*;

on_both_databases!(
    the_answer_has_fixed_fields_and_truthy_scopes,
    the_token_is_found_in_header_query_and_form,
    every_method_is_answered,
    refusals_are_to_the_letter,
    forged_and_foreign_tokens_are_refused,
    an_expired_token_is_refused,
    an_id_token_is_no_access_token,
    keys_rotate_without_a_gap,
    another_token_info_answers_for_opaque_tokens,
);

async fn the_answer_has_fixed_fields_and_truthy_scopes(server: Server) {
    server.kio().await;
    let token = server
        .password_grant("stups_kio", SECRET, "uid application.write")
        .await
        .text("access_token");
    let answer = server.token_info(&token).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["access_token"], token);
    assert_eq!(body["uid"], "stups_kio");
    assert_eq!(body["realm"], "/services");
    assert_eq!(body["scope"], json!(["application.write", "uid"]));
    assert_eq!(body["grant_type"], "password");
    assert_eq!(body["token_type"], "Bearer");
    assert!((3590..=3600).contains(&body["expires_in"].as_i64().unwrap()));
    assert_eq!(body["application.write"], true);
    assert!(body.get("client_id").is_none(), "only with azp");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("content-type").starts_with("application/json"));
    let token = server
        .password_grant("stups_kio", SECRET, "uid azp")
        .await
        .text("access_token");
    assert_eq!(server.token_info(&token).await.text("client_id"), "kio-client");
}

async fn the_token_is_found_in_header_query_and_form(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    let path = format!("/oauth2/tokeninfo?access_token={token}");
    assert_eq!(server.get(&path, None).await.status, 200);
    let request = http().post(server.at("/oauth2/tokeninfo")).header("content-type", FORM);
    let request = request.body(encode(&[("access_token", &token)]));
    assert_eq!(request.send().await.unwrap().status(), 200);
    // The header wins over the query.
    assert_eq!(server.get(&path, Some("x")).await.status, 401);
    assert_eq!(
        server
            .get("/oauth2/tokeninfo?access_token=x", Some(&token))
            .await
            .status,
        200
    );
    // Other schemes are ignored, the name of the scheme has no case.
    let request = http().get(server.at(&path)).header("authorization", "Basic eDp5");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let request = http()
        .get(server.at("/oauth2/tokeninfo"))
        .header("authorization", format!("bEARER {token}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

async fn every_method_is_answered(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = http().request(method.clone(), server.at("/oauth2/tokeninfo"));
        let answer = request
            .header("authorization", format!("Bearer {token}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{method}");
    }
}

async fn refusals_are_to_the_letter(server: Server) {
    let none = server.get("/oauth2/tokeninfo", None).await;
    assert_eq!(none.status, 400);
    assert_eq!(
        none.body,
        r#"{"error":"invalid_request","error_description":"Access Token not valid"}"#
    );
    for token in [
        "x",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "6afe9886-0a0a-4ace-8bc7-fb96920fb764",
        "...",
        "é",
    ] {
        let answer = server
            .get(
                &format!("/oauth2/tokeninfo?{}", encode(&[("access_token", token)])),
                None,
            )
            .await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(
            answer.body,
            r#"{"error":"invalid_token","error_description":"Access Token not valid"}"#
        );
    }
}

async fn forged_and_foreign_tokens_are_refused(server: Server) {
    server.kio().await;
    let other = server.again_with(|_| {}).await;
    other.kio().await;
    let (good, foreign) = (server.kio_token().await, other.kio_token().await);
    assert_eq!(server.token_info(&good).await.status, 200);
    assert_eq!(server.token_info(&foreign).await.status, 401, "signed by somebody else");
    let parts: Vec<&str> = good.split('.').collect();
    let kid = jose_header(&good)["kid"].clone();
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut administrator = claims(&good);
    administrator["sub"] = json!("stups_admin");
    let administrator = encode(administrator);
    let header = |alg: &str| encode(json!({ "kid": kid, "alg": alg }));
    let foreign_parts: Vec<&str> = foreign.split('.').collect();
    for forged in [
        format!("{}.{administrator}.{}", parts[0], parts[2]),
        format!("{}.{administrator}.", header("none")),
        format!("{}.{administrator}.{}", header("none"), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", header("HS256"), parts[1], parts[2]),
        format!("{}.{}.{}", header("ES384"), parts[1], parts[2]),
        format!("{}.{}.{}", encode(json!({ "alg": "ES256" })), parts[1], parts[2]),
        format!(
            "{}.{}.{}",
            encode(json!({ "alg": "ES256", "kid": 1 })),
            parts[1],
            parts[2]
        ),
        format!(
            "{}.{}.{}",
            encode(json!({ "alg": "ES256", "kid": "unknown" })),
            parts[1],
            parts[2]
        ),
        format!("{}.{}.{}", parts[0], foreign_parts[1], foreign_parts[2]),
        format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
    ] {
        assert_eq!(server.token_info(&forged).await.status, 401, "{forged}");
        assert_eq!(server.get("/consents/services/x/y", Some(&forged)).await.status, 401);
    }
    // A token for another audience opens nothing here.
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", "https://other.example.org"),
    ];
    let elsewhere = server
        .token_request("/oauth2/token", Some(("kio-client", SECRET)), &form)
        .await
        .text("access_token");
    assert_eq!(
        server
            .get("/consents/services/stups_kio/y", Some(&elsewhere))
            .await
            .status,
        401
    );
    assert_eq!(
        server.get("/consents/services/stups_kio/y", Some(&good)).await.status,
        200
    );
}

async fn an_expired_token_is_refused(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    server.clock.advance(Duration::from_secs(3590));
    assert!((1..=10).contains(&server.token_info(&token).await.json()["expires_in"].as_i64().unwrap()));
    server.clock.advance(Duration::from_secs(11));
    assert_eq!(server.token_info(&token).await.status, 401);
    assert_eq!(
        server.get("/consents/services/stups_kio/y", Some(&token)).await.status,
        401
    );
}

async fn an_id_token_is_no_access_token(server: Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    server
        .client(TestClient::public("app", &["https://app.example.org/callback"]))
        .await;
    let mut browser = Browser::new(&server);
    let more = [("scope", "openid uid"), ("nonce", "n")];
    browser
        .get(&authorize_path("app", "https://app.example.org/callback", &more))
        .await;
    let code = browser.log_in_and_agree("jdoe").await.location("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", "https://app.example.org/callback"),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.token_request("/oauth2/token", None, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id_token = answer.text("id_token");
    let body = claims(&id_token);
    assert_eq!(
        (&body["aud"], &body["nonce"], &body["sub"]),
        (&json!("app"), &json!("n"), &json!("jdoe"))
    );
    assert_eq!(body["iss"], server.url);
    assert!(body["auth_time"].is_i64() && body["sid"].is_string() && body["amr"].is_array());
    assert_eq!(server.token_info(&id_token).await.status, 401);
    let userinfo = server.get("/oauth2/userinfo", Some(&answer.text("access_token"))).await;
    assert_eq!(
        (userinfo.text("sub").as_str(), userinfo.text("email").as_str()),
        ("jdoe", "jdoe@example.org")
    );
    assert_eq!(server.get("/oauth2/userinfo", Some(&id_token)).await.status, 401);
}

async fn keys_rotate_without_a_gap(server: Server) {
    server.kio().await;
    let keys = async || {
        let set = server.get("/oauth2/connect/keys", None).await.json();
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let old = server.kio_token().await;
    let first = keys().await;
    assert_eq!(first.len(), 1);
    // 20 minutes before it is due the next key is published, and does not sign.
    server.clock.advance(Duration::from_mins(30 * 24 * 60 - 20));
    assert!(server.jobs.run_once("rotate_keys").await);
    let both = keys().await;
    assert_eq!(both.len(), 2);
    assert_eq!(jose_header(&server.kio_token().await)["kid"], first[0].as_str());
    assert_eq!(server.token_info(&old).await.status, 401, "long expired");
    let old = server.kio_token().await;
    // When it is due it signs, and what the old one signed is still good.
    server.clock.advance(Duration::from_secs(1201));
    assert!(server.jobs.run_once("rotate_keys").await);
    let new = server.kio_token().await;
    assert_ne!(jose_header(&new)["kid"], first[0].as_str());
    assert_eq!(server.token_info(&old).await.status, 200);
    assert_eq!(server.token_info(&new).await.status, 200);
    // The old one goes when nothing that it signed can be alive.
    server.clock.advance(Duration::from_hours(29 * 24));
    assert!(server.jobs.run_once("rotate_keys").await);
    assert!(keys().await.contains(&first[0]), "customers' tokens live for 30 days");
    server.clock.advance(Duration::from_hours(2 * 24));
    assert!(server.jobs.run_once("rotate_keys").await);
    assert!(!keys().await.contains(&first[0]));
    // Another instance uses the same keys.
    let another = server.another_instance().await;
    assert_eq!(another.token_info(&server.kio_token().await).await.status, 200);
}

async fn another_token_info_answers_for_opaque_tokens(server: Server) {
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn legacy(State(asked): State<Arc<AtomicU32>>, headers: HeaderMap) -> (StatusCode, &'static str) {
        asked.fetch_add(1, Ordering::Relaxed);
        match headers.get("authorization").and_then(|header| header.to_str().ok()) {
            Some("Bearer 6afe9886") => (StatusCode::OK, r#"{"uid":"jdoe","cn":"John Doe","realm":"/employees"}"#),
            Some("Bearer hang") => std::future::pending().await,
            _ => (StatusCode::BAD_REQUEST, r#"{"error":"invalid_request"}"#),
        }
    }
    let asked = Arc::new(AtomicU32::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tokeninfo", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route("/tokeninfo", axum::routing::get(legacy))
        .with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let server = server
        .again_with(|config| config.upstream_tokeninfo_url = Some(url.parse().unwrap()))
        .await;
    for cache in ["MISS", "HIT"] {
        let answer = server.token_info("6afe9886").await;
        assert_eq!(
            (answer.status, answer.text("cn").as_str(), answer.header("x-cache")),
            (200, "John Doe", cache)
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(
        server.token_info("unknown").await.status,
        400,
        "as the other one says it"
    );
    assert_eq!(server.token_info("hang").await.status, 504);
    assert_eq!(server.token_info("a.b.c").await.status, 401, "a JWT is ours to judge");
    server.kio().await;
    assert_eq!(server.token_info(&server.kio_token().await).await.status, 200);
}
