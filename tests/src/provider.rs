//! A stand-in for an OAuth provider, which answers as the original ones do, or as others do that describe themselves; and
//! remembers what it was asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

/// How the provider behaves: each switch is one way in which providers differ.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Behaviour {
    /// describes itself, and has code, device and client_credentials
    pub modern: bool,
    /// whether logins and refreshes give a refresh token
    pub refresh_tokens: bool,
    /// a refresh token that was used already ends its whole family
    pub strict_reuse: bool,
    /// the person refuses
    pub deny: bool,
    /// the token endpoint takes requests and answers none
    pub hold: bool,
    /// the status of every answer of the token endpoint, if not 200
    pub token_status: Option<u16>,
    /// the issuer that authorization responses name, if not the own one
    pub issuer: Option<String>,
    /// lifetime of tokens in seconds
    pub expires_in: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            modern: false,
            refresh_tokens: true,
            strict_reuse: false,
            deny: false,
            hold: false,
            token_status: None,
            issuer: None,
            expires_in: 3600,
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `POST`
    pub method: String,
    /// path with query
    pub target: String,
    /// user and password of Basic credentials, joined by a colon; the value of the header if it is another kind
    pub authorization: Option<String>,
    /// the form
    pub form: BTreeMap<String, String>,
}

/// The running provider. It ends with the test's runtime.
#[derive(Debug)]
pub struct Provider {
    url: Url,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    url: Url,
    behaviour: Mutex<Behaviour>,
    asked: Mutex<Vec<Asked>>,
    counter: AtomicU64,
    state: Mutex<Family>,
}

#[derive(Debug, Default)]
struct Family {
    /// the refresh token that is good now
    current: Option<String>,
    dead: bool,
    /// codes with their PKCE challenge and scopes
    codes: HashMap<String, (String, Option<String>)>,
    /// how often a device has asked already
    device_polls: u64,
}

impl Provider {
    /// Starts one on a free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let url: Url = format!("http://{address}/").parse().expect("an address is a URL");
        let shared = Arc::new(Shared {
            url: url.clone(),
            behaviour: Mutex::new(behaviour),
            asked: Mutex::default(),
            counter: AtomicU64::new(0),
            state: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// An address of the provider: `provider.url("token?realm=/services")`.
    pub fn url(&self, path: &str) -> String {
        self.url.join(path).expect("a path").to_string()
    }

    /// Changes how it behaves from now on.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.behaviour));
    }

    /// What it was asked since the last time that this was called.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.shared.asked))
    }

    /// Whether the login is still good: no refresh token was used twice.
    pub fn is_alive(&self) -> bool {
        !lock(&self.shared.state).dead
    }

    /// The refresh token that is good now.
    pub fn refresh_token(&self) -> Option<String> {
        lock(&self.shared.state).current.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pairs = |text: &[u8]| {
        url::form_urlencoded::parse(text)
            .into_owned()
            .collect::<BTreeMap<_, _>>()
    };
    let query = pairs(uri.query().unwrap_or_default().as_bytes());
    let form = pairs(&body);
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(
            |value| match value.strip_prefix("Basic ").map(|text| STANDARD.decode(text)) {
                Some(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
                _ => value.to_owned(),
            },
        );
    lock(&shared.asked).push(Asked {
        method: method.to_string(),
        target: uri.to_string(),
        authorization: authorization.clone(),
        form: form.clone(),
    });
    let behaviour = lock(&shared.behaviour).clone();
    match (method, uri.path()) {
        (Method::GET, "/authorize") => shared.authorize(&behaviour, &query),
        (Method::POST, "/token") if behaviour.hold => std::future::pending().await,
        (Method::POST, "/token") => shared.token(&behaviour, &form, authorization.as_deref()),
        (Method::GET, "/access_token") => shared.token_service(authorization.as_deref()),
        (Method::GET, "/echo") => json_answer(200, &json!({"authorization": authorization})),
        (Method::GET, "/.well-known/oauth-authorization-server") if behaviour.modern => {
            json_answer(200, &shared.metadata())
        }
        (Method::POST, "/device") if behaviour.modern => shared.device(),
        (Method::POST, "/revoke") if behaviour.modern => StatusCode::OK.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Shared {
    fn metadata(&self) -> Value {
        let at = |path: &str| self.url.join(path).map(String::from).unwrap_or_default();
        json!({
            "issuer": self.url,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "device_authorization_endpoint": at("device"),
            "revocation_endpoint": at("revoke"),
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", "password"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Logs somebody in who has been there before: no form, back at once.
    fn authorize(&self, behaviour: &Behaviour, query: &BTreeMap<String, String>) -> Response {
        let Some(redirect) = query.get("redirect_uri") else {
            return (StatusCode::BAD_REQUEST, "Missing redirect_uri").into_response();
        };
        let state = query.get("state").cloned().unwrap_or_default();
        let mut answer = url::form_urlencoded::Serializer::new(String::new());
        if behaviour.modern {
            let own = self.url.to_string();
            answer.append_pair("iss", behaviour.issuer.as_deref().unwrap_or(&own));
        }
        answer.append_pair("state", &state);
        if behaviour.deny {
            let answer = answer.append_pair("error", "access_denied").finish();
            return see(&format!("{redirect}?{answer}"));
        }
        match query.get("response_type").map(String::as_str) {
            Some("code") if behaviour.modern => {
                let code = self.next("code");
                let challenge = query.get("code_challenge").cloned().unwrap_or_default();
                let granted = (challenge, query.get("scope").cloned());
                lock(&self.state).codes.insert(code.clone(), granted);
                let answer = answer.append_pair("code", &code).finish();
                see(&format!("{redirect}?{answer}"))
            }
            Some("token") => {
                answer
                    .append_pair("access_token", &self.access_token())
                    .append_pair("token_type", "Bearer")
                    .append_pair("expires_in", &behaviour.expires_in.to_string())
                    .append_pair("scope", "uid");
                if behaviour.refresh_tokens {
                    answer.append_pair("refresh_token", &self.new_family());
                }
                see(&format!("{redirect}#{}", answer.finish()))
            }
            _ => json_answer(400, &json!({"error": "unsupported_response_type"})),
        }
    }

    fn token(&self, behaviour: &Behaviour, form: &BTreeMap<String, String>, client: Option<&str>) -> Response {
        if let Some(status) = behaviour.token_status {
            let body = json!({"error": "invalid_request", "error_description": "Not today"});
            return json_answer(status, &body);
        }
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let invalid_grant = || {
            let text = "The provided access grant is invalid, expired, or revoked.";
            json_answer(400, &json!({"error": "invalid_grant", "error_description": text}))
        };
        let mut refresh_token = None;
        let mut scope = form.get("scope").cloned();
        match field("grant_type") {
            "password" if client == Some("id:sec") => {
                if (field("username"), field("password")) != ("stups_x", "pw") {
                    return invalid_grant();
                }
            }
            "client_credentials" if behaviour.modern && client == Some("id:sec") => (),
            "password" | "client_credentials" => return json_answer(401, &json!({"error": "invalid_client"})),
            "refresh_token" => match self.rotate(behaviour, field("refresh_token")) {
                Some(next) => refresh_token = Some(next).filter(|_| behaviour.refresh_tokens),
                None => return invalid_grant(),
            },
            "authorization_code" if behaviour.modern => {
                let granted = lock(&self.state).codes.remove(field("code"));
                let computed = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
                match granted {
                    Some((challenge, granted)) if challenge == computed => scope = granted,
                    _ => return invalid_grant(),
                }
                refresh_token = Some(self.new_family()).filter(|_| behaviour.refresh_tokens);
            }
            "urn:ietf:params:oauth:grant-type:device_code" if behaviour.modern => {
                let polls = {
                    let mut state = lock(&self.state);
                    state.device_polls += 1;
                    state.device_polls
                };
                if behaviour.deny {
                    return json_answer(400, &json!({"error": "access_denied"}));
                }
                if polls < 3 {
                    return json_answer(400, &json!({"error": "authorization_pending"}));
                }
                refresh_token = Some(self.new_family()).filter(|_| behaviour.refresh_tokens);
            }
            _ => return json_answer(400, &json!({"error": "unsupported_grant_type"})),
        }
        let mut answer = json!({
            "access_token": self.access_token(),
            "token_type": "Bearer",
            "expires_in": behaviour.expires_in,
            "realm": "/services",
            "scope": scope.unwrap_or_else(|| "uid".to_owned()),
        });
        if let Some(token) = refresh_token {
            answer["refresh_token"] = token.into();
        }
        json_answer(200, &answer)
    }

    fn token_service(&self, authorization: Option<&str>) -> Response {
        if authorization != Some("jdoe:pw") {
            return (StatusCode::UNAUTHORIZED, "Bad credentials").into_response();
        }
        let body = json!({"access_token": self.access_token(), "token_type": "Bearer", "expires_in": 3600, "realm": "/employees"});
        json_answer(200, &body)
    }

    fn device(&self) -> Response {
        lock(&self.state).device_polls = 0;
        json_answer(
            200,
            &json!({
                "device_code": "secret-device-code",
                "user_code": "BCDF-GHJK",
                "verification_uri": self.url.join("activate").map(String::from).unwrap_or_default(),
                "expires_in": 600,
                "interval": 0,
            }),
        )
    }

    fn new_family(&self) -> String {
        let token = self.next("refresh");
        let mut state = lock(&self.state);
        state.current = Some(token.clone());
        state.dead = false;
        token
    }

    /// The next refresh token for this one; none for one that was used, which is the end of the login if that is watched.
    fn rotate(&self, behaviour: &Behaviour, token: &str) -> Option<String> {
        let next = self.next("refresh");
        let mut state = lock(&self.state);
        if state.dead || state.current.is_none() {
            return None;
        }
        if state.current.as_deref() != Some(token) {
            if !behaviour.strict_reuse && token.starts_with("refresh-") {
                return state.current.clone();
            }
            state.dead |= behaviour.strict_reuse;
            return None;
        }
        if behaviour.refresh_tokens {
            state.current = Some(next.clone());
        }
        Some(next)
    }

    fn next(&self, kind: &str) -> String {
        format!("{kind}-{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// A token that looks like a JSON Web Token.
    fn access_token(&self) -> String {
        let claims = json!({"sub": "jdoe", "realm": "/employees", "jti": self.next("token")});
        format!("eyJhbGciOiJub25lIn0.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }
}

fn see(location: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

fn json_answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
