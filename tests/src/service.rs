//! One service alone: a `stupsd` process that can be killed and started again, on data that outlives it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{Login, client, executable, home};

/// The token that an audit service gets from the processes.
pub const AUDIT_TOKEN: &str = "swordfish";

const PATIENCE: Duration = Duration::from_mins(1);

/// A running `stupsd` with one service. Dropping it kills the process.
#[derive(Debug)]
pub struct ServiceProcess {
    process: Child,
    url: String,
    administrator: Option<Login>,
    /// What no other process has, also not one on the same data: its settings and what it complains of.
    _files: TempDir,
}

impl ServiceProcess {
    /// Starts the service with `settings` as its `stups.toml`, on a free port, with its files in `directory`; waits until it
    /// says where it listens. `with_login`: until it says who administers it, too, as it does when its database is empty.
    ///
    /// Panics, with what was printed, when it does not start.
    pub async fn start(service: &str, directory: &Path, settings: &str, with_login: bool) -> Self {
        let tokens = format!("http-audit-logger={AUDIT_TOKEN}");
        let environment = [("OAUTH2_ACCESS_TOKENS", tokens.as_str())];
        Self::start_in(service, directory, settings, with_login, &environment).await
    }

    /// The same with these environment variables.
    pub async fn start_in(
        service: &str,
        directory: &Path,
        settings: &str,
        with_login: bool,
        environment: &[(&str, &str)],
    ) -> Self {
        let files = TempDir::new_in(directory).expect("the temporary directory can be written");
        let file = files.path().join("stups.toml");
        std::fs::write(&file, settings).expect("the temporary directory can be written");
        let errors = files.path().join("stderr");
        let mut process = Command::new(executable("stupsd"))
            .args([service, "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(directory)
            .env_clear()
            .envs(home(directory))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&errors).expect("it can be written"))
            .kill_on_drop(true)
            .spawn()
            .expect("stupsd can be run");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let (mut url, mut administrator) = (None, None);
        let started = async {
            while url.is_none() || (with_login && administrator.is_none()) {
                let Ok(Some(line)) = lines.next_line().await else { break };
                let mut words = line.split_whitespace();
                if words.next() == Some(service) {
                    url = words.find(|word| word.starts_with("http")).map(str::to_owned);
                }
                administrator = administrator.take().or_else(|| Login::in_line(&line));
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, started).await;
        let Some(url) = url.filter(|_| in_time.is_ok()) else {
            panic!(
                "stupsd {service} does not start:\n{}",
                std::fs::read_to_string(errors).unwrap_or_default()
            );
        };
        // What it prints later is of no interest, but the pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            process,
            url,
            administrator,
            _files: files,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Who administers it, when it was started for the first time.
    pub fn administrator(&self) -> Option<&Login> {
        self.administrator.as_ref()
    }

    /// The process's id.
    pub fn process_id(&self) -> u32 {
        self.process.id().expect("it has not been waited for")
    }

    /// Whether somebody has ended it.
    pub fn has_ended(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.process_id())).unwrap_or_default();
        // Behind the name in parentheses; a process that nobody has waited for yet is a zombie.
        let state = state.rsplit_once(')').map_or("Z", |(_, rest)| rest).trim_start();
        state.starts_with('Z') || state.starts_with('X')
    }

    /// Ends it as a power failure does (SIGKILL).
    pub async fn kill(mut self) {
        self.process.kill().await.expect("it can be killed");
    }
}

/// A token of identity's administrator with these scopes: see [`stups_testkit::log_in`].
///
/// Panics when there is none.
pub async fn log_in(url: &str, password: &str, scopes: &str) -> String {
    let http = client();
    let token = stups_testkit::log_in(&http, url, ("admin", password), scopes).await;
    token.unwrap_or_else(|error| panic!("{error}"))
}

/// What a GET with a token answers.
///
/// Panics when it is no JSON.
pub async fn json(url: &str, path: &str, token: &str) -> Value {
    let answer = client().get(format!("{url}{path}")).bearer_auth(token).send().await;
    let answer = answer.expect("it answers");
    let status = answer.status();
    answer
        .json()
        .await
        .unwrap_or_else(|error| panic!("{path}: {status}: {error}"))
}

/// Every record of a service's audit trail, oldest first.
pub async fn audit(url: &str, token: &str) -> Vec<Value> {
    let mut records: Vec<Value> = Vec::new();
    loop {
        let page = json(url, &format!("/audit?limit=1000&after={}", records.len()), token).await;
        match page {
            Value::Array(page) if page.is_empty() => return records,
            Value::Array(page) => records.extend(page),
            other => panic!("no page: {other}"),
        }
    }
}

/// What `stups audit verify` says of a running service; `directory` is for the token's file.
///
/// Panics when it does not find the trail in order.
pub async fn verify_audit(url: &str, service: &str, token: &str, directory: &Path) -> String {
    let file = directory.join("token");
    std::fs::write(&file, token).expect("the temporary directory can be written");
    let mut command = Command::new(executable("stups"));
    command
        .args(["audit", "verify", url, "--service", service, "--token-file"])
        .arg(file);
    let output = command.output().await.expect("stups can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
