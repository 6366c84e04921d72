//! Kio alone: a `stupsd kio` process that can be killed and started again, and what it asks about its callers.

use std::path::Path;

use reqwest::{Response, StatusCode};
use serde_json::Value;
use stups_testkit::PostgreSql;
use tempfile::TempDir;

use crate::service::{audit, json};
use crate::{ServiceProcess, client, vouch};

/// Kio on a database that outlives its processes.
#[derive(Debug)]
pub struct KioData {
    directory: TempDir,
    url: String,
    vouching: String,
    audit_url: Option<String>,
}

/// A running `stupsd kio`. Dropping it kills the process.
#[derive(Debug)]
pub struct KioProcess {
    process: ServiceProcess,
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

    /// Has the processes that are started from now on ship their audit trail to `url`, with the token [`crate::AUDIT_TOKEN`].
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
            settings.extend(["audit_url = \"", url, "\"\n"]);
        }
        KioProcess {
            process: ServiceProcess::start("kio", self.directory.path(), &settings, false).await,
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
        self.process.url()
    }

    /// Registers or changes an application. None when no answer came.
    pub async fn put(&self, id: &str, name: &str) -> Option<StatusCode> {
        put(&self.client, self.url(), id, name).await
    }

    /// A GET with a token.
    pub async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client
            .get(format!("{}{path}", self.url()))
            .bearer_auth("token")
            .send()
            .await
    }

    /// What a GET answers.
    ///
    /// Panics when it is no JSON.
    pub async fn json(&self, path: &str) -> Value {
        json(self.url(), path, "token").await
    }

    /// Every record of its audit trail.
    pub async fn audit(&self) -> Vec<Value> {
        audit(self.url(), "token").await
    }

    /// Ends it as a power failure does (SIGKILL).
    pub async fn kill(self) {
        self.process.kill().await;
    }
}

/// Registers or changes an application of the Kio at `url`. None when no answer came.
pub async fn put(client: &reqwest::Client, url: &str, id: &str, name: &str) -> Option<StatusCode> {
    let body = serde_json::json!({"team_id": "stups", "active": true, "name": name});
    let request = client.put(format!("{url}/apps/{id}")).bearer_auth("token").json(&body);
    request.send().await.ok().map(|answer| answer.status())
}
