//! Login, consent, codes (contract identity 2.2.5, 2.3; RFC 6749, 7636, 9207).

use std::time::Duration;

use serde_json::json;

use crate::support::*;

on_both_databases!(
    the_code_flow_works_from_end_to_end,
    a_first_start_has_an_administrator_and_clients,
    wrong_requests_are_shown_to_the_user,
    errors_go_to_the_client_when_it_is_known,
    a_wrong_password_leads_back_with_all_parameters,
    denial_goes_to_the_client,
    forms_of_others_are_refused,
    pages_are_protected,
    a_login_is_remembered_and_ends,
    consent_is_asked_for_once_per_scope,
    consents_can_be_read_and_withdrawn,
    codes_are_used_once,
    a_code_presented_twice_takes_back_its_tokens,
    two_presentations_at_once_give_one_token_at_most,
    codes_are_bound,
    the_implicit_flow_is_for_flagged_clients,
    ztoken_gets_what_it_needs,
    native_login_pages_are_for_named_clients,
    a_disabled_user_gets_nothing,
);

const CALLBACK: &str = "https://app.example.org/callback";

async fn app(server: &Server) {
    server.user("/employees", "jdoe", &["uid", "cn"]).await;
    server.client(TestClient::public("app", &[CALLBACK])).await;
}

async fn code(server: &Server, more: &[(&str, &str)]) -> String {
    let mut browser = Browser::new(server);
    browser.get(&authorize_path("app", CALLBACK, more)).await;
    let answer = browser.log_in_and_agree("jdoe").await;
    answer.location("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
}

async fn exchange(server: &Server, code: &str, change: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in change {
        form.retain(|(given, _)| given != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    server.token_request("/oauth2/token", None, &form).await
}

async fn the_code_flow_works_from_end_to_end(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    let page = browser
        .get(&authorize_path("app", CALLBACK, &[("scope", "uid cn")]))
        .await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Client app") && page.body.contains("name=\"password\""));
    let answer = browser.submit(&[("username", "jdoe"), ("password", SECRET)]).await;
    assert_eq!(answer.status, 303);
    let consent = browser.get(answer.header("location")).await;
    assert!(
        consent.body.contains("For tests") && consent.body.contains("<li>cn</li>"),
        "{}",
        consent.body
    );
    assert!(!consent.body.contains(SECRET), "the password is in no second page");
    let answer = browser.submit(&[("decision", "allow")]).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with(CALLBACK));
    assert_eq!(answer.location("state").unwrap(), "a state&");
    assert_eq!(answer.location("iss").unwrap(), server.url);
    let code = answer.location("code").unwrap();
    assert_eq!(code.len(), 32);
    let answer = exchange(&server, &code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("realm"), "/employees");
    assert_eq!(answer.text("scope"), "cn uid");
    assert!(
        answer.json().get("refresh_token").is_none(),
        "the client may not refresh"
    );
    assert_eq!(
        server.token_info(&answer.text("access_token")).await.text("uid"),
        "jdoe"
    );
    assert!(
        server
            .texts("SELECT code_hash FROM authorization_codes")
            .await
            .iter()
            .all(|hash| *hash != code)
    );
}

async fn a_first_start_has_an_administrator_and_clients(server: Server) {
    let password = expose(administrator_password(&server)).to_owned();
    let redirect = "http://127.0.0.1:49152/callback";
    let mut browser = Browser::new(&server);
    browser
        .get(&authorize_path("zign", redirect, &[("scope", "uid identity.admin")]))
        .await;
    let answer = browser.submit(&[("username", "admin"), ("password", &password)]).await;
    browser.get(answer.header("location")).await;
    let answer = browser.submit(&[("decision", "allow")]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "zign"),
        ("code", &answer.location("code").unwrap()),
        ("redirect_uri", redirect),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.token_request("/oauth2/token", None, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("refresh_token").len(), 32);
    // Administrators may read consents of others.
    let token = answer.text("access_token");
    assert_eq!(
        server.get("/consents/employees/jdoe/zign", Some(&token)).await.json(),
        json!({ "scopes": [] })
    );
    // The second start makes nobody.
    assert!(server.another_instance().await.administrator.is_none());
    let sealed = server.texts("SELECT sealed_private_key FROM signing_keys").await;
    assert!(!sealed.is_empty() && sealed.iter().all(|key| !key.contains("PRIVATE")));
}

async fn wrong_requests_are_shown_to_the_user(server: Server) {
    app(&server).await;
    server
        .client(TestClient {
            realm: "/employees",
            redirect_uris: &[CALLBACK],
            ..TestClient::machine("secretive")
        })
        .await;
    server.client(TestClient::public("nowhere", &[])).await;
    let path = |query: &[(&str, &str)]| format!("/oauth2/authorize?{}", encode(query));
    for (query, status, text) in [
        (vec![("client_id", "app")], 400, "response_type"),
        (
            vec![("response_type", "magic"), ("client_id", "app")],
            400,
            "code or token",
        ),
        (
            vec![("response_type", "code"), ("client_id", "app"), ("realm", "none")],
            400,
            "none not found",
        ),
        (
            vec![
                ("response_type", "code"),
                ("client_id", "ghost"),
                ("realm", "employees"),
            ],
            401,
            "Client authentication failed",
        ),
        (
            vec![("response_type", "code"), ("client_id", "nowhere")],
            400,
            "Missing redirect_uri",
        ),
        (
            vec![
                ("response_type", "code"),
                ("client_id", "app"),
                ("redirect_uri", "https://evil.example/"),
            ],
            400,
            "Redirect URI mismatch",
        ),
        (
            vec![
                ("response_type", "token"),
                ("client_id", "secretive"),
                ("realm", "employees"),
            ],
            400,
            "for confidential client",
        ),
    ] {
        let answer = Browser::new(&server).get(&path(&query)).await;
        assert_eq!(answer.status, status, "{query:?}");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.body.contains(text), "{text}: {}", answer.body);
        assert!(answer.header("location").is_empty());
    }
    let request = http()
        .get(server.at("/oauth2/authorize?response_type=magic"))
        .header("accept", "application/json");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.error(), (400, "unsupported_response_type".to_owned()));
    // What is said back is no markup.
    let answer = Browser::new(&server)
        .get(&path(&[
            ("response_type", "code"),
            ("client_id", "x"),
            ("realm", "<b>"),
        ]))
        .await;
    assert!(!answer.body.contains("<b>"));
}

async fn errors_go_to_the_client_when_it_is_known(server: Server) {
    app(&server).await;
    let plain = format!(
        "/oauth2/authorize?response_type=code&client_id=app&state=s&{}",
        encode(&[("redirect_uri", CALLBACK)])
    );
    for (path, code) in [
        (plain.clone(), "invalid_request"),
        (
            format!("{plain}&code_challenge={}&code_challenge_method=plain", challenge()),
            "invalid_request",
        ),
        (
            format!("{plain}&code_challenge=short&code_challenge_method=S256"),
            "invalid_request",
        ),
        (
            authorize_path("app", CALLBACK, &[("scope", "nonsense")]),
            "invalid_scope",
        ),
        (
            authorize_path("app", CALLBACK, &[("resource", "nonsense")]),
            "invalid_target",
        ),
        (authorize_path("app", CALLBACK, &[("prompt", "none")]), "login_required"),
    ] {
        let answer = Browser::new(&server).get(&path).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        assert_eq!(answer.location("error").as_deref(), Some(code), "{path}");
        assert_eq!(answer.location("iss").unwrap(), server.url);
        assert!(answer.location("state").is_some());
    }
    // What the user does not hold the client does not get.
    server.user("/employees", "poor", &["uid"]).await;
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path("app", CALLBACK, &[("scope", "cn")])).await;
    assert_eq!(
        browser.log_in_and_agree("poor").await.location("error").as_deref(),
        Some("invalid_scope")
    );
}

async fn a_wrong_password_leads_back_with_all_parameters(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    browser
        .get(&authorize_path(
            "app",
            CALLBACK,
            &[("scope", "uid cn"), ("business_partner_id", "1")],
        ))
        .await;
    for name in ["jdoe", "nobody"] {
        let answer = browser
            .submit(&[("username", name), ("password", "stups_secret_wrong")])
            .await;
        assert_eq!(answer.status, 303);
        assert!(answer.header("location").starts_with("/oauth2/authorize?"));
        for (parameter, value) in [
            ("error", "access_denied"),
            ("scope", "cn uid"),
            ("state", "a state&"),
            ("client_id", "app"),
            ("realm", "/employees"),
            ("redirect_uri", CALLBACK),
            ("business_partner_id", "1"),
        ] {
            assert_eq!(answer.location(parameter).as_deref(), Some(value));
        }
        assert!(answer.location("password").is_none());
        let page = browser.get(answer.header("location")).await;
        assert!(page.body.contains("role=\"alert\""));
    }
}

async fn denial_goes_to_the_client(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path("app", CALLBACK, &[])).await;
    let answer = browser.submit(&[("username", "jdoe"), ("password", SECRET)]).await;
    browser.get(answer.header("location")).await;
    let answer = browser.submit(&[("decision", "deny")]).await;
    assert_eq!(answer.location("error").as_deref(), Some("access_denied"));
    assert_eq!(answer.location("state").as_deref(), Some("a state&"));
    assert!(answer.location("code").is_none());
}

async fn forms_of_others_are_refused(server: Server) {
    app(&server).await;
    let path = authorize_path("app", CALLBACK, &[]);
    let (_, query) = path.split_once('?').unwrap();
    let mut form: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    form.push(("username".to_owned(), "jdoe".to_owned()));
    form.push(("password".to_owned(), SECRET.to_owned()));
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        Browser::new(&server).post("/oauth2/authorize", &form).await.status,
        403,
        "no token"
    );
    // A token of another browser is worth nothing, nor is one from before the login.
    let mut other = Browser::new(&server);
    other.get(&path).await;
    let mut mine = Browser::new(&server);
    let page = mine.get(&path).await.body;
    let token = page
        .split("name=\"csrf_token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let mut stolen = form.clone();
    stolen.push(("csrf_token", &token));
    assert_eq!(other.post("/oauth2/authorize", &stolen).await.status, 403);
    assert_eq!(mine.log_in_and_agree("jdoe").await.status, 303);
    stolen.retain(|(name, _)| *name != "username" && *name != "password");
    stolen.push(("decision", "allow"));
    assert_eq!(
        mine.post("/oauth2/authorize", &stolen).await.status,
        403,
        "the token belongs to no login"
    );
}

async fn pages_are_protected(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    for path in [
        authorize_path("app", CALLBACK, &[]),
        "/oauth2/device".to_owned(),
        "/oauth2/authorize".to_owned(),
    ] {
        let page = browser.get(&path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let answer = Browser::new(&server).get(&authorize_path("app", CALLBACK, &[])).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
}

async fn a_login_is_remembered_and_ends(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    let path = authorize_path("app", CALLBACK, &[]);
    browser.get(&path).await;
    assert!(browser.log_in_and_agree("jdoe").await.location("code").is_some());
    assert!(
        browser.get(&path).await.location("code").is_some(),
        "logged in and agreed before"
    );
    assert!(
        browser
            .get(&authorize_path("app", CALLBACK, &[("prompt", "login")]))
            .await
            .body
            .contains("password")
    );
    let cookies = server.texts("SELECT session_hash FROM sessions").await;
    assert_eq!(cookies.len(), 1);
    // Used, it lives on; unused for eight hours it does not.
    server.clock.advance(Duration::from_hours(7));
    assert!(browser.get(&path).await.location("code").is_some());
    server.clock.advance(Duration::from_hours(7));
    assert!(browser.get(&path).await.location("code").is_some());
    server.clock.advance(Duration::from_secs(8 * 3600 + 1));
    assert_eq!(browser.get(&path).await.status, 200);
    // Logging out ends it at once.
    browser.log_in_and_agree("jdoe").await;
    assert!(browser.get(&path).await.location("code").is_some());
    let page = browser
        .get("/oauth2/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F")
        .await;
    assert!(page.body.contains("jdoe"));
    let answer = browser.submit(&[]).await;
    assert_eq!(
        answer.status, 200,
        "nobody is sent to an address that no client has registered"
    );
    assert_eq!(browser.get(&path).await.status, 200);
}

async fn consent_is_asked_for_once_per_scope(server: Server) {
    app(&server).await;
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    browser.log_in_and_agree("jdoe").await;
    assert!(
        browser
            .get(&authorize_path("app", CALLBACK, &[("scope", "uid")]))
            .await
            .location("code")
            .is_some()
    );
    let both = authorize_path("app", CALLBACK, &[("scope", "uid cn")]);
    assert!(browser.get(&both).await.body.contains("decision"));
    let none = authorize_path("app", CALLBACK, &[("scope", "uid cn"), ("prompt", "none")]);
    assert_eq!(
        browser.get(&none).await.location("error").as_deref(),
        Some("consent_required")
    );
    browser.get(&both).await;
    assert!(
        browser
            .submit(&[("decision", "allow")])
            .await
            .location("code")
            .is_some()
    );
    assert!(
        browser
            .get(&authorize_path("app", CALLBACK, &[("scope", "cn")]))
            .await
            .location("code")
            .is_some()
    );
}

async fn consents_can_be_read_and_withdrawn(server: Server) {
    app(&server).await;
    server.user("/employees", "other", &["uid"]).await;
    let token = exchange(&server, &code(&server, &[("scope", "uid cn")]).await, &[])
        .await
        .text("access_token");
    for path in [
        "/consents/employees/jdoe/app",
        "/consents/%2Femployees/jdoe/app",
        "/raw-sync/consents/employees/jdoe/app",
    ] {
        assert_eq!(
            server.get(path, Some(&token)).await.json(),
            json!({ "scopes": ["cn", "uid"] }),
            "{path}"
        );
    }
    assert_eq!(
        server
            .get("/consents/employees/jdoe/unknown", Some(&token))
            .await
            .json(),
        json!({ "scopes": [] })
    );
    assert_eq!(
        server.get("/consents/employee/jdoe/app", Some(&token)).await.error(),
        (400, "realm_not_found".to_owned())
    );
    assert_eq!(
        server.get("/consents/employees/other/app", Some(&token)).await.status,
        403
    );
    assert_eq!(server.get("/consents/employees/jdoe/app", None).await.status, 401);
    for _ in 0..2 {
        let request = http()
            .delete(server.at("/consents/employees/jdoe/app"))
            .bearer_auth(&token);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }
    assert_eq!(
        server.get("/consents/employees/jdoe/app", Some(&token)).await.json(),
        json!({ "scopes": [] })
    );
}

async fn codes_are_used_once(server: Server) {
    app(&server).await;
    let (one, other) = (code(&server, &[]).await, code(&server, &[]).await);
    assert_ne!(one, other);
    // A failed exchange uses the code up, too.
    assert_eq!(
        exchange(&server, &one, &[("code_verifier", &"x".repeat(43))])
            .await
            .error()
            .1,
        "invalid_grant"
    );
    assert_eq!(
        exchange(&server, &one, &[]).await.error(),
        (400, "invalid_grant".to_owned())
    );
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(
        exchange(&server, &other, &[]).await.error().1,
        "invalid_grant",
        "after a minute"
    );
    assert_eq!(exchange(&server, "unknown", &[]).await.error().1, "invalid_grant");
}

async fn a_code_presented_twice_takes_back_its_tokens(server: Server) {
    app(&server).await;
    server
        .sql("UPDATE clients SET grants = '{\"refresh\": true}' WHERE id = 'app'")
        .await;
    let code = code(&server, &[]).await;
    let first = exchange(&server, &code, &[]).await;
    let (access, refresh) = (first.text("access_token"), first.text("refresh_token"));
    assert_eq!(server.token_info(&access).await.status, 200);
    assert_eq!(exchange(&server, &code, &[]).await.error().1, "invalid_grant");
    assert_eq!(server.token_info(&access).await.status, 401);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", refresh.as_str()),
    ];
    assert_eq!(
        server.token_request("/oauth2/token", None, &form).await.error().1,
        "invalid_grant"
    );
    // Other instances learn of it.
    let another = server.another_instance().await;
    assert_eq!(another.token_info(&access).await.status, 401);
}

async fn two_presentations_at_once_give_one_token_at_most(server: Server) {
    app(&server).await;
    for _ in 0..5 {
        let code = code(&server, &[]).await;
        let (one, other) = tokio::join!(exchange(&server, &code, &[]), exchange(&server, &code, &[]));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        let winner = if one.status == 200 { one } else { other };
        assert_eq!(
            server.token_info(&winner.text("access_token")).await.status,
            401,
            "the other one took it back"
        );
    }
}

async fn codes_are_bound(server: Server) {
    app(&server).await;
    server.client(TestClient::public("other", &[CALLBACK])).await;
    for (change, expected) in [
        (("client_id", "other"), "invalid_grant"),
        (("redirect_uri", "https://app.example.org/other"), "invalid_grant"),
        (
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx"),
            "invalid_grant",
        ),
        (("code_verifier", ""), "invalid_request"),
        (("redirect_uri", ""), "invalid_request"),
        (("client_id", ""), "invalid_client"),
    ] {
        let code = code(&server, &[]).await;
        assert_eq!(
            exchange(&server, &code, &[change]).await.error(),
            (400, expected.to_owned()),
            "{change:?}"
        );
    }
    let code = code(&server, &[]).await;
    assert_eq!(
        exchange(&server, &code, &[("client_id", "ghost")]).await.error(),
        (401, "invalid_client".to_owned())
    );
}

async fn the_implicit_flow_is_for_flagged_clients(server: Server) {
    app(&server).await;
    server
        .client(TestClient {
            grants: json!({ "legacy_implicit": true }),
            ..TestClient::public("browser", &[CALLBACK])
        })
        .await;
    let path = |client: &str| {
        let query = [
            ("response_type", "token"),
            ("client_id", client),
            ("state", "s"),
            ("redirect_uri", CALLBACK),
        ];
        format!("/oauth2/authorize?{}", encode(&query))
    };
    let refused = Browser::new(&server).get(&path("app")).await;
    assert_eq!(refused.location("error").as_deref(), Some("unauthorized_client"));
    assert!(refused.header("location").contains('#'));
    let mut browser = Browser::new(&server);
    browser.get(&path("browser")).await;
    let answer = browser.log_in_and_agree("jdoe").await;
    let (before, fragment) = answer.header("location").split_once('#').unwrap();
    assert_eq!(before, CALLBACK);
    assert!(
        fragment.contains("token_type=Bearer&expires_in=3600&scope=uid&state=s"),
        "{fragment}"
    );
    assert!(answer.location("refresh_token").is_none());
    assert_eq!(
        server
            .token_info(&answer.location("access_token").unwrap())
            .await
            .text("uid"),
        "jdoe"
    );
}

/// Contract zign 2.5 and 2.10: no realm, no scope, no state, a path-less loopback address on any port.
async fn ztoken_gets_what_it_needs(server: Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    let path = "/oauth2/authorize?business_partner_id=123&client_id=ztoken&redirect_uri=http://localhost:8081&response_type=token";
    let mut browser = Browser::new(&server);
    browser.get(path).await;
    let answer = browser.log_in_and_agree("jdoe").await;
    let fragment = answer
        .header("location")
        .strip_prefix("http://localhost:8081#")
        .unwrap();
    assert!(
        fragment.split('&').all(|parameter| parameter.split('=').count() == 2),
        "no raw = in a value: {fragment}"
    );
    let refresh = answer.location("refresh_token").unwrap();
    answer.location("expires_in").unwrap().parse::<i64>().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "ztoken"),
        ("business_partner_id", "123"),
        ("refresh_token", &refresh),
    ];
    let answer = server.token_request("/oauth2/access_token", None, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("access_token").split('.').count(), 3);
    assert!(answer.json()["expires_in"].is_i64() && answer.json()["refresh_token"].is_string());
    // Errors are in the query: the program never sees a fragment without a token.
    let mut browser = Browser::new(&server);
    let page = browser.get(path).await;
    assert!(page.body.contains("ztoken command line"));
    let answer = browser
        .submit(&[("username", "jdoe"), ("password", SECRET), ("decision", "deny")])
        .await;
    assert!(
        answer
            .header("location")
            .starts_with("http://localhost:8081?error=access_denied"),
        "{answer:?}"
    );
    // A probe of either address is answered.
    assert_eq!(server.get("/oauth2/authorize", None).await.status, 400);
    assert_eq!(server.get("/oauth2/access_token", None).await.status, 405);
}

async fn native_login_pages_are_for_named_clients(server: Server) {
    let server = server
        .again_with(|config| config.first_party_clients.push("/employees/app".to_owned()))
        .await;
    app(&server).await;
    server.client(TestClient::public("other", &[CALLBACK])).await;
    let send = async |client: &str, password: &str, decision: &str| {
        let path = authorize_path(client, CALLBACK, &[("scope", "cn uid")]);
        let request = http()
            .post(server.at(&path))
            .header("accept", "application/json")
            .header("content-type", FORM)
            .body(encode(&[
                ("username", "jdoe"),
                ("password", password),
                ("decision", decision),
            ]));
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(
        send("other", SECRET, "").await.error(),
        (400, "unauthorized_client".to_owned())
    );
    assert_eq!(
        send("app", "stups_secret_wrong", "").await.error(),
        (400, "invalid_grant".to_owned())
    );
    let answer = send("app", SECRET, "").await.json();
    assert_eq!(
        answer,
        json!({
            "consent_needed": true, "scopes": ["cn", "uid"], "redirect": CALLBACK,
            "client_name": "Client app", "client_description": "For tests",
        })
    );
    let denied = send("app", SECRET, "deny").await;
    assert!(denied.text("redirect").contains("error=access_denied"));
    let allowed = send("app", SECRET, "allow").await;
    assert_eq!(allowed.json()["consent_needed"], false);
    let redirect = url::Url::parse(&allowed.text("redirect")).unwrap();
    let code = redirect
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    assert_eq!(exchange(&server, &code, &[]).await.status, 200);
}

async fn a_disabled_user_gets_nothing(server: Server) {
    app(&server).await;
    let pending = code(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let path = authorize_path("app", CALLBACK, &[]);
    browser.get(&path).await;
    browser.log_in_and_agree("jdoe").await;
    server.sql("UPDATE users SET disabled = TRUE WHERE uid = 'jdoe'").await;
    assert_eq!(exchange(&server, &pending, &[]).await.error().1, "invalid_grant");
    assert_eq!(
        browser.get(&path).await.location("error").as_deref(),
        Some("access_denied")
    );
    let mut browser = Browser::new(&server);
    browser.get(&path).await;
    assert_eq!(
        browser.log_in_and_agree("jdoe").await.location("error").as_deref(),
        Some("access_denied")
    );
}
