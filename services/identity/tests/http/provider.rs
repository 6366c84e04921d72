//! The token endpoint for machines (contract identity 2.1, 2.2, 2.4, 2.5).

use serde_json::json;

use stups_testkit::until;

use crate::support::*;

on_both_databases!(
    a_token_answer_has_all_its_fields,
    client_credentials_work_in_body_and_header,
    the_realm_comes_from_parameter_or_host,
    scopes_are_resolved,
    errors_are_as_the_contract_has_them,
    the_order_of_checks_decides,
    tokens_carry_the_claims_of_old,
    a_customers_token_fits_into_a_cookie,
    at_jwt_is_for_who_asks,
    every_password_of_a_user_is_good,
    failures_make_the_next_attempt_wait,
    guesses_at_many_users_make_their_address_wait,
    of_failures_at_once_each_counts,
    a_token_leaves_its_record_and_never_itself,
    the_paths_of_old_take_json,
    fifty_logins_at_once,
    wrong_methods_are_405,
);

async fn a_token_answer_has_all_its_fields(server: Server) {
    server.kio().await;
    let answer = server
        .password_grant("stups_kio", SECRET, "uid   application.write")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["scope"], "application.write uid");
    assert_eq!(body["realm"], "/services");
    assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
    assert!(body.get("id_token").is_none() && body.get("refresh_token").is_none());
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn client_credentials_work_in_body_and_header(server: Server) {
    server.kio().await;
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", "kio-client"),
        ("client_secret", SECRET),
    ];
    for path in [
        "/oauth2/access_token?realm=services",
        "/z/oauth2/access_token?realm=/services",
        "/oauth2/token",
    ] {
        let answer = server.token_request(path, None, &own).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(claims(&answer.text("access_token"))["sub"], "stups_kio");
        let answer = server
            .token_request(path, Some(("kio-client", SECRET)), &own[..1])
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let encoded = SECRET.replace('-', "%2D");
    let answer = server
        .token_request("/oauth2/token", Some(("kio-client", &encoded)), &own[..1])
        .await;
    assert_eq!(answer.status, 200, "percent-encoded as RFC 6749 has it");
    // The same subject, realm and scopes as by password.
    let (by_password, by_client) = (server.password_grant("stups_kio", SECRET, "").await, answer);
    for name in ["sub", "realm", "scope"] {
        assert_eq!(
            claims(&by_password.text("access_token"))[name],
            claims(&by_client.text("access_token"))[name]
        );
    }
    // A client without an owner, and a public one, get nothing.
    server
        .client(TestClient {
            grants: json!({ "client_credentials": true }),
            ..TestClient::machine("orphan")
        })
        .await;
    let answer = server
        .token_request("/oauth2/token", Some(("orphan", SECRET)), &own[..1])
        .await;
    assert_eq!(answer.error(), (400, "unauthorized_client".to_owned()));
}

async fn the_realm_comes_from_parameter_or_host(server: Server) {
    server.kio().await;
    let form = [
        ("grant_type", "password"),
        ("username", "stups_kio"),
        ("password", SECRET),
    ];
    let basic = Some(("kio-client", SECRET));
    let answer = server.token_request("/oauth2/access_token", basic, &form).await;
    assert_eq!(answer.error().0, 400);
    assert_eq!(answer.text("error"), "realm_not_found");
    assert!(answer.text("error_description").ends_with(" not found"));
    let answer = server
        .token_request("/oauth2/access_token?realm=nowhere", basic, &form)
        .await;
    assert_eq!(answer.text("error"), "realm_not_found");
    for host in ["services.example.org", "token-services.example.org:8080"] {
        let request = http()
            .post(server.at("/oauth2/access_token"))
            .header("host", host)
            .header("content-type", FORM)
            .basic_auth("kio-client", Some(SECRET))
            .body(encode(&form));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.body);
    }
}

async fn scopes_are_resolved(server: Server) {
    server.kio().await;
    server.user("/services", "stups_app", &["application.read"]).await;
    server
        .client(TestClient {
            owner: Some("stups_app"),
            default_scopes: &["special"],
            scopes: &["application.read", "application.write"],
            grants: json!({ "client_credentials": true }),
            ..TestClient::machine("app-client")
        })
        .await;
    let own = Some(("app-client", SECRET));
    for (asked, expected) in [
        ("", Ok("special")),
        ("special", Ok("special")),
        ("uid special", Ok("special uid")),
        ("application.read", Ok("application.read")),
        // The client may, the user may not.
        (
            "application.write",
            Err("Unknown/invalid scope(s): [application.write]"),
        ),
        // Nobody may.
        ("nonsense more", Err("Unknown/invalid scope(s): [more, nonsense]")),
    ] {
        let form = [("grant_type", "client_credentials"), ("scope", asked)];
        let answer = server.token_request("/oauth2/token", own, &form).await;
        match expected {
            Ok(scope) => assert_eq!(answer.text("scope"), scope, "{asked}"),
            Err(description) => {
                assert_eq!(answer.error(), (400, "invalid_scope".to_owned()), "{asked}");
                assert_eq!(answer.text("error_description"), description);
            }
        }
    }
    // Without a default of the client the realm's counts.
    assert_eq!(
        server.password_grant("stups_kio", SECRET, "").await.text("scope"),
        "uid"
    );
}

async fn errors_are_as_the_contract_has_them(server: Server) {
    server.kio().await;
    server
        .client(TestClient {
            confidential: false,
            grants: json!({ "password": true }),
            ..TestClient::machine("public")
        })
        .await;
    let path = "/oauth2/access_token?realm=/services";
    let good = Some(("kio-client", SECRET));
    let password = |username, password| {
        [
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
        ]
    };
    let grant = "The provided access grant is invalid, expired, or revoked.";

    let answer = server.token_request(path, None, &password("stups_kio", SECRET)).await;
    assert_eq!(answer.error(), (400, "invalid_client".to_owned()));
    assert_eq!(answer.text("error_description"), "Client authentication failed");
    for basic in [
        ("kio-client", "wrong"),
        ("nobody", SECRET),
        ("", ""),
        ("kio-client", ""),
    ] {
        let answer = server
            .token_request(path, Some(basic), &password("stups_kio", SECRET))
            .await;
        assert_eq!(answer.error(), (401, "invalid_client".to_owned()), "{basic:?}");
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    for (username, secret) in [
        ("stups_kio", "wrong"),
        ("nobody", SECRET),
        (" ", SECRET),
        ("stups_kio", " "),
    ] {
        let answer = server.token_request(path, good, &password(username, secret)).await;
        let expected = if username == "nobody" {
            "unauthorized_client"
        } else {
            "invalid_grant"
        };
        assert_eq!(answer.error(), (400, expected.to_owned()), "{username}");
        if expected == "invalid_grant" {
            assert_eq!(answer.text("error_description"), grant);
        }
    }
    let answer = server
        .token_request(path, good, &[("grant_type", "password"), ("username", "stups_kio")])
        .await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));
    let answer = server.token_request(path, good, &[("grant_type", "magic")]).await;
    assert_eq!(answer.error(), (400, "unsupported_grant_type".to_owned()));
    let answer = server.token_request(path, good, &[]).await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));
    // Public clients have no password grant, whatever their flags say.
    let mut form = password("stups_kio", SECRET).to_vec();
    form.push(("client_id", "public"));
    let answer = server.token_request(path, None, &form).await;
    assert_eq!(answer.error(), (400, "unauthorized_client".to_owned()));
    // People have none at all.
    server.user("/employees", "jdoe", &["uid"]).await;
    server
        .client(TestClient {
            realm: "/employees",
            grants: json!({ "password": true }),
            ..TestClient::machine("old")
        })
        .await;
    let answer = server
        .token_request(
            "/oauth2/access_token?realm=/employees",
            Some(("old", SECRET)),
            &password("jdoe", SECRET),
        )
        .await;
    assert_eq!(answer.error(), (400, "unauthorized_client".to_owned()));
    // Twice the same parameter.
    let answer = server
        .token_request(path, good, &[("grant_type", "password"), ("grant_type", "magic")])
        .await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));
}

async fn the_order_of_checks_decides(server: Server) {
    server.kio().await;
    // Everything is wrong; each step repairs what was complained about first.
    let steps = [
        ("/oauth2/access_token?realm=x", None, " ", "x", (400, "realm_not_found")),
        (
            "/oauth2/access_token?realm=services",
            None,
            " ",
            "x",
            (400, "invalid_grant"),
        ),
        (
            "/oauth2/access_token?realm=services",
            None,
            "stups_kio",
            "x",
            (400, "invalid_client"),
        ),
        (
            "/oauth2/access_token?realm=services",
            Some(("kio-client", "x")),
            "stups_kio",
            "x",
            (401, "invalid_client"),
        ),
        (
            "/oauth2/access_token?realm=services",
            Some(("kio-client", SECRET)),
            "stups_kio",
            "x",
            (400, "invalid_scope"),
        ),
        (
            "/oauth2/access_token?realm=services",
            Some(("kio-client", SECRET)),
            "stups_kio",
            "uid",
            (400, "invalid_grant"),
        ),
    ];
    for (path, basic, username, scope, (status, code)) in steps {
        let form = [
            ("grant_type", "password"),
            ("username", username),
            ("password", "wrong"),
            ("scope", scope),
        ];
        let answer = server.token_request(path, basic, &form).await;
        assert_eq!(answer.error(), (status, code.to_owned()));
    }
}

async fn tokens_carry_the_claims_of_old(server: Server) {
    server.kio().await;
    let token = server
        .password_grant("stups_kio", SECRET, "uid azp")
        .await
        .text("access_token");
    let header = jose_header(&token);
    assert_eq!(header.as_object().unwrap().keys().collect::<Vec<_>>(), ["kid", "alg"]);
    assert_eq!(header["alg"], "ES256");
    let body = claims(&token);
    assert_eq!(
        (&body["sub"], &body["realm"]),
        (&json!("stups_kio"), &json!("/services"))
    );
    assert_eq!(body["scope"], json!(["azp", "uid"]));
    assert_eq!(body["azp"], "kio-client");
    assert_eq!(body["iss"], server.url);
    assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 3600);
    assert!(body.get("aud").is_none() && body.get("nbf").is_none());
    let without = claims(
        &server
            .password_grant("stups_kio", SECRET, "uid")
            .await
            .text("access_token"),
    );
    assert!(without.get("azp").is_none(), "only on request");
}

async fn a_customers_token_fits_into_a_cookie(server: Server) {
    let server = server
        .again_with(|config| {
            let realm = r#"{"lifetime_seconds": 2592000, "compact_tokens": true, "interactive": false}"#;
            config
                .realms
                .insert("/customers".to_owned(), serde_json::from_str(realm).unwrap());
        })
        .await;
    server.user("/customers", "1000000001", &["uid"]).await;
    server
        .client(TestClient {
            realm: "/customers",
            owner: Some("1000000001"),
            grants: json!({ "client_credentials": true }),
            ..TestClient::machine("shop")
        })
        .await;
    let form = [("grant_type", "client_credentials")];
    let answer = server
        .token_request("/oauth2/access_token?realm=customers", Some(("shop", SECRET)), &form)
        .await;
    let token = answer.text("access_token");
    assert!(token.len() <= 280, "{} characters: {}", token.len(), claims(&token));
    assert_eq!(claims(&token)["iss"], "B");
    let names: Vec<String> = claims(&token).as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["sub", "realm", "scope", "iss", "exp", "iat"]);
}

async fn at_jwt_is_for_who_asks(server: Server) {
    let server = server
        .again_with(|config| config.modern_resources.push("https://kio.example.org".to_owned()))
        .await;
    server.kio().await;
    server
        .client(TestClient {
            owner: Some("stups_kio"),
            grants: json!({ "client_credentials": true }),
            token_profile: "at+jwt",
            extra_claims: json!({ "https://identity.example.org/managed-id": "{uid}", "sub": "mallory" }),
            ..TestClient::machine("modern")
        })
        .await;
    let form = [("grant_type", "client_credentials"), ("scope", "uid application.write")];
    let token = server
        .token_request("/oauth2/token", Some(("modern", SECRET)), &form)
        .await
        .text("access_token");
    assert_eq!(jose_header(&token)["typ"], "at+jwt");
    let body = claims(&token);
    assert_eq!(body["scope"], "application.write uid");
    assert_eq!(
        (&body["aud"], &body["client_id"]),
        (&json!(server.url), &json!("modern"))
    );
    assert_eq!(body["https://identity.example.org/managed-id"], "stups_kio");
    assert_eq!(body["sub"], "stups_kio", "a configured claim replaces none of ours");
    assert_eq!(
        server.token_info(&token).await.json()["scope"],
        json!(["application.write", "uid"])
    );

    let mut asked = form.to_vec();
    asked.push(("resource", "https://kio.example.org"));
    let token = server
        .token_request("/oauth2/token", Some(("kio-client", SECRET)), &asked)
        .await
        .text("access_token");
    assert_eq!(jose_header(&token)["typ"], "at+jwt");
    assert_eq!(claims(&token)["aud"], "https://kio.example.org");
    asked[2].1 = "https://other.example.org";
    let token = server
        .token_request("/oauth2/token", Some(("kio-client", SECRET)), &asked)
        .await
        .text("access_token");
    assert!(jose_header(&token).get("typ").is_none());
    assert_eq!(claims(&token)["aud"], "https://other.example.org");
}

async fn every_password_of_a_user_is_good(server: Server) {
    server.kio().await;
    let hash = bcrypt::hash("the other one", 4).unwrap();
    for (index, variant) in ["$2a$", "$2b$", "$2y$"].into_iter().enumerate() {
        let hash = format!("{variant}{}", &hash[4..]);
        let password = format!(
            "(id, realm, uid, hash, created_at, created_by, committed_at) VALUES ('{index}', '/services', 'stups_kio', '{hash}', 0, 'test', 0)"
        );
        server.sql(&format!("INSERT INTO passwords {password}")).await;
        assert_eq!(
            server.password_grant("stups_kio", "the other one", "uid").await.status,
            200,
            "{variant}"
        );
        assert_eq!(server.password_grant("stups_kio", SECRET, "uid").await.status, 200);
        // The weak hash is replaced, after the answer.
        let stored = format!("SELECT hash FROM passwords WHERE id = '{index}'");
        until("the hash is replaced", async || {
            server.texts(&stored).await[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        })
        .await;
        assert_eq!(
            server.password_grant("stups_kio", "the other one", "uid").await.status,
            200,
            "{variant}"
        );
        server.sql(&format!("DELETE FROM passwords WHERE id = '{index}'")).await;
    }
}

async fn failures_make_the_next_attempt_wait(server: Server) {
    server.kio().await;
    // Whoever waits may try again, until the wait is longer than this test takes.
    for _ in 0..11 {
        let answer = server.password_grant("stups_kio", "stups_secret_wrong", "uid").await;
        assert_eq!(answer.error(), (400, "invalid_grant".to_owned()));
        server.clock.advance(std::time::Duration::from_secs(40));
    }
    assert_eq!(
        server
            .password_grant("stups_kio", "stups_secret_wrong", "uid")
            .await
            .status,
        400
    );
    let answer = server.password_grant("stups_kio", SECRET, "uid").await;
    assert_eq!(
        answer.error(),
        (429, "slow_down".to_owned()),
        "the right password has to wait, too"
    );
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    server.clock.advance(std::time::Duration::from_secs(65));
    assert_eq!(server.password_grant("stups_kio", SECRET, "uid").await.status, 200);
    assert_eq!(
        server
            .password_grant("stups_kio", "stups_secret_wrong", "uid")
            .await
            .status,
        400,
        "forgotten by the success"
    );
}

async fn guesses_at_many_users_make_their_address_wait(server: Server) {
    let server = server.again_with(|config| config.throttle.address_failures = 3).await;
    server.kio().await;
    server.sql("UPDATE clients SET owner = NULL").await;
    for name in ["a", "b", "c", "d"] {
        let answer = server.password_grant(name, "stups_secret_wrong", "uid").await;
        assert_eq!(answer.error(), (400, "invalid_grant".to_owned()), "{name}");
    }
    let answer = server.password_grant("stups_kio", SECRET, "uid").await;
    assert_eq!(answer.error(), (429, "slow_down".to_owned()), "whoever it is");
    assert_eq!(answer.header("retry-after"), "1");
    server.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(server.password_grant("stups_kio", SECRET, "uid").await.status, 200);
    let answer = server.password_grant("e", "stups_secret_wrong", "uid").await;
    assert_eq!(answer.status, 400);
    let answer = server.password_grant("f", "stups_secret_wrong", "uid").await;
    assert_eq!(
        answer.status, 429,
        "one right password does not clear the way for guessing"
    );
    server.clock.advance(std::time::Duration::from_secs(901));
    for name in ["g", "h", "i", "j"] {
        let answer = server.password_grant(name, "stups_secret_wrong", "uid").await;
        assert_eq!(answer.status, 400, "{name}: forgotten after a time without failures");
    }
}

async fn of_failures_at_once_each_counts(server: Server) {
    let server = server.again_with(|config| config.throttle.user_failures = 100).await;
    server.kio().await;
    let guesses = (0..20).map(|_| server.password_grant("stups_kio", "stups_secret_wrong", "uid"));
    for answer in futures::future::join_all(guesses).await {
        assert_eq!(answer.status, 400, "{}", answer.body);
    }
    let counted = server
        .texts("SELECT CAST(failures AS TEXT) FROM throttles ORDER BY subject")
        .await;
    assert_eq!(counted, ["20", "20"], "of the address and of the user");
    let blocked = server
        .texts("SELECT CAST(blocked_until AS TEXT) FROM throttles ORDER BY subject")
        .await;
    assert_eq!(blocked, ["0", "0"], "whatever anybody's clock says");
}

async fn a_token_leaves_its_record_and_never_itself(server: Server) {
    server.kio().await;
    let token = server.kio_token().await;
    server.password_grant("stups_kio", "stups_secret_wrong", "uid").await;
    let records = stups_store::audit::page(
        server.state.store.connection(),
        0,
        100,
        &stups_store::audit::Filter::default(),
    )
    .await
    .unwrap();
    let text = serde_json::to_string(&records).unwrap();
    let issued = records
        .iter()
        .find(|record| record.event.action == "token.issued")
        .unwrap();
    assert_eq!(issued.event.subject, "/services/stups_kio");
    assert_eq!(issued.event.actor.client_id.as_deref(), Some("kio-client"));
    assert!(issued.event.actor.address.is_some() && issued.event.actor.request_id.is_some());
    assert_eq!(issued.event.details["scopes"], json!(["uid"]));
    assert_eq!(issued.event.details["jti"], claims(&token)["jti"]);
    assert!(records.iter().any(|record| record.event.action == "login.failed"));
    assert!(!text.contains(&token) && !text.contains(SECRET) && !text.contains("stups_secret_wrong"));
}

async fn the_paths_of_old_take_json(server: Server) {
    server.kio().await;
    let body =
        json!({ "grant_type": "password", "username": "stups_kio", "password": SECRET, "scope": "uid" }).to_string();
    for (path, status) in [
        ("/oauth2/access_token?realm=/services", 200),
        ("/oauth2/token?realm=/services", 400),
    ] {
        let request = http()
            .post(server.at(path))
            .header("content-type", "application/json")
            .basic_auth("kio-client", Some(SECRET))
            .body(body.clone());
        assert_eq!(Answer::of(request.send().await.unwrap()).await.status, status, "{path}");
    }
    let large = format!("x={}", "y".repeat(100_000));
    let request = http()
        .post(server.at("/oauth2/token"))
        .header("content-type", FORM)
        .body(large);
    assert_eq!(
        Answer::of(request.send().await.unwrap()).await.error(),
        (413, "invalid_request".to_owned())
    );
}

/// None is refused, none gets lost, and each has its record.
async fn fifty_logins_at_once(server: Server) {
    server.kio().await;
    let before = stups_store::audit::page(
        server.state.store.connection(),
        0,
        1000,
        &stups_store::audit::Filter::default(),
    )
    .await
    .unwrap()
    .len();
    let started = std::time::Instant::now();
    let answers = futures::future::join_all((0..50).map(|_| server.password_grant("stups_kio", SECRET, "uid"))).await;
    println!("50 password grants at once: {:?}", started.elapsed());
    assert!(answers.iter().all(|answer| answer.status == 200));
    let after = stups_store::audit::page(
        server.state.store.connection(),
        0,
        1000,
        &stups_store::audit::Filter::default(),
    )
    .await
    .unwrap();
    assert_eq!(after.len() - before, 50);
    let jtis: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|answer| claims(&answer.text("access_token"))["jti"].to_string())
        .collect();
    assert_eq!(jtis.len(), 50);
}

async fn wrong_methods_are_405(server: Server) {
    let answer = server.get("/oauth2/access_token", None).await;
    assert_eq!(answer.error(), (405, "not_allowed".to_owned()));
    assert!(answer.header("allow").contains("POST"));
    assert_eq!(
        server.get("/nothing/here", None).await.error(),
        (404, "not_found".to_owned())
    );
}
