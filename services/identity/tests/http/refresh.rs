//! Refresh tokens: rotation, grace, families (contract identity 5.1, zign 2.5.2).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::support::*;

on_both_databases!(
    each_refresh_token_has_a_successor,
    twenty_at_once_get_the_same_successor,
    a_late_process_is_led_to_the_newest,
    reuse_after_the_grace_ends_the_family,
    scopes_may_be_narrowed_and_never_widened,
    refresh_tokens_expire,
    they_are_their_clients_alone,
    logging_out_ends_them,
);

const CALLBACK: &str = "https://app.example.org/callback";

async fn login(server: &Server) -> (String, String) {
    server.user("/employees", "jdoe", &["uid", "cn"]).await;
    server
        .client(TestClient {
            grants: json!({ "refresh": true }),
            ..TestClient::public("app", &[CALLBACK])
        })
        .await;
    let mut browser = Browser::new(server);
    browser
        .get(&authorize_path("app", CALLBACK, &[("scope", "uid cn")]))
        .await;
    let code = browser.log_in_and_agree("jdoe").await.location("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.token_request("/oauth2/token", None, &form).await;
    (answer.text("access_token"), answer.text("refresh_token"))
}

async fn refresh(server: &Server, token: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token),
    ];
    server.token_request("/oauth2/token", None, &form).await
}

async fn each_refresh_token_has_a_successor(server: Server) {
    let (_, mut token) = login(&server).await;
    let mut seen = BTreeSet::from([token.clone()]);
    for _ in 0..3 {
        let answer = refresh(&server, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.text("scope"), "cn uid");
        assert_eq!(
            server.token_info(&answer.text("access_token")).await.text("uid"),
            "jdoe"
        );
        token = answer.text("refresh_token");
        assert!(seen.insert(token.clone()));
        server.clock.advance(Duration::from_mins(50));
    }
    let stored = server.texts("SELECT token_hash FROM refresh_tokens").await;
    assert!(
        stored.len() == 4 && stored.iter().all(|hash| !seen.contains(hash)),
        "hashes only"
    );
}

async fn twenty_at_once_get_the_same_successor(server: Server) {
    let (_, token) = login(&server).await;
    let answers = futures::future::join_all((0..20).map(|_| refresh(&server, &token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let successors: BTreeSet<String> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    server.clock.advance(Duration::from_secs(40));
    assert_eq!(
        refresh(&server, &token).await.text("refresh_token"),
        *successors.first().unwrap()
    );
    server.clock.advance(Duration::from_mins(50));
    assert_eq!(
        refresh(&server, successors.first().unwrap()).await.status,
        200,
        "the family is alive"
    );
}

async fn a_late_process_is_led_to_the_newest(server: Server) {
    let (_, first) = login(&server).await;
    let second = refresh(&server, &first).await.text("refresh_token");
    server.clock.advance(Duration::from_secs(30));
    let third = refresh(&server, &second).await.text("refresh_token");
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(refresh(&server, &first).await.text("refresh_token"), third);
    server.clock.advance(Duration::from_mins(5));
    assert_eq!(refresh(&server, &third).await.status, 200);
}

async fn reuse_after_the_grace_ends_the_family(server: Server) {
    let (access, first) = login(&server).await;
    let answer = refresh(&server, &first).await;
    let (second_access, second) = (answer.text("access_token"), answer.text("refresh_token"));
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(
        refresh(&server, &first).await.error(),
        (400, "invalid_grant".to_owned())
    );
    assert_eq!(
        refresh(&server, &second).await.error(),
        (400, "invalid_grant".to_owned()),
        "the thief's, or the user's"
    );
    assert_eq!(server.token_info(&access).await.status, 401);
    assert_eq!(server.token_info(&second_access).await.status, 401);
    let records = stups_store::audit::page(
        server.state.store.connection(),
        0,
        100,
        &stups_store::audit::Filter::default(),
    )
    .await
    .unwrap();
    assert!(
        records
            .iter()
            .any(|record| record.event.action == "refresh_token.reused")
    );
}

async fn scopes_may_be_narrowed_and_never_widened(server: Server) {
    let (_, token) = login(&server).await;
    let ask = async |token: &str, scope: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        server.token_request("/oauth2/token", None, &form).await
    };
    assert_eq!(
        ask(&token, "uid openid").await.error(),
        (400, "invalid_scope".to_owned())
    );
    let answer = ask(&token, "uid").await;
    assert_eq!(answer.text("scope"), "uid", "the refused request used nothing up");
    assert_eq!(ask(&answer.text("refresh_token"), "").await.text("scope"), "cn uid");
}

async fn refresh_tokens_expire(server: Server) {
    let (_, token) = login(&server).await;
    server.clock.advance(Duration::from_hours(29 * 24));
    let token = refresh(&server, &token).await.text("refresh_token");
    server.clock.advance(Duration::from_hours(29 * 24));
    let token = refresh(&server, &token).await.text("refresh_token");
    server.clock.advance(Duration::from_hours(29 * 24));
    let token = refresh(&server, &token).await.text("refresh_token");
    server.clock.advance(Duration::from_hours(4 * 24));
    assert_eq!(
        refresh(&server, &token).await.error().1,
        "invalid_grant",
        "90 days after the login"
    );
    assert!(server.jobs.run_once("expire").await);
    assert!(server.texts("SELECT token_hash FROM refresh_tokens").await.is_empty());
}

async fn they_are_their_clients_alone(server: Server) {
    let (_, token) = login(&server).await;
    server
        .client(TestClient {
            grants: json!({ "refresh": true }),
            ..TestClient::public("other", &[CALLBACK])
        })
        .await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "other"),
        ("refresh_token", token.as_str()),
    ];
    assert_eq!(
        server.token_request("/oauth2/token", None, &form).await.error().1,
        "invalid_grant"
    );
    assert_eq!(refresh(&server, "unknown").await.error().1, "invalid_grant");
    server.sql("UPDATE users SET disabled = TRUE WHERE uid = 'jdoe'").await;
    assert_eq!(refresh(&server, &token).await.error().1, "invalid_grant");
    server.sql("UPDATE users SET disabled = FALSE WHERE uid = 'jdoe'").await;
    assert_eq!(refresh(&server, &token).await.status, 200, "nothing was used up");
}

async fn logging_out_ends_them(server: Server) {
    server.user("/employees", "jdoe", &["uid", "cn"]).await;
    server
        .client(TestClient {
            grants: json!({ "refresh": true }),
            ..TestClient::public("app", &[CALLBACK])
        })
        .await;
    let mut browser = Browser::new(&server);
    browser
        .get(&authorize_path("app", CALLBACK, &[("scope", "openid")]))
        .await;
    let code = browser.log_in_and_agree("jdoe").await.location("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.token_request("/oauth2/token", None, &form).await;
    let (access, token, hint) = (
        answer.text("access_token"),
        answer.text("refresh_token"),
        answer.text("id_token"),
    );
    let query = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", CALLBACK),
        ("state", "bye"),
    ];
    let answer = browser.get(&format!("/oauth2/logout?{}", encode(&query))).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "https://app.example.org/callback?state=bye")
    );
    assert_eq!(refresh(&server, &token).await.error().1, "invalid_grant");
    assert_eq!(server.token_info(&access).await.status, 401);
}
