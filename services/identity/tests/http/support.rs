//! An identity service on a free port, over real HTTP, on a database of its own; and what tests put into it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use sea_orm::{ConnectionTrait, Statement};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stups_identity::{Administrator, Config, State, build_at};
use stups_server::{Clock, Environment, serve};
use stups_testkit::PostgreSql;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Makes of each function a test on SQLite and one on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                Box::pin(super::$name($crate::support::Server::on_sqlite().await)).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                Box::pin(super::$name($crate::support::Server::on_postgresql().await)).await;
            })*
        }
    };
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) state: State,
    pub(crate) clock: Clock,
    pub(crate) administrator: Option<Administrator>,
    pub(crate) database: String,
    pub(crate) jobs: stups_server::Jobs,
    directory: tempfile::TempDir,
    _shutdown: oneshot::Sender<()>,
}

/// The password of every machine and the secret of every client that tests make.
pub(crate) const SECRET: &str = "stups_secret_of-a-test-and-as-long-as-the-generated-oneA";

impl Server {
    pub(crate) async fn on_sqlite() -> Self {
        Self::with(Config::default(), None).await
    }

    pub(crate) async fn on_postgresql() -> Self {
        let url = PostgreSql::shared().await.database().await;
        Self::with(Config::default(), Some(url)).await
    }

    /// The same database kind as this server's, another database, other settings.
    pub(crate) async fn again_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let url = if self.database.starts_with("postgres") {
            Some(PostgreSql::shared().await.database().await)
        } else {
            None
        };
        Self::with(config, url).await
    }

    /// Another instance on the same database, with the same master key and clock.
    pub(crate) async fn another_instance(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = "identity-master.key";
        std::fs::copy(self.directory.path().join(key), directory.path().join(key)).unwrap();
        let config = Config {
            database: Some(self.database.clone().into()),
            ..Config::default()
        };
        Self::start(config, directory, self.clock.clone(), self.database.clone()).await
    }

    async fn with(mut config: Config, url: Option<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}?mode=rwc", directory.path().join("identity.db").display());
        let database = url.unwrap_or(file);
        config.database = Some(database.clone().into());
        Self::start(config, directory, Clock::default(), database).await
    }

    async fn start(config: Config, directory: tempfile::TempDir, clock: Clock, database: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let environment = Environment::new(directory.path(), url.parse().unwrap());
        let identity = build_at(&config, &environment, clock.clone()).await.unwrap();
        let (shutdown, stopped) = oneshot::channel();
        let router = identity.built.router;
        tokio::spawn(serve(listener, router, None, async move { drop(stopped.await) }));
        Self {
            url,
            state: identity.state,
            clock,
            administrator: identity.administrator,
            database,
            jobs: identity.built.jobs,
            directory,
            _shutdown: shutdown,
        }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) async fn sql(&self, statement: &str) {
        let write = self.state.store.write().await.unwrap();
        write.transaction().execute_unprepared(statement).await.unwrap();
        write.commit_unaudited().await.unwrap();
    }

    /// The first column of all rows, as texts.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        let connection = self.state.store.connection();
        let rows = connection
            .query_all_raw(Statement::from_string(connection.get_database_backend(), query))
            .await;
        rows.unwrap()
            .iter()
            .map(|row| row.try_get_by_index::<String>(0).unwrap())
            .collect()
    }

    /// The events of the audit trail, oldest first.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let events = self.texts("SELECT event FROM audit_records ORDER BY sequence").await;
        events
            .iter()
            .map(|event| serde_json::from_str(event).unwrap())
            .collect()
    }

    fn hash(&self, secret: &str) -> String {
        let tag = hmac::sign(self.state.hasher.machine_secret_key(), secret.as_bytes());
        format!("$hmac-sha256${}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// A user with the password [`SECRET`] and these scopes.
    pub(crate) async fn user(&self, realm: &str, uid: &str, scopes: &[&str]) {
        let scopes: serde_json::Map<String, Value> =
            scopes.iter().map(|scope| ((*scope).to_owned(), json!(""))).collect();
        let scopes = Value::Object(scopes);
        self.sql(&format!(
            "INSERT INTO users (realm, uid, name, email, disabled, scopes, created_at, created_by, modified_at, modified_by, version) \
             VALUES ('{realm}', '{uid}', 'Name of {uid}', '{uid}@example.org', FALSE, '{scopes}', 0, 'test', 0, 'test', 1)"
        ))
        .await;
        let hash = self.hash(SECRET);
        let id = uuid::Uuid::new_v4();
        self.sql(&format!(
            "INSERT INTO passwords (id, realm, uid, hash, created_at, created_by, committed_at) \
             VALUES ('{id}', '{realm}', '{uid}', '{hash}', 0, 'test', 0)"
        ))
        .await;
    }

    pub(crate) async fn client(&self, client: TestClient<'_>) {
        let hash = if client.confidential {
            format!("'{}'", self.hash(SECRET))
        } else {
            "NULL".to_owned()
        };
        let owner = client.owner.map_or("NULL".to_owned(), |owner| format!("'{owner}'"));
        let jwks = client.jwks.map_or("NULL".to_owned(), |jwks| format!("'{jwks}'"));
        self.sql(&format!(
            "INSERT INTO clients (realm, id, name, description, confidential, secret_hash, scopes, default_scopes, redirect_uris, \
             owner, grants, token_profile, extra_claims, jwks, created_at, created_by, modified_at, modified_by, version) \
             VALUES ('{}', '{}', 'Client {}', 'For tests', {}, {hash}, '{}', '{}', '{}', {owner}, '{}', '{}', '{}', {jwks}, \
             0, 'test', 0, 'test', 1)",
            client.realm,
            client.id,
            client.id,
            if client.confidential { "TRUE" } else { "FALSE" },
            json!(client.scopes),
            json!(client.default_scopes),
            json!(client.redirect_uris),
            client.grants,
            client.token_profile,
            client.extra_claims,
        ))
        .await;
    }

    /// A service user `stups_kio` with a confidential client `kio-client`, which may everything that machines may.
    pub(crate) async fn kio(&self) {
        self.user("/services", "stups_kio", &["uid", "application.write"]).await;
        self.client(TestClient {
            owner: Some("stups_kio"),
            grants: json!({ "password": true, "client_credentials": true }),
            ..TestClient::machine("kio-client")
        })
        .await;
    }

    /// A token of `stups_kio` by its password.
    pub(crate) async fn kio_token(&self) -> String {
        let answer = self.password_grant("stups_kio", SECRET, "uid").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("access_token")
    }

    pub(crate) async fn password_grant(&self, username: &str, password: &str, scope: &str) -> Answer {
        self.token_request(
            "/oauth2/access_token?realm=/services",
            Some(("kio-client", SECRET)),
            &[
                ("grant_type", "password"),
                ("username", username),
                ("password", password),
                ("scope", scope),
            ],
        )
        .await
    }

    pub(crate) async fn token_request(&self, path: &str, basic: Option<(&str, &str)>, form: &[(&str, &str)]) -> Answer {
        let mut request = http()
            .post(self.at(path))
            .body(encode(form))
            .header("content-type", FORM);
        if let Some((id, secret)) = basic {
            request = request.header(
                "authorization",
                format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
            );
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn token_info(&self, token: &str) -> Answer {
        let request = http()
            .get(self.at("/oauth2/tokeninfo"))
            .header("authorization", format!("Bearer {token}"));
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = http().get(self.at(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct TestClient<'a> {
    pub(crate) realm: &'a str,
    pub(crate) id: &'a str,
    pub(crate) confidential: bool,
    pub(crate) scopes: &'a [&'a str],
    pub(crate) default_scopes: &'a [&'a str],
    pub(crate) redirect_uris: &'a [&'a str],
    pub(crate) owner: Option<&'a str>,
    pub(crate) grants: Value,
    pub(crate) token_profile: &'a str,
    pub(crate) extra_claims: Value,
    pub(crate) jwks: Option<Value>,
}

impl<'a> TestClient<'a> {
    pub(crate) fn machine(id: &'a str) -> Self {
        Self {
            realm: "/services",
            id,
            confidential: true,
            scopes: &["uid", "application.write", "azp"],
            default_scopes: &[],
            redirect_uris: &[],
            owner: None,
            grants: json!({}),
            token_profile: "legacy",
            extra_claims: json!({}),
            jwks: None,
        }
    }

    pub(crate) fn public(id: &'a str, redirect_uris: &'a [&'a str]) -> Self {
        Self {
            realm: "/employees",
            confidential: false,
            scopes: &["uid", "cn", "openid"],
            redirect_uris,
            ..Self::machine(id)
        }
    }
}

/// A client that follows no redirect.
pub(crate) fn http() -> reqwest::Client {
    static HTTP: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    HTTP.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .build()
        .unwrap()
}

pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is not JSON", self.body))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
            .to_owned()
    }

    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the address in `Location`, from its query or its fragment.
    pub(crate) fn location(&self, name: &str) -> Option<String> {
        let url = url::Url::parse("http://none")
            .unwrap()
            .join(self.header("location"))
            .unwrap();
        let part = |text: &str| {
            url::form_urlencoded::parse(text.as_bytes())
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.into_owned())
        };
        url.query().and_then(part).or_else(|| url.fragment().and_then(part))
    }
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The header of a JWT, unverified.
pub(crate) fn jose_header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A browser: it keeps cookies, and fills in the forms of the pages that it was shown.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    cookies: std::collections::BTreeMap<String, String>,
    page: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self {
            server,
            cookies: std::collections::BTreeMap::new(),
            page: String::new(),
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header("accept", "text/html")
            .header("cookie", cookies.join("; "));
        let answer = Answer::of(request.send().await.unwrap()).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.cookies
                .insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        self.page.clone_from(&answer.body);
        answer
    }

    pub(crate) async fn get(&mut self, address: &str) -> Answer {
        let address = if address.starts_with('/') {
            self.server.at(address)
        } else {
            address.to_owned()
        };
        let request = http().get(address);
        self.send(request).await
    }

    /// Sends the form of the shown page with its hidden fields and these.
    pub(crate) async fn submit(&mut self, fields: &[(&str, &str)]) -> Answer {
        let action = between(&self.page, "<form method=\"post\" action=\"", "\"")
            .expect("a form")
            .to_owned();
        let hidden: Vec<(String, String)> = self
            .page
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .map(|rest| {
                (
                    rest.split('"').next().unwrap().to_owned(),
                    unescape(between(rest, "value=\"", "\"").unwrap()),
                )
            })
            .collect();
        let mut form: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        form.extend(fields);
        self.post(&action, &form).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = http()
            .post(self.server.at(path))
            .header("content-type", FORM)
            .body(encode(form));
        self.send(request).await
    }

    /// Logs in at the shown page, agrees when asked, and answers the way back to the client.
    pub(crate) async fn log_in_and_agree(&mut self, uid: &str) -> Answer {
        let mut answer = self.submit(&[("username", uid), ("password", SECRET)]).await;
        if answer.status == 303 && answer.header("location").starts_with('/') {
            let next = answer.header("location").to_owned();
            answer = self.get(&next).await;
        }
        if answer.status == 200 {
            answer = self.submit(&[("decision", "allow")]).await;
        }
        answer
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
}

/// The path of an authorize request of a public client with PKCE.
pub(crate) fn authorize_path(client_id: &str, redirect_uri: &str, more: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("state", "a state&"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("realm", "/employees"),
    ];
    parameters.extend(more);
    format!("/oauth2/authorize?{}", encode(&parameters))
}

pub(crate) fn administrator_password(server: &Server) -> &SecretString {
    &server.administrator.as_ref().unwrap().password
}

pub(crate) fn expose(secret: &SecretString) -> &str {
    secret.expose_secret()
}
