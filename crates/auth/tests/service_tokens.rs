//! Service tokens over HTTP, against a provider that does what each test wants.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stups_api::client::TokenSource as _;
use stups_auth::tokens::{Grant, ServiceToken, ServiceTokenError, ServiceTokenSettings, ServiceTokens};
use tempfile::TempDir;
use tokio::sync::Notify;

/// What the provider was asked: the form, and the `Authorization` header.
type Asked = (BTreeMap<String, String>, Option<String>);

#[derive(Default)]
struct Provider {
    /// answers of the token endpoint, in order; the last one stays
    answers: Mutex<VecDeque<(u16, Value)>>,
    asked: Mutex<Vec<Asked>>,
    /// told of each request
    arrived: Notify,
    /// the token endpoint answers once this is told, if it is set
    hold: Mutex<Option<Arc<Notify>>>,
    metadata: Mutex<Option<Vec<&'static str>>>,
    /// called before each answer
    before: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

struct Running {
    provider: Arc<Provider>,
    address: String,
    credentials: TempDir,
}

const USER: &str = r#"{"application_username": "stups_x", "application_password": "pw"}"#;
const CLIENT: &str = r#"{"client_id": "id", "client_secret": "sec"}"#;

async fn running(answers: &[(u16, Value)]) -> Running {
    let provider = Arc::new(Provider {
        answers: Mutex::new(answers.iter().cloned().collect()),
        ..Provider::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .fallback(answer)
        .with_state((Arc::clone(&provider), address.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = tempfile::tempdir().unwrap();
    write(credentials.path(), "user.json", USER);
    write(credentials.path(), "client.json", CLIENT);
    Running {
        provider,
        address,
        credentials,
    }
}

async fn answer(
    State((provider, address)): State<(Arc<Provider>, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path().starts_with("/.well-known/") {
        let metadata = provider.metadata.lock().unwrap().clone();
        return match metadata {
            Some(grants) => {
                let body = json!({"issuer": address, "grant_types_supported": grants});
                ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    assert_eq!(uri.to_string(), "/token?realm=/services");
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let authorization = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap().to_owned());
    provider.asked.lock().unwrap().push((form, authorization));
    provider.arrived.notify_one();
    let hold = provider.hold.lock().unwrap().clone();
    if let Some(hold) = hold {
        hold.notified().await;
    }
    if let Some(before) = &mut *provider.before.lock().unwrap() {
        before();
    }
    let (status, body) = {
        let mut answers = provider.answers.lock().unwrap();
        if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers[0].clone()
        }
    };
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn write(directory: &Path, name: &str, content: &str) {
    std::fs::write(directory.join(name), content).unwrap();
}

fn good(token: &str, expires_in: u64) -> (u16, Value) {
    (
        200,
        json!({"access_token": token, "expires_in": expires_in, "token_type": "Bearer"}),
    )
}

fn refusal(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"error": code, "error_description": "no"}))
}

impl Running {
    fn settings(&self) -> ServiceTokenSettings {
        ServiceTokenSettings {
            access_token_url: Some(format!("{}/token?realm=/services", self.address).parse().unwrap()),
            credentials_directory: self.credentials.path().to_owned(),
            ..ServiceTokenSettings::default()
        }
    }

    fn token(&self) -> ServiceToken {
        ServiceTokens::new(self.settings()).manage("kio", &["uid", "application.write"])
    }

    fn asked(&self) -> Vec<Asked> {
        self.provider.asked.lock().unwrap().clone()
    }
}

async fn get(token: &ServiceToken) -> String {
    token.get().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_originals_do_and_then_held() {
    let running = running(&[good("one", 3600)]).await;
    let token = running.token();
    assert_eq!(get(&token).await, "one");
    assert_eq!(get(&token).await, "one");
    assert_eq!(token.token().await.unwrap().expose_secret(), "one");
    let asked = running.asked();
    assert_eq!(asked.len(), 1);
    let (form, authorization) = &asked[0];
    let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        form,
        [
            ("grant_type", "password"),
            ("password", "pw"),
            ("scope", "uid application.write"),
            ("username", "stups_x")
        ]
    );
    // id:sec
    assert_eq!(authorization.as_deref(), Some("Basic aWQ6c2Vj"));
}

#[tokio::test]
async fn however_many_ask_one_request_is_made() {
    let running = running(&[good("one", 3600), good("two", 3600)]).await;
    let hold = Arc::new(Notify::new());
    *running.provider.hold.lock().unwrap() = Some(Arc::clone(&hold));
    let token = running.token();
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let token = token.clone();
            tokio::spawn(async move { get(&token).await })
        })
        .collect();
    running.provider.arrived.notified().await;
    hold.notify_waiters();
    hold.notify_one();
    for asking in asking {
        assert_eq!(asking.await.unwrap(), "one");
    }
    assert_eq!(running.asked().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_without_anybody_asking() {
    let running = running(&[good("one", 1), good("two", 3600)]).await;
    let token = running.token();
    assert_eq!(get(&token).await, "one");
    running.provider.arrived.notified().await;
    running.provider.arrived.notified().await;
    assert_eq!(running.asked().len(), 2);
    while get(&token).await != "two" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_good_token_is_used_while_the_provider_fails_and_it_is_left_alone() {
    let running = running(&[good("one", 0), (500, json!({})), good("two", 3600)]).await;
    let token = running.token();
    assert_eq!(get(&token).await, "one");
    // It has ended, but less than a minute ago; the second answer is an error.
    assert_eq!(get(&token).await, "one");
    assert_eq!(get(&token).await, "one");
    assert_eq!(running.asked().len(), 2);
    // Who insists gets a new one.
    assert_eq!(token.refresh().await.unwrap().expose_secret(), "two");
    assert_eq!(get(&token).await, "two");
}

#[tokio::test]
async fn without_any_token_the_cause_is_the_answer_and_the_provider_is_left_alone() {
    let running = running(&[refusal(400, "invalid_scope")]).await;
    let tokens = ServiceTokens::new(running.settings());
    let token = tokens.manage("kio", &["uid"]);
    for _ in 0..5 {
        let error = token.get().await.unwrap_err();
        assert!(
            matches!(&error, ServiceTokenError::Endpoint(cause) if cause.code() == Some("invalid_scope")),
            "{error}"
        );
        assert!(!error.is_absence());
    }
    assert_eq!(running.asked().len(), 1);
    let status = tokens.status();
    assert_eq!((status[0].name.as_str(), status[0].failures), ("kio", 1));
    assert!(status[0].problem.as_ref().unwrap().contains("400"));
}

#[tokio::test]
async fn credentials_that_were_rotated_between_reading_and_asking_are_read_again() {
    for answer in [refusal(401, "invalid_client"), refusal(400, "invalid_grant")] {
        let running = running(&[answer, good("one", 3600)]).await;
        let directory = running.credentials.path().to_owned();
        *running.provider.before.lock().unwrap() = Some(Box::new(move || {
            write(&directory, "user.json", &USER.replace("pw", "new"));
        }));
        assert_eq!(get(&running.token()).await, "one");
        let passwords: Vec<String> = running
            .asked()
            .iter()
            .map(|(form, _)| form["password"].clone())
            .collect();
        assert_eq!(passwords, ["pw", "new"]);
    }
}

#[tokio::test]
async fn credentials_that_have_not_changed_are_not_tried_twice() {
    let running = running(&[refusal(401, "invalid_client")]).await;
    assert!(running.token().get().await.is_err());
    assert_eq!(running.asked().len(), 1);
}

#[tokio::test]
async fn client_credentials_are_used_where_they_are_listed_or_nothing_else_is_there() {
    let with_metadata = running(&[good("one", 3600)]).await;
    *with_metadata.provider.metadata.lock().unwrap() = Some(vec!["client_credentials", "password"]);
    get(&with_metadata.token()).await;
    let (form, authorization) = &with_metadata.asked()[0];
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "uid application.write");
    assert!(authorization.is_some());

    let without_user = running(&[good("one", 3600)]).await;
    std::fs::remove_file(without_user.credentials.path().join("user.json")).unwrap();
    get(&without_user.token()).await;
    assert_eq!(without_user.asked()[0].0["grant_type"], "client_credentials");

    let chosen = running(&[good("one", 3600)]).await;
    let settings = ServiceTokenSettings {
        grant: Grant::ClientCredentials,
        ..chosen.settings()
    };
    get(&ServiceTokens::new(settings).manage("kio", &[])).await;
    let (form, _) = &chosen.asked()[0];
    assert_eq!(form.len(), 1, "{form:?}");
}

#[tokio::test]
async fn a_client_that_may_not_ask_for_itself_asks_with_the_password() {
    let running = running(&[refusal(400, "unauthorized_client"), good("one", 3600)]).await;
    *running.provider.metadata.lock().unwrap() = Some(vec!["client_credentials"]);
    assert_eq!(get(&running.token()).await, "one");
    let grants: Vec<String> = running
        .asked()
        .iter()
        .map(|(form, _)| form["grant_type"].clone())
        .collect();
    assert_eq!(grants, ["client_credentials", "password"]);
}

/// A new ES256 key, PKCS #8 in PEM.
fn private_key() -> String {
    use base64::Engine as _;
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(key.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

#[tokio::test]
async fn a_private_key_proves_the_client() {
    let running = running(&[good("one", 3600)]).await;
    std::fs::remove_file(running.credentials.path().join("user.json")).unwrap();
    let pem = private_key();
    let client = json!({"client_id": "id", "client_secret": null, "private_key": pem, "key_id": "k1"});
    write(running.credentials.path(), "client.json", &client.to_string());
    get(&running.token()).await;
    let (form, authorization) = &running.asked()[0];
    assert_eq!(authorization, &None);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let assertion = &form["client_assertion"];
    assert_eq!(
        jsonwebtoken::decode_header(assertion).unwrap().kid.as_deref(),
        Some("k1")
    );
    let claims = stups_auth::tokens::claims(assertion).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&"id".into(), &"id".into()));
    assert_eq!(claims["aud"], format!("{}/token", running.address));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
}

#[tokio::test]
async fn without_an_address_or_files_there_is_nothing_to_ask() {
    let nowhere = ServiceTokens::new(ServiceTokenSettings::default()).manage("x", &[]);
    let error = nowhere.get().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Configuration error: Missing OAuth access token URL. Either set OAUTH2_ACCESS_TOKEN_URL or use tokens.configure(url=..)."
    );
    assert!(error.is_absence());
    let running = running(&[good("one", 3600)]).await;
    write(running.credentials.path(), "client.json", "{");
    let error = running.token().get().await.unwrap_err();
    assert!(
        error.is_absence() && error.to_string().starts_with("Invalid OAuth credentials: "),
        "{error}"
    );
    assert_eq!(running.asked().len(), 0);
}

#[tokio::test]
async fn token_files_are_read_each_time() {
    let running = running(&[good("one", 3600)]).await;
    write(running.credentials.path(), "kio-token-secret", "first\n");
    let token = running.token();
    assert_eq!(get(&token).await, "first");
    write(running.credentials.path(), "kio-token-secret", "second\n");
    assert_eq!(get(&token).await, "second");
    let settings = ServiceTokenSettings {
        from_file_only: true,
        ..running.settings()
    };
    let error = ServiceTokens::new(settings)
        .manage("other", &[])
        .get()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Invalid OAuth credentials: Failed to read token \"other\" from {}.",
            running.credentials.path().display()
        )
    );
    assert_eq!(running.asked().len(), 0);
}

#[tokio::test]
async fn a_provider_that_is_away_is_an_error_and_no_absence() {
    let running = running(&[good("one", 3600)]).await;
    let settings = ServiceTokenSettings {
        // Nobody listens there.
        access_token_url: Some("http://127.0.0.1:1/token".parse().unwrap()),
        ..running.settings()
    };
    let error = ServiceTokens::new(settings).manage("x", &[]).get().await.unwrap_err();
    assert!(
        !error.is_absence() && error.to_string().contains("cannot be reached"),
        "{error}"
    );
}
