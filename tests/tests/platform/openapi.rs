//! Services answer as their OpenAPI documents say, whatever they are sent: no 5xx, no status that is not documented.

use std::path::Path;

use serde_json::Value;
use stups_testkit::{PostgreSql, PythonEnvironment, Requirements};
use stups_tests::{KioData, client, executable, home};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Lets schemathesis call every operation of the document, with what it allows and with what it does not.
async fn conforms(directory: &Path, url: &str, token: &str) {
    let python = tokio::task::spawn_blocking(|| PythonEnvironment::get(Requirements::Schemathesis));
    let python = python.await.unwrap().unwrap();
    let output = Command::new(python.executable("schemathesis"))
        .args(["run", &format!("{url}/openapi.json"), "--url", url])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        // The same calls in each run, so that a failure can be seen again.
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "25",
            "--generation-deterministic",
        ])
        .args([
            "--suppress-health-check",
            "all",
            "--continue-on-failure",
            "--no-color",
            "--warnings",
            "off",
        ])
        // To end one's own session or token is no defect.
        .args(["--exclude-path-regex", "/(logout|oauth2/revoke|revocations)$"])
        .env_clear()
        .envs(home(directory))
        .current_dir(directory)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kio_on_sqlite() {
    let data = KioData::sqlite().await;
    let kio = data.start().await;
    conforms(data.directory(), kio.url(), "token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kio_on_postgresql() {
    let data = KioData::postgresql(PostgreSql::shared().await).await;
    let kio = data.start().await;
    conforms(data.directory(), kio.url(), "token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("stups.toml");
    std::fs::write(&settings, "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n").unwrap();
    let mut process = Command::new(executable("stupsd"))
        .args(["identity", "--listen", "127.0.0.1:0", "--data"])
        .arg(directory.path().join("data"))
        .arg("--config")
        .arg(settings)
        .env_clear()
        .envs(home(directory.path()))
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(directory.path().join("stderr")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let (mut url, mut password) = (None, None);
    while password.is_none() {
        let line = lines.next_line().await.unwrap().expect("it starts");
        let mut words = line.split_whitespace();
        match words.next() {
            Some("identity") => url = words.next().map(str::to_owned),
            Some("Administrator:") => {
                password = line
                    .split_once("password ")
                    .and_then(|(_, rest)| rest.split(' ').next().map(str::to_owned));
            }
            _ => {}
        }
    }
    let (url, password) = (url.unwrap(), password.unwrap());
    let token = log_in(&url, &password).await;
    conforms(directory.path(), &url, &token).await;
}

/// A token of the administrator.
async fn log_in(url: &str, password: &str) -> String {
    let form = [
        ("response_type", "token"),
        ("client_id", "ztoken"),
        ("realm", "/employees"),
        ("redirect_uri", "http://localhost"),
        ("scope", "uid identity.admin"),
        ("username", "admin"),
        ("password", password),
        ("decision", "allow"),
    ];
    let request = client()
        .post(format!("{url}/oauth2/authorize"))
        .header("accept", "application/json");
    let answer: Value = request.form(&form).send().await.unwrap().json().await.unwrap();
    let redirect = answer["redirect"].as_str().unwrap_or_else(|| panic!("{answer}"));
    redirect
        .split(['#', '&'])
        .find_map(|part| part.strip_prefix("access_token="))
        .unwrap()
        .to_owned()
}
