//! The Token Service of old (contract identity 2.15).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::*;

on_both_databases!(
    it_is_off_unless_it_is_wanted,
    it_gives_what_programs_of_old_read,
    passwords_of_devices_may_what_they_are_for,
    guessing_is_slowed,
);

async fn with_token_service(server: &Server) -> Server {
    let server = server
        .again_with(|config| config.token_service_client = Some("token-service".to_owned()))
        .await;
    server
        .user("/employees", "jdoe", &["uid", "cn", "application.write"])
        .await;
    server
        .client(TestClient {
            scopes: &["uid", "cn"],
            ..TestClient::public("token-service", &[])
        })
        .await;
    server
}

/// A token of `jdoe` that may manage `jdoe`'s own passwords.
async fn own_token(server: &Server) -> String {
    server
        .client(TestClient::public("app", &["https://app.example.org/"]))
        .await;
    let mut browser = Browser::new(server);
    browser
        .get(&authorize_path("app", "https://app.example.org/", &[("scope", "uid")]))
        .await;
    let code = browser.log_in_and_agree("jdoe").await.location("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", "https://app.example.org/"),
        ("code_verifier", VERIFIER),
    ];
    server
        .token_request("/oauth2/token", None, &form)
        .await
        .text("access_token")
}

async fn add(server: &Server, token: &str, uid: &str, body: &Value) -> Answer {
    let request = http()
        .post(server.at(&format!("/raw-sync/users/employees/{uid}/app-passwords")))
        .bearer_auth(token)
        .json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn ask(server: &Server, query: &str, user: &str, password: &str) -> Answer {
    let request = http().get(server.at(&format!("/access_token{query}"))).header(
        "authorization",
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
    );
    Answer::of(request.send().await.unwrap()).await
}

async fn it_is_off_unless_it_is_wanted(server: Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    assert_eq!(ask(&server, "?json=true", "jdoe", SECRET).await.status, 404);
}

async fn it_gives_what_programs_of_old_read(server: Server) {
    let server = with_token_service(&server).await;
    let token = own_token(&server).await;
    let made = add(
        &server,
        &token,
        "jdoe",
        &json!({"name": "laptop", "scopes": ["uid", "cn"]}),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let password = made.text("password");

    let bare = ask(&server, "?realm=/employees&scope=uid%20cn", "jdoe", &password).await;
    assert_eq!(bare.status, 200, "{}", bare.body);
    assert!(bare.header("content-type").starts_with("text/plain"));
    let info = server.token_info(&bare.body).await.json();
    assert_eq!(
        (&info["uid"], &info["realm"], &info["scope"]),
        (&json!("jdoe"), &json!("/employees"), &json!(["cn", "uid"]))
    );
    let answer = ask(&server, "?json=true&scope=uid", "jdoe", &password).await;
    assert_eq!(
        (answer.text("token_type"), answer.text("scope")),
        ("Bearer".to_owned(), "uid".to_owned())
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.json()["expires_in"].is_i64());
    assert_eq!(claims(&answer.text("access_token"))["client_id"], "token-service");

    // The person's own password opens nothing here, and neither does anything else that is wrong.
    for (user, password) in [("jdoe", SECRET), ("jdoe", "wrong"), ("ghost", &password), ("", "")] {
        let answer = ask(&server, "?json=true", user, password).await;
        assert_eq!(answer.status, 401, "{user} {password}");
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    assert_eq!(server.get("/access_token", None).await.status, 401);
    // And it is no password anywhere else.
    let mut browser = Browser::new(&server);
    browser.get("/oauth2/login?realm=employees").await;
    let answer = browser.submit(&[("username", "jdoe"), ("password", &password)]).await;
    assert!(answer.header("location").contains("error="), "{answer:?}");

    let records = server.audit().await;
    let issued = records
        .iter()
        .filter(|record| record["details"]["grant_type"] == "app_password");
    assert_eq!(issued.count(), 2);
}

async fn passwords_of_devices_may_what_they_are_for(server: Server) {
    let server = with_token_service(&server).await;
    let token = own_token(&server).await;
    let made = add(&server, &token, "jdoe", &json!({"name": "script", "scopes": ["uid"]})).await;
    let (id, password) = (made.text("id"), made.text("password"));
    let without = ask(&server, "?json=true", "jdoe", &password).await;
    assert_eq!(without.text("scope"), "uid");
    for scope in ["cn", "uid%20cn", "application.write", "nonsense"] {
        let answer = ask(&server, &format!("?json=true&scope={scope}"), "jdoe", &password).await;
        assert_eq!(answer.error(), (400, "invalid_scope".to_owned()), "{scope}");
    }
    // More than the client may is nobody's.
    let wide = add(
        &server,
        &token,
        "jdoe",
        &json!({"name": "wide", "scopes": ["application.write"]}),
    )
    .await;
    let answer = ask(&server, "?json=true", "jdoe", &wide.text("password")).await;
    assert_eq!(answer.error(), (400, "invalid_scope".to_owned()));
    for realm in ["/services", "nowhere"] {
        assert_eq!(
            ask(&server, &format!("?realm={realm}"), "jdoe", &password).await.status,
            400
        );
    }

    let list = server
        .get("/raw-sync/users/employees/jdoe/app-passwords", Some(&token))
        .await
        .json();
    assert_eq!(
        (&list[0]["name"], list.as_array().unwrap().len()),
        (&json!("script"), 2)
    );
    assert!(list[0]["last_used_at"].is_string() && !list.to_string().contains("hash"));
    for (body, status) in [
        (json!({"name": "", "scopes": ["uid"]}), 400),
        (json!({"name": "x", "scopes": []}), 400),
        (json!({"name": "x", "scopes": ["a b"]}), 400),
        (json!({"name": "x", "scopes": ["uid"], "expires_at": "soon"}), 400),
    ] {
        assert_eq!(add(&server, &token, "jdoe", &body).await.status, status, "{body}");
    }
    let other = add(&server, &token, "admin", &json!({"name": "x", "scopes": ["uid"]})).await;
    assert_eq!(other.status, 403, "only for oneself");

    // It expires, it is taken away, its user is disabled.
    let late = json!({"name": "x", "scopes": ["uid"], "expires_at": "2000-01-01T00:00:00Z"});
    let late = add(&server, &token, "jdoe", &late).await.text("password");
    assert_eq!(ask(&server, "", "jdoe", &late).await.status, 401);
    server.sql("UPDATE users SET disabled = TRUE WHERE uid = 'jdoe'").await;
    assert_eq!(ask(&server, "", "jdoe", &password).await.status, 401);
    server.sql("UPDATE users SET disabled = FALSE WHERE uid = 'jdoe'").await;
    assert_eq!(ask(&server, "", "jdoe", &password).await.status, 200);
    let request = http()
        .delete(server.at(&format!("/raw-sync/users/employees/jdoe/app-passwords/{id}")))
        .bearer_auth(&token);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(ask(&server, "", "jdoe", &password).await.status, 401);
}

async fn guessing_is_slowed(server: Server) {
    let server = with_token_service(&server).await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(ask(&server, "", "jdoe", "wrong").await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}
