//! The device flow (RFC 8628).

use std::time::Duration;

use crate::support::*;

on_both_databases!(
    a_device_is_connected,
    a_device_is_refused,
    polling_has_its_pace,
    codes_expire,
    codes_cannot_be_guessed,
    only_flagged_clients_may,
);

async fn begin(server: &Server) -> serde_json::Value {
    let answer = server
        .token_request(
            "/oauth2/device_authorization",
            None,
            &[("client_id", "zign"), ("scope", "uid")],
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn poll(server: &Server, codes: &serde_json::Value) -> Answer {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "zign"),
        ("device_code", codes["device_code"].as_str().unwrap()),
    ];
    server.token_request("/oauth2/token", None, &form).await
}

async fn decide(server: &Server, codes: &serde_json::Value, decision: &str) -> Answer {
    let mut browser = Browser::new(server);
    let answer = browser.get(codes["verification_uri_complete"].as_str().unwrap()).await;
    assert_eq!(answer.status, 303, "to the login page");
    browser.get(answer.header("location")).await;
    let answer = browser.submit(&[("username", "jdoe"), ("password", SECRET)]).await;
    let page = browser.get(answer.header("location")).await;
    assert!(
        page.body.contains("Zign command line") && page.body.contains("127.0.0.1"),
        "{}",
        page.body
    );
    assert!(page.body.contains(codes["user_code"].as_str().unwrap()));
    browser.submit(&[("decision", decision)]).await
}

async fn a_device_is_connected(server: Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    let codes = begin(&server).await;
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&600.into(), &5.into()));
    assert_eq!(codes["verification_uri"], server.at("/oauth2/device"));
    assert_eq!(
        poll(&server, &codes).await.error(),
        (400, "authorization_pending".to_owned())
    );
    assert!(decide(&server, &codes, "allow").await.body.contains("Connected"));
    let answers = futures::future::join_all((0..5).map(|_| poll(&server, &codes))).await;
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(good.len(), 1, "the tokens are fetched once: {answers:?}");
    assert_eq!(
        server.token_info(&good[0].text("access_token")).await.text("uid"),
        "jdoe"
    );
    assert_eq!(good[0].text("refresh_token").len(), 32);
    assert_eq!(poll(&server, &codes).await.error().1, "invalid_grant");
    let stored = server
        .texts("SELECT device_code_hash || user_code_hash FROM device_codes")
        .await;
    assert!(!stored[0].contains(codes["device_code"].as_str().unwrap()));
}

async fn a_device_is_refused(server: Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    let codes = begin(&server).await;
    assert!(decide(&server, &codes, "deny").await.body.contains("Refused"));
    assert_eq!(poll(&server, &codes).await.error(), (400, "access_denied".to_owned()));
}

async fn polling_has_its_pace(server: Server) {
    let codes = begin(&server).await;
    assert_eq!(poll(&server, &codes).await.error().1, "authorization_pending");
    assert_eq!(poll(&server, &codes).await.error().1, "slow_down");
    server.clock.advance(Duration::from_secs(6));
    assert_eq!(
        poll(&server, &codes).await.error().1,
        "slow_down",
        "the interval is ten seconds now"
    );
    server.clock.advance(Duration::from_secs(16));
    assert_eq!(poll(&server, &codes).await.error().1, "authorization_pending");
}

async fn codes_expire(server: Server) {
    let codes = begin(&server).await;
    server.clock.advance(Duration::from_secs(601));
    assert_eq!(poll(&server, &codes).await.error(), (400, "expired_token".to_owned()));
    let page = Browser::new(&server)
        .get(codes["verification_uri_complete"].as_str().unwrap())
        .await;
    assert_eq!(page.status, 404);
}

async fn codes_cannot_be_guessed(server: Server) {
    let codes = begin(&server).await;
    for _ in 0..11 {
        assert_eq!(
            Browser::new(&server)
                .get("/oauth2/device?user_code=BBBB-BBBB")
                .await
                .status,
            404
        );
        server.clock.advance(Duration::from_secs(40));
    }
    assert_eq!(
        Browser::new(&server)
            .get("/oauth2/device?user_code=BBBB-BBBB")
            .await
            .status,
        404
    );
    let answer = Browser::new(&server)
        .get(codes["verification_uri_complete"].as_str().unwrap())
        .await;
    assert_eq!(answer.status, 429);
}

async fn only_flagged_clients_may(server: Server) {
    server.client(TestClient::public("app", &[])).await;
    let ask = async |client: &str| {
        server
            .token_request("/oauth2/device_authorization", None, &[("client_id", client)])
            .await
            .error()
    };
    assert_eq!(ask("app").await, (400, "unauthorized_client".to_owned()));
    assert_eq!(ask("ghost").await, (401, "invalid_client".to_owned()));
    let codes = begin(&server).await;
    for (client, error) in [("app", "unauthorized_client"), ("ztoken", "invalid_grant")] {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client),
            ("device_code", codes["device_code"].as_str().unwrap()),
        ];
        let answer = server.token_request("/oauth2/token", None, &form).await;
        assert_eq!(answer.error(), (400, error.to_owned()), "{client}");
    }
}
