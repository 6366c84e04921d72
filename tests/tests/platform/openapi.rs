//! Services answer as their OpenAPI documents say, whatever they are sent: no 5xx, no status that is not documented.

use std::path::Path;

use stups_testkit::{PostgreSql, PythonEnvironment, Requirements};
use stups_tests::{KioData, ServiceProcess, home, log_in, vouch};
use tokio::process::Command;

/// Lets schemathesis call every operation of the document, with what it allows and with what it does not.
async fn conforms(directory: &Path, url: &str, token: &str) {
    passes(directory, url, token, "not_a_server_error,status_code_conformance").await;
}

/// The same with these checks.
async fn passes(directory: &Path, url: &str, token: &str, checks: &str) {
    let python = tokio::task::spawn_blocking(|| PythonEnvironment::get(Requirements::Schemathesis));
    let python = python.await.unwrap().unwrap();
    let output = Command::new(python.executable("schemathesis"))
        .args(["run", &format!("{url}/openapi.json"), "--url", url])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", checks])
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

async fn identity_conforms(database: Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n".to_owned();
    if let Some(url) = database {
        settings.extend(["database = \"", &url, "\"\n"]);
    }
    let process = ServiceProcess::start("identity", directory.path(), &settings, true).await;
    let password = &process.administrator().unwrap().password;
    let token = log_in(process.url(), password, "uid identity.admin").await;
    conforms(directory.path(), process.url(), &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_on_sqlite() {
    identity_conforms(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_on_postgresql() {
    identity_conforms(Some(PostgreSql::shared().await.database().await)).await;
}

/// A service whose administrator is whoever calls, and that asks others only what is vouched for: `neighbour` is the setting that
/// names one beside Kio.
async fn service_conforms(service: &str, neighbour: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (vouching, database) = (vouch().await, PostgreSql::shared().await.database().await);
    let settings = format!(
        "[{service}]\ndatabase = \"{database}\"\ntokeninfo_url = \"{vouching}/tokeninfo\"\npolicy_url = \"{vouching}\"\n\
         kio_url = \"{vouching}\"\n{neighbour} = \"{vouching}\"\nadmin_users = \"/employees/jdoe\"\n"
    );
    let process = ServiceProcess::start(service, directory.path(), &settings, false).await;
    conforms(directory.path(), process.url(), "token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn essentials() {
    service_conforms("essentials", "mint_url").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mint() {
    service_conforms("mint", "essentials_url").await;
}

/// The protocol's operations have more answers than their document names: of them only that none is a defect.
async fn pierone_bears(database: Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let vouching = vouch().await;
    let mut settings = format!(
        "[pierone]\ntokeninfo_url = \"{vouching}/tokeninfo\"\npolicy_url = \"{vouching}\"\n\
         admin_users = \"/employees/jdoe\"\n"
    );
    if let Some(url) = database {
        settings.extend(["database = \"", &url, "\"\n"]);
    }
    let process = ServiceProcess::start("pierone", directory.path(), &settings, false).await;
    passes(directory.path(), process.url(), "token", "not_a_server_error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pierone_on_sqlite() {
    pierone_bears(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pierone_on_postgresql() {
    pierone_bears(Some(PostgreSql::shared().await.database().await)).await;
}
