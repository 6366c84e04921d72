//! Logins at another OpenID provider: a second instance of this service, and one that lies (OpenID Connect Core, RFC 9207).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode as sign};
use serde_json::{Value, json};
use stups_auth::crypto;

use crate::support::*;

on_both_databases!(
    people_log_in_at_the_other_provider,
    groups_are_followed_at_each_login,
    disabled_users_stay_out,
    a_local_administrator_still_gets_in,
    nobody_becomes_somebody_else,
    a_provider_that_is_away,
    a_login_ends_once_in_its_own_browser,
    lies_are_found_out,
);

const CALLBACK: &str = "https://app.example.org/callback";
const BACK: &str = "http://127.0.0.1/oauth2/login/callback";

/// An instance whose employees log in at `issuer`.
async fn downstream(like: &Server, issuer: &str) -> Server {
    let settings = json!({
        "issuer": issuer,
        "client_id": "stups",
        "client_secret": SECRET,
        "name": "Example",
        "user_scopes": ["uid", "cn"],
        "teams": {"platform": ["stups"], "operations": ["ops", "stups"]},
    });
    let down = like
        .again_with(|config| config.upstream = Some(serde_json::from_value(settings).unwrap()))
        .await;
    down.client(TestClient::public("app", &[CALLBACK])).await;
    down
}

/// This service as the other provider, with `jdoe`; and the instance that sends people there.
async fn pair(server: Server) -> (Server, Server) {
    server.user("/employees", "jdoe", &["uid"]).await;
    server
        .client(TestClient {
            realm: "/employees",
            scopes: &["openid", "profile", "email"],
            redirect_uris: &[BACK],
            ..TestClient::machine("stups")
        })
        .await;
    let down = downstream(&server, &server.url).await;
    (server, down)
}

async fn join(server: &Server, team: &str, uid: &str) {
    server
        .sql(&format!(
            "INSERT INTO teams (id, name, kind, mail, created_at, created_by, modified_at, modified_by, version) \
             VALUES ('{team}', '{team}', 'official', '[]', 0, 'test', 0, 'test', 1)"
        ))
        .await;
    server
        .sql(&format!(
            "INSERT INTO team_members (team_id, realm, uid) VALUES ('{team}', '/employees', '{uid}')"
        ))
        .await;
}

/// Goes from our authorize endpoint to the other provider, logs in there, and comes back; answers our callback's answer.
async fn come_back(there: &mut Browser<'_>, here: &mut Browser<'_>, uid: &str) -> Answer {
    let gone = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    assert_eq!(gone.status, 303, "{}", gone.body);
    let page = there.get(gone.header("location")).await;
    let mut answer = page;
    if answer.status == 200 {
        answer = there.log_in_and_agree(uid).await;
    }
    assert_eq!(answer.status, 303, "{}", answer.body);
    here.get(answer.header("location")).await
}

async fn code(here: &mut Browser<'_>, returned: &Answer) -> String {
    assert_eq!(returned.status, 303, "{}", returned.body);
    let mut answer = here.get(returned.header("location")).await;
    if answer.status == 200 {
        answer = here.submit(&[("decision", "allow")]).await;
    }
    answer.location("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
}

async fn exchange(server: &Server, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    server.token_request("/oauth2/token", None, &form).await
}

async fn people_log_in_at_the_other_provider(server: Server) {
    let (up, down) = pair(server).await;
    let (mut there, mut here) = (Browser::new(&up), Browser::new(&down));
    let gone = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    assert_eq!(gone.status, 303);
    assert!(gone.header("location").starts_with(&up.at("/oauth2/authorize?")));
    assert_eq!(gone.location("response_type").as_deref(), Some("code"));
    assert_eq!(gone.location("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(gone.location("scope").as_deref(), Some("openid profile email"));
    assert!(gone.location("nonce").is_some() && gone.location("state").is_some());

    let returned = come_back(&mut there, &mut here, "jdoe").await;
    assert!(returned.header("location").starts_with("/oauth2/authorize?"));
    let code = code(&mut here, &returned).await;
    let token = exchange(&down, &code).await.text("access_token");
    let info = down.token_info(&token).await.json();
    assert_eq!((&info["uid"], &info["realm"]), (&json!("jdoe"), &json!("/employees")));

    // The user is here now, without a password, and the auditors know how it came.
    let user = down.texts("SELECT name FROM users WHERE uid = 'jdoe'").await;
    assert_eq!(user, ["Name of jdoe"]);
    assert!(
        down.texts("SELECT id FROM passwords WHERE uid = 'jdoe'")
            .await
            .is_empty()
    );
    let records = down.audit().await;
    let actions: Vec<&str> = records
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect();
    let added = actions.iter().position(|action| *action == "user.added").unwrap();
    assert_eq!(actions[added + 1], "login.succeeded");
    assert_eq!(records[added]["details"]["issuer"], up.url.as_str());
    assert_eq!(records[added + 1]["details"]["method"], "ext");

    // The second login finds the user as it is.
    let again = [("scope", "uid openid"), ("prompt", "login"), ("nonce", "n")];
    let gone = here.get(&authorize_path("app", CALLBACK, &again)).await;
    assert_eq!(gone.location("prompt").as_deref(), Some("login"));
    there.get(gone.header("location")).await;
    let answer = there.log_in_and_agree("jdoe").await;
    let returned = here.get(answer.header("location")).await;
    let code = self::code(&mut here, &returned).await;
    let answer = exchange(&down, &code).await;
    // Nobody here knows how they proved who they are.
    assert!(claims(&answer.text("id_token")).get("amr").is_none());
    let records = down.audit().await;
    let changes = records
        .iter()
        .filter(|record| record["action"].as_str().unwrap().starts_with("user."));
    assert_eq!(changes.count(), 1);
    // Devices are connected by people who log in there.
    let address = down.at("/oauth2/login?realm=/employees&return_to=/oauth2/device");
    let answer = Browser::new(&down).get(&address).await;
    assert!(answer.header("location").starts_with(&up.url), "{answer:?}");
}

async fn groups_are_followed_at_each_login(server: Server) {
    let (up, down) = pair(server).await;
    join(&up, "operations", "jdoe").await;
    join(&up, "elsewhere", "jdoe").await;
    // A team that is here already keeps its other members.
    join(&down, "stups", "other").await;
    come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    let members = "SELECT team_id FROM team_members WHERE uid = 'jdoe' ORDER BY team_id";
    assert_eq!(down.texts(members).await, ["ops", "stups"]);
    assert_eq!(down.texts("SELECT id FROM teams ORDER BY id").await, ["ops", "stups"]);

    // What was decided here stays; what the provider decides follows it.
    join(&down, "own", "jdoe").await;
    up.sql("DELETE FROM team_members WHERE team_id = 'operations'").await;
    join(&up, "platform", "jdoe").await;
    up.sql("UPDATE users SET name = 'J. Doe' WHERE uid = 'jdoe'").await;
    come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    assert_eq!(down.texts(members).await, ["own", "stups"]);
    assert_eq!(
        down.texts("SELECT uid FROM team_members WHERE team_id = 'stups' ORDER BY uid")
            .await,
        ["jdoe", "other"]
    );
    assert_eq!(
        down.texts("SELECT name FROM users WHERE uid = 'jdoe'").await,
        ["J. Doe"]
    );
    let teams = down.audit().await;
    let teams = teams
        .iter()
        .filter(|record| record["action"].as_str().unwrap().starts_with("team."));
    let teams: Vec<_> = teams
        .map(|record| (record["action"].clone(), record["subject"].clone()))
        .collect();
    assert_eq!(
        teams,
        [
            (json!("team.added"), json!("ops")),
            (json!("team.changed"), json!("stups")),
            (json!("team.changed"), json!("ops")),
        ]
    );
}

async fn disabled_users_stay_out(server: Server) {
    let (up, down) = pair(server).await;
    come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    down.sql("UPDATE users SET disabled = TRUE WHERE uid = 'jdoe'").await;
    up.sql("UPDATE users SET name = 'Other' WHERE uid = 'jdoe'").await;
    let answer = come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    refused(&answer, 403, "may not log in any more");
    assert_eq!(
        down.texts("SELECT name FROM users WHERE uid = 'jdoe'").await,
        ["Name of jdoe"]
    );
    let records = down.audit().await;
    let last = records.last().unwrap();
    assert_eq!(
        (&last["action"], &last["outcome"]),
        (&json!("login.failed"), &json!("denied"))
    );
}

/// A page that says why, without a login.
fn refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(text), "{text}: {}", answer.body);
    assert!(answer.header("content-type").starts_with("text/html"));
    let cookies = answer.headers.get_all("set-cookie");
    assert!(
        !cookies
            .iter()
            .any(|cookie| cookie.to_str().unwrap().contains("stups_session"))
    );
}

async fn a_local_administrator_still_gets_in(server: Server) {
    let (_up, down) = pair(server).await;
    let password = expose(administrator_password(&down)).to_owned();
    let mut here = Browser::new(&down);
    let form = here.get("/oauth2/login?realm=/employees&login_with=password").await;
    assert_eq!(form.status, 200, "{}", form.body);
    let answer = here.submit(&[("username", "admin"), ("password", "wrong")]).await;
    let form = here.get(answer.header("location")).await;
    assert!(form.body.contains("User name or password is wrong."), "{}", form.body);
    let answer = here.submit(&[("username", "admin"), ("password", &password)]).await;
    let page = here.get(answer.header("location")).await;
    assert!(page.body.contains("You are admin"), "{}", page.body);
    let consent = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    assert_eq!(consent.status, 200);
    let answer = here.submit(&[("decision", "allow")]).await;
    assert!(answer.location("code").is_some());
}

async fn nobody_becomes_somebody_else(server: Server) {
    let (up, down) = pair(server).await;
    // The administrator here has a password here.
    up.sql("DELETE FROM users WHERE uid = 'admin'").await;
    up.user("/employees", "admin", &["uid"]).await;
    let answer = come_back(&mut Browser::new(&up), &mut Browser::new(&down), "admin").await;
    refused(&answer, 403, "admin is the name of somebody else here");
    assert!(down.texts("SELECT subject FROM upstream_users").await.is_empty());

    // Somebody who was entered without a password is the one who logs in there under that name: once.
    down.sql(
        "INSERT INTO users (realm, uid, disabled, scopes, created_at, created_by, modified_at, modified_by, version) \
         VALUES ('/employees', 'jdoe', FALSE, '{\"application.write\":\"\"}', 0, 'test', 0, 'test', 1)",
    )
    .await;
    let answer = come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let scopes = down.texts("SELECT scopes FROM users WHERE uid = 'jdoe'").await;
    for scope in ["application.write", "uid", "cn"] {
        assert!(scopes[0].contains(&format!("\"{scope}\"")), "{scopes:?}");
    }
    // Another person of that name there is another one here.
    down.sql("UPDATE upstream_users SET subject = 'who left'").await;
    let answer = come_back(&mut Browser::new(&up), &mut Browser::new(&down), "jdoe").await;
    refused(&answer, 403, "jdoe is the name of somebody else here");
}

async fn a_provider_that_is_away(server: Server) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let down = downstream(&server, &nowhere).await;
    let mut here = Browser::new(&down);
    let page = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    refused(&page, 503, "cannot be reached");
    assert!(!page.header("retry-after").is_empty());
    // Who has a password gets in, and on to where they wanted to go.
    let link = page
        .body
        .split("<a href=\"")
        .find_map(|rest| rest.split('"').next().filter(|link| link.contains("login_with")));
    let link = link.unwrap().replace("&#38;", "&").replace("&amp;", "&");
    here.get(&link).await;
    let password = expose(administrator_password(&down)).to_owned();
    let answer = here.submit(&[("username", "admin"), ("password", &password)]).await;
    assert!(
        answer.header("location").starts_with("/oauth2/authorize?"),
        "{answer:?}"
    );
    assert_eq!(here.get(answer.header("location")).await.status, 200);
}

async fn a_login_ends_once_in_its_own_browser(server: Server) {
    let (up, down) = pair(server).await;
    let (mut there, mut here) = (Browser::new(&up), Browser::new(&down));
    let gone = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    there.get(gone.header("location")).await;
    let back = there.log_in_and_agree("jdoe").await.header("location").to_owned();
    // Somebody else's browser cannot bring it, and takes nothing away by trying.
    refused(&Browser::new(&down).get(&back).await, 400, "No login of this browser");
    let forged = back.replace("state=", "state=x");
    refused(&here.get(&forged).await, 400, "No login of this browser");
    assert_eq!(here.get(&back).await.status, 303);
    refused(&here.get(&back).await, 400, "No login of this browser");
    refused(
        &here.get("/oauth2/login/callback?code=x").await,
        400,
        "Missing parameter: state",
    );

    // Too late.
    let gone = Browser::new(&down)
        .get(&authorize_path("app", CALLBACK, &[("scope", "uid")]))
        .await;
    down.clock.advance(Duration::from_mins(16));
    let state = gone.location("state").unwrap();
    let late = format!("/oauth2/login/callback?{}", encode(&[("code", "x"), ("state", &state)]));
    refused(&here.get(&late).await, 400, "No login of this browser");
    let answer = server_without_upstream(&up).await;
    refused(&answer, 404, "at this service itself");
}

async fn server_without_upstream(server: &Server) -> Answer {
    Browser::new(server).get("/oauth2/login/callback?code=x&state=y").await
}

/// A provider that answers whatever it is told to.
struct Liar {
    url: String,
    key: EncodingKey,
    answers: Answers,
}

type Answers = Arc<Mutex<(u16, Value, Value)>>;

impl Liar {
    async fn start() -> Self {
        crypto::install();
        let key = crypto::signing_key(Algorithm::ES256, &crypto::generate(Algorithm::ES256).unwrap()).unwrap();
        let jwk = crypto::public_jwk(Algorithm::ES256, &key, "k1").unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/userinfo"),
            "jwks_uri": format!("{url}/keys"),
            "authorization_response_iss_parameter_supported": true,
        });
        let answers = Answers::default();
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || Json(metadata.clone())),
            )
            .route("/keys", get(async move || Json(json!({ "keys": [jwk.clone()] }))))
            .route(
                "/token",
                post(async |State(answers): State<Answers>| {
                    let (status, token, _) = answers.lock().unwrap().clone();
                    (StatusCode::from_u16(status).unwrap(), Json(token))
                }),
            )
            .route(
                "/userinfo",
                get(async |State(answers): State<Answers>| Json(answers.lock().unwrap().2.clone())),
            )
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key, answers }
    }

    /// The claims of a good ID token of a login with this nonce.
    fn claims(&self, server: &Server, nonce: &str) -> Value {
        let now = server.clock.seconds();
        json!({
            "iss": self.url, "aud": "stups", "sub": "4711", "nonce": nonce, "iat": now, "exp": now + 60,
            "preferred_username": "jdoe", "groups": ["platform"],
        })
    }

    fn answer(&self, status: u16, id_token: &str, user: &Value) {
        let token = json!({"access_token": "access", "token_type": "Bearer", "id_token": id_token});
        *self.answers.lock().unwrap() = (status, token, user.clone());
    }
}

fn signed(claims: &Value, key: &EncodingKey) -> String {
    let header = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    sign(&header, claims, key).unwrap()
}

/// Begins a login; answers its state and nonce.
async fn begin(here: &mut Browser<'_>) -> (String, String) {
    let gone = here.get(&authorize_path("app", CALLBACK, &[("scope", "uid")])).await;
    (gone.location("state").unwrap(), gone.location("nonce").unwrap())
}

fn back(parameters: &[(&str, &str)]) -> String {
    format!("/oauth2/login/callback?{}", encode(parameters))
}

async fn lies_are_found_out(server: Server) {
    let liar = Liar::start().await;
    let down = downstream(&server, &liar.url).await;
    let user = json!({"sub": "4711"});
    let mut here = Browser::new(&down);

    for (change, text) in [
        (json!({"nonce": "another"}), "belongs to another login"),
        (json!({"iss": "https://login.example.org"}), "of another issuer"),
        (json!({"aud": "another"}), "for another client"),
        (json!({"aud": ["stups", "another"]}), "for another client"),
        (json!({"exp": down.clock.seconds() - 1}), "has expired"),
        (json!({"sub": "4712"}), "somebody else&#39;s"),
        (json!({"preferred_username": "a/b"}), "cannot be a user name"),
        (json!({"preferred_username": null}), "does not say preferred_username"),
    ] {
        let (state, nonce) = begin(&mut here).await;
        let mut claims = liar.claims(&down, &nonce);
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        liar.answer(200, &signed(&claims, &liar.key), &user);
        let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
        refused(&here.get(&path).await, 403, text);
    }

    // Signed by somebody else, or by nobody.
    let (state, nonce) = begin(&mut here).await;
    let claims = liar.claims(&down, &nonce);
    let other = crypto::signing_key(Algorithm::ES256, &crypto::generate(Algorithm::ES256).unwrap()).unwrap();
    liar.answer(200, &signed(&claims, &other), &user);
    let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
    refused(&here.get(&path).await, 403, "signature is wrong");
    let (state, nonce) = begin(&mut here).await;
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        encode(json!({"alg": "none", "kid": "k1"})),
        encode(liar.claims(&down, &nonce))
    );
    liar.answer(200, &unsigned, &user);
    let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
    refused(&here.get(&path).await, 403, "no JWT with a signature");

    // The answer of another provider, or of one that does not say who it is although it always does (RFC 9207).
    for issuer in [Some("https://login.example.org"), None] {
        let (state, nonce) = begin(&mut here).await;
        liar.answer(200, &signed(&liar.claims(&down, &nonce), &liar.key), &user);
        let mut parameters = vec![("code", "c"), ("state", state.as_str())];
        parameters.extend(issuer.map(|issuer| ("iss", issuer)));
        refused(&here.get(&back(&parameters)).await, 403, "another provider");
    }

    // It refuses, it fails, it says nothing.
    let (state, _) = begin(&mut here).await;
    let path = back(&[("error", "access_denied"), ("state", &state), ("iss", &liar.url)]);
    refused(&here.get(&path).await, 403, "Example did not log you in: access_denied");
    for (status, id_token) in [(500, ""), (200, "")] {
        let (state, _) = begin(&mut here).await;
        liar.answer(status, id_token, &user);
        if id_token.is_empty() && status == 200 {
            liar.answers
                .lock()
                .unwrap()
                .1
                .as_object_mut()
                .unwrap()
                .remove("id_token");
        }
        let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
        let answer = here.get(&path).await;
        refused(&answer, 503, "Not logged in");
    }
    *liar.answers.lock().unwrap() = (400, json!({"error": "invalid_grant"}), Value::Null);
    let (state, _) = begin(&mut here).await;
    let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
    refused(&here.get(&path).await, 403, "Not logged in");
    assert!(down.texts("SELECT uid FROM users WHERE uid = 'jdoe'").await.is_empty());

    // The same without a lie.
    let (state, nonce) = begin(&mut here).await;
    liar.answer(200, &signed(&liar.claims(&down, &nonce), &liar.key), &user);
    let path = back(&[("code", "c"), ("state", &state), ("iss", &liar.url)]);
    assert_eq!(here.get(&path).await.status, 303);
    assert_eq!(
        down.texts("SELECT team_id FROM team_members WHERE uid = 'jdoe'").await,
        ["stups"]
    );
}
