//! What is needed before there is something to measure: a service user, its tokens, applications.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stups_testkit::log_in;
use tokio::sync::Semaphore;

use crate::bench::stupsd::Stupsd;

const PASSWORD: &str = "bench-password";

/// bcrypt of `bench-password`, as an import of the original's data has it.
const HASH: &str = "$2b$04$R520Drjn98gA1ODNNKkOn.m7tniE3/WViOkmUukQa/riuO/MiER0q";

/// A team, a client that may use the password grant, and so many service users with a chosen password.
fn directory(users: usize) -> String {
    let user = |number: usize| {
        format!(
            "- {{realm: /services, id: bench-{number}, scopes: [uid, application.write], password_hashes: [{HASH}]}}\n"
        )
    };
    let users = (0..users).map(user).collect::<Vec<_>>().concat();
    format!(
        "teams:\n- {{id: bench}}\nusers:\n{users}clients:\n- {{realm: /services, id: bench, confidential: true, secret_hash: \
         {HASH}, scopes: [uid, application.write], grants: [password]}}\n"
    )
}

/// How somebody logs in.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    client_id: String,
    client_secret: String,
    user: String,
    password: String,
}

impl Credentials {
    /// One of the imported service users.
    pub(super) fn chosen(number: usize) -> Self {
        Self {
            client_id: "bench".to_owned(),
            client_secret: PASSWORD.to_owned(),
            user: format!("bench-{number}"),
            password: PASSWORD.to_owned(),
        }
    }
}

/// Requests that are under way at a time.
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
            identity: stupsd.url("identity")?.to_owned(),
            kio: stupsd.url("kio")?.to_owned(),
            administrator: stupsd.administrator()?,
        })
    }

    /// Makes the team, so many service users with a chosen password, and one with the credentials that identity generates.
    pub(super) async fn set_up(&self, users: usize) -> Result<Credentials> {
        let (user, password) = &self.administrator;
        let token = log_in(&self.http, &self.identity, (user, password), "uid identity.admin").await?;
        let import = self.http.post(format!("{}/import", self.identity)).bearer_auth(&token);
        json_of(import.header("content-type", "application/yaml").body(directory(users))).await?;

        let service = format!("{}/services/stups_bench", self.identity);
        let scopes = ["application.write"];
        let wanted = json!({
            "id": "stups_bench", "owner": "bench", "user_config": {"scopes": scopes},
            "client_config": {"scopes": [{"realm": "services", "scopes": scopes}]},
        });
        json_of(self.http.put(&service).bearer_auth(&token).json(&wanted)).await?;
        let make = async |what: &str| {
            let request = self.http.post(format!("{service}/{what}")).bearer_auth(&token);
            json_of(request.json(&json!({"id": "stups_bench"}))).await
        };
        let (password, client) = (make("password").await?, make("client").await?);
        let text = |value: &Value| value.as_str().map(str::to_owned).context("no credentials");
        Ok(Credentials {
            client_id: text(&client["client_id"])?,
            client_secret: text(&client["client_secret"])?,
            user: "stups_bench".to_owned(),
            password: text(&password["password"])?,
        })
    }

    /// A token, by the password grant.
    pub(super) async fn log_in(&self, credentials: &Credentials) -> Result<String> {
        let form = [
            ("grant_type", "password"),
            ("username", &credentials.user),
            ("password", &credentials.password),
            ("scope", "uid application.write"),
        ];
        let request = self
            .http
            .post(format!("{}/oauth2/access_token?realm=/services", self.identity))
            .basic_auth(&credentials.client_id, Some(&credentials.client_secret));
        let answer = json_of(request.form(&form)).await?;
        answer["access_token"].as_str().map(str::to_owned).context("no token")
    }

    /// Registers so many applications, with words to search for.
    pub(super) async fn register(&self, token: &str, count: usize) -> Result<()> {
        let request = |number: usize| {
            let request = self.http.put(format!("{}/apps/app-{number}", self.kio));
            request.bearer_auth(token).json(&application(number))
        };
        send_all((0..count).map(request)).await
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

/// Sends all requests, some at a time. An error is the first that did not succeed.
pub(crate) async fn send_all(requests: impl Iterator<Item = reqwest::RequestBuilder>) -> Result<()> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running: tokio::task::JoinSet<Result<()>> = tokio::task::JoinSet::new();
    for request in requests {
        let place = Arc::clone(&places).acquire_owned().await?;
        running.spawn(async move {
            let answer = request.send().await?;
            drop(place);
            let (status, url) = (answer.status(), answer.url().clone());
            ensure!(status.is_success(), "{url}: {status}: {}", answer.text().await?);
            Ok(())
        });
        while let Some(done) = running.try_join_next() {
            done??;
        }
    }
    running.join_all().await.into_iter().collect()
}

/// What a request answers.
pub(crate) async fn json_of(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{url}: {text}"))
}
