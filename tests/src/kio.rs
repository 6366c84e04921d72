//! Kio alone: a `stupsd kio` process that can be killed and started again, and what it asks about its callers.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::{Json, Router, routing::any};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use stups_testkit::PostgreSql;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{client, executable, home};

const PATIENCE: Duration = Duration::from_mins(1);

/// Kio on a database that outlives its processes.
#[derive(Debug)]
pub struct KioData {
    directory: TempDir,
    url: String,
    vouching: String,
    audit_url: Option<String>,
}

/// The token that an audit service gets from the processes.
pub const AUDIT_TOKEN: &str = "swordfish";

/// A running `stupsd kio`. Dropping it kills the process.
#[derive(Debug)]
pub struct KioProcess {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl KioData {
    /// On a SQLite file.
    pub async fn sqlite() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("kio.db").display());
        Self {
            directory,
            url,
            vouching: vouch().await,
            audit_url: None,
        }
    }

    /// On a new database of the cluster.
    pub async fn postgresql(cluster: &PostgreSql) -> Self {
        let url = cluster.database().await;
        Self {
            directory: TempDir::new().expect("a temporary directory"),
            url,
            vouching: vouch().await,
            audit_url: None,
        }
    }

    /// Has the processes that are started from now on ship their audit trail to `url`, with the token [`AUDIT_TOKEN`].
    pub fn ship_to(&mut self, url: String) {
        self.audit_url = Some(url);
    }

    /// Starts a process and waits until it says where it listens. Any token is `/employees/jdoe`'s, who administers Kio.
    ///
    /// Panics, with what was printed, when it does not start.
    pub async fn start(&self) -> KioProcess {
        let vouching = &self.vouching;
        let mut settings = format!(
            "[kio]\ndatabase = \"{}\"\ntokeninfo_url = \"{vouching}/tokeninfo\"\npolicy_url = \"{vouching}\"\n\
             admin_users = \"/employees/jdoe\"\n",
            self.url
        );
        if let Some(url) = &self.audit_url {
            settings.push_str(&format!("audit_url = \"{url}\"\n"));
        }
        let file = self.directory.path().join("stups.toml");
        std::fs::write(&file, settings).expect("the temporary directory can be written");
        let errors = self.directory.path().join("stderr");
        let mut process = Command::new(executable("stupsd"))
            .args(["kio", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(self.directory.path())
            .env_clear()
            .envs(home(self.directory.path()))
            .env("OAUTH2_ACCESS_TOKENS", format!("http-audit-logger={AUDIT_TOKEN}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&errors).expect("it can be written"))
            .kill_on_drop(true)
            .spawn()
            .expect("stupsd can be run");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let started = async {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut words = line.split_whitespace();
                if words.next() == Some("kio") {
                    return words.find(|word| word.starts_with("http")).map(str::to_owned);
                }
            }
            None
        };
        let Some(url) = tokio::time::timeout(PATIENCE, started).await.ok().flatten() else {
            panic!(
                "stupsd kio does not start:\n{}",
                std::fs::read_to_string(errors).unwrap_or_default()
            );
        };
        // What it prints later is of no interest, but the pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        KioProcess {
            process,
            url,
            client: client(),
        }
    }

    /// The directory of the processes' files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl KioProcess {
    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Registers or changes an application. None when no answer came.
    pub async fn put(&self, id: &str, name: &str) -> Option<StatusCode> {
        put(&self.client, &self.url, id, name).await
    }

    /// A GET with a token.
    pub async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client
            .get(format!("{}{path}", self.url))
            .bearer_auth("token")
            .send()
            .await
    }

    /// What a GET answers.
    ///
    /// Panics when it is no JSON.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await.expect("it answers");
        let status = answer.status();
        answer
            .json()
            .await
            .unwrap_or_else(|error| panic!("{path}: {status}: {error}"))
    }

    /// Every record of its audit trail.
    pub async fn audit(&self) -> Vec<Value> {
        let mut records: Vec<Value> = Vec::new();
        loop {
            let page = self.json(&format!("/audit?limit=1000&after={}", records.len())).await;
            match page {
                Value::Array(page) if page.is_empty() => return records,
                Value::Array(page) => records.extend(page),
                other => panic!("no page: {other}"),
            }
        }
    }

    /// Ends it as a power failure does (SIGKILL).
    pub async fn kill(mut self) {
        self.process.kill().await.expect("it can be killed");
    }
}

/// Registers or changes an application of the Kio at `url`. None when no answer came.
pub async fn put(client: &reqwest::Client, url: &str, id: &str, name: &str) -> Option<StatusCode> {
    let body = json!({"team_id": "stups", "active": true, "name": name});
    let request = client.put(format!("{url}/apps/{id}")).bearer_auth("token").json(&body);
    request.send().await.ok().map(|answer| answer.status())
}

/// Vouches for every token, and knows every team.
async fn vouch() -> String {
    let token = json!({
        "access_token": "token", "uid": "jdoe", "realm": "/employees", "scope": ["uid", "audit.read"],
        "token_type": "Bearer", "expires_in": 3600, "cn": "jdoe", "client_id": "test"
    });
    let team = json!({"id": "stups", "name": "stups", "members": ["jdoe"]});
    let app = Router::new()
        .route("/tokeninfo", any(async move || Json(token.clone())))
        .route("/teams/{id}", any(async move || Json(team.clone())))
        .fallback(async || Json(json!([])));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
