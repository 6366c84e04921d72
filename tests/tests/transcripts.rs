//! The chapters of the user's guide that show what to type and what happens then: it does happen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use stups_testkit::{Account, AwsApi};
use stups_tests::{Platform, Transcript, client, executable, home, log_in};

/// Every Markdown file below `directory`, in order.
fn chapters(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(chapters(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Chapters in which services are called.
const WITH_SERVICES: [&str; 1] = ["auditing.md"];

/// Services, and what tells the tools where they are and who calls: somebody who may administer and audit them.
async fn services() -> (Platform, Vec<(String, String)>) {
    let settings =
        "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n[kio]\nadmin_users = \"/employees/admin\"\n";
    let platform = Platform::start_with(settings).await;
    let (identity, password) = (platform.identity_url(), &platform.administrator().password);
    let url = identity.as_str().trim_end_matches('/');
    let token = log_in(url, password, "uid identity.admin").await;
    let scopes = ["uid", "identity.admin", "application.write", "audit.read"];
    let request = client().patch(format!("{url}/raw-sync/users/employees/admin"));
    let request = request
        .bearer_auth(token)
        .json(&serde_json::json!({ "scopes": scopes }));
    request.send().await.unwrap().error_for_status().unwrap();
    let token = log_in(url, password, &scopes.join(" ")).await;
    let tokens = ["identity", "kio", "audit"]
        .map(|name| format!("{name}={token}"))
        .join(",");
    let environment = [
        ("IDENTITY_URL", identity.to_string()),
        ("KIO_URL", platform.kio_url().to_string()),
        ("OAUTH2_ACCESS_TOKENS", tokens),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    (platform, environment.to_vec())
}

/// Runs a chapter as a person with an account of AWS's and an empty directory would.
async fn run(transcript: &Transcript, api: &AwsApi, services: &[(String, String)]) -> Vec<String> {
    let account = Account::standard(api).await;
    let scratch = tempfile::tempdir().unwrap();
    let (directory, programs) = (scratch.path().join("work"), scratch.path().join("programs"));
    for made in [&directory, &programs] {
        fs::create_dir(made).unwrap();
    }
    for name in ["stups", "senza"] {
        symlink(executable("stups"), programs.join(name)).unwrap();
    }
    let mut environment: Vec<(String, String)> = home(scratch.path())
        .into_iter()
        .map(|(name, value)| match name {
            "PATH" => (name.to_owned(), format!("{}:{value}", programs.display())),
            _ => (name.to_owned(), value),
        })
        .collect();
    environment.extend(account.environment());
    environment.extend_from_slice(services);
    transcript.run(&directory, &environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_shows_is_what_happens() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let api = AwsApi::shared().await;
    let mut tried = Vec::new();
    let mut differences = Vec::new();
    for chapter in chapters(&guide) {
        let name = chapter.strip_prefix(&guide).unwrap().display().to_string();
        let transcript =
            Transcript::read(&fs::read_to_string(&chapter).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        if transcript.is_empty() {
            continue;
        }
        let found = if WITH_SERVICES.contains(&name.as_str()) {
            let (_platform, services) = services().await;
            run(&transcript, api, &services).await
        } else {
            run(&transcript, api, &[]).await
        };
        differences.extend(found.into_iter().map(|difference| format!("{name}, {difference}")));
        tried.push(name);
    }
    for name in [
        "auditing.md",
        "getting-started.md",
        "senza.md",
        "senza/deploying.md",
        "senza/traffic.md",
    ] {
        assert!(tried.iter().any(|tried| tried == name), "{name} shows nothing");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
