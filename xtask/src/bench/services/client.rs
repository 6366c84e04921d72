//! What is needed before there is something to measure: a service user, its tokens, applications.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::process::Stupsd;

const PASSWORD: &str = "bench-password";

/// A team, and a service user with a client that may use the password grant. Both hashes are bcrypt's of `bench-password`.
const DIRECTORY: &str = "
teams:
- id: bench
users:
- realm: /services
  id: bench
  scopes: [uid, application.write]
  password_hashes: [$2b$04$R520Drjn98gA1ODNNKkOn.m7tniE3/WViOkmUukQa/riuO/MiER0q]
clients:
- realm: /services
  id: bench
  confidential: true
  secret_hash: $2b$04$R520Drjn98gA1ODNNKkOn.m7tniE3/WViOkmUukQa/riuO/MiER0q
  scopes: [uid, application.write]
  grants: [password]
";

/// Requests that are under way at a time while applications are registered.
const AT_ONCE: usize = 32;

#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    identity: String,
    kio: String,
    administrator: (String, String),
}

impl Client {
    pub(super) fn new(stupsd: &Stupsd) -> Result<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        Ok(Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            identity: stupsd.identity.clone(),
            kio: stupsd.kio.clone(),
            administrator: stupsd.administrator.clone(),
        })
    }

    /// Makes the team and the service user.
    pub(super) async fn set_up(&self) -> Result<()> {
        let (user, password) = &self.administrator;
        let form = [
            ("response_type", "token"),
            ("client_id", "ztoken"),
            ("realm", "/employees"),
            ("redirect_uri", "http://localhost"),
            ("scope", "uid identity.admin"),
            ("username", user),
            ("password", password),
            ("decision", "allow"),
        ];
        let request = self
            .http
            .post(format!("{}/oauth2/authorize", self.identity))
            .header("accept", "application/json");
        let answer = json_of(request.form(&form)).await?;
        let redirect = answer["redirect"].as_str().context("no redirect")?;
        let token = redirect
            .split(['#', '&'])
            .find_map(|part| part.strip_prefix("access_token="))
            .context("no token")?;
        let import = self.http.post(format!("{}/import", self.identity)).bearer_auth(token);
        json_of(import.header("content-type", "application/yaml").body(DIRECTORY))
            .await
            .map(drop)
    }

    /// A token of the service user, by the password grant.
    pub(super) async fn log_in(&self) -> Result<String> {
        let form = [
            ("grant_type", "password"),
            ("username", "bench"),
            ("password", PASSWORD),
            ("scope", "uid application.write"),
        ];
        let request = self
            .http
            .post(format!("{}/oauth2/access_token?realm=/services", self.identity));
        let answer = json_of(request.basic_auth("bench", Some(PASSWORD)).form(&form)).await?;
        answer["access_token"].as_str().map(str::to_owned).context("no token")
    }

    /// Registers so many applications, with words to search for.
    pub(super) async fn register(&self, token: &str, count: usize) -> Result<()> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut running: tokio::task::JoinSet<Result<()>> = tokio::task::JoinSet::new();
        for number in 0..count {
            let place = Arc::clone(&places).acquire_owned().await?;
            let request = self
                .http
                .put(format!("{}/apps/app-{number}", self.kio))
                .bearer_auth(token)
                .json(&application(number));
            running.spawn(async move {
                let answer = request.send().await?;
                drop(place);
                let status = answer.status();
                ensure!(
                    status.is_success(),
                    "PUT /apps/app-{number}: {status}: {}",
                    answer.text().await?
                );
                Ok(())
            });
            while let Some(done) = running.try_join_next() {
                done??;
            }
        }
        running.join_all().await.into_iter().collect()
    }

    /// The bytes that a URL answers.
    pub(super) async fn get(&self, url: &str, token: &str) -> Result<Vec<u8>> {
        let answer = self.http.get(url).bearer_auth(token).send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        ensure!(
            status.is_success(),
            "GET {url}: {status}: {}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(bytes.into())
    }
}

fn application(number: usize) -> Value {
    const COLOURS: [&str; 5] = ["green", "red", "blue", "white", "black"];
    const BIRDS: [&str; 7] = ["stork", "crane", "ibis", "kite", "swan", "finch", "wren"];
    // One in four hundred.
    let bird = if number.is_multiple_of(400) {
        "heron"
    } else {
        BIRDS[number % BIRDS.len()]
    };
    let colour = COLOURS[number % COLOURS.len()];
    json!({
        "team_id": "bench",
        "active": !number.is_multiple_of(10),
        "name": format!("The {colour} {bird} service {number}"),
        "subtitle": "Serves birds",
        "description": format!("A service that knows where each {colour} {bird} lives, and tells it to those who ask."),
        "service_url": format!("https://app-{number}.example.org"),
        "scm_url": format!("https://github.example.org/birds/app-{number}"),
        "criticality_level": number % 3 + 1,
    })
}

async fn json_of(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{url}: {text}"))
}
