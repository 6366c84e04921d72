//! At 2.1 `senza print` gives the same JSON value as the original for the same definition in the same account.

mod template_support;

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;
use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};
use template_support::senza;

/// One definition of tests/data/definitions: the words after its name on the command line stand in its first line.
struct Case {
    name: String,
    arguments: Vec<String>,
}

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/definitions");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let words = text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("# words: "))
                .unwrap();
            let path = path.to_str().unwrap().to_owned();
            Case {
                name: path.rsplit('/').next().unwrap().to_owned(),
                arguments: ["print".to_owned(), path]
                    .into_iter()
                    .chain(words.split(' ').map(str::to_owned))
                    .chain(["--force".to_owned()])
                    .collect(),
            }
        })
        .collect()
}

/// What the original answers to each command line, in a process that imports it once.
fn original(account: &Account, cases: &[Case]) -> Vec<Json> {
    let environment = PythonEnvironment::get(Requirements::Senza).unwrap();
    let arguments: Vec<&Vec<String>> = cases.iter().map(|case| &case.arguments).collect();
    let output = Command::new(environment.executable("python"))
        .args(["-c", include_str!("data/original_print.py")])
        .arg(serde_json::to_string(&arguments).unwrap())
        .envs(account.environment())
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where two values differ, and how.
fn differences(path: &str, original: &Json, ours: &Json, found: &mut Vec<String>) {
    match (original, ours) {
        (Json::Object(original), Json::Object(ours)) => {
            for key in original
                .keys()
                .chain(ours.keys().filter(|key| !original.contains_key(*key)))
            {
                let path = format!("{path}/{key}");
                differences(
                    &path,
                    original.get(key).unwrap_or(&Json::from("<absent>")),
                    ours.get(key).unwrap_or(&Json::from("<absent>")),
                    found,
                );
            }
        }
        (Json::Array(original), Json::Array(ours)) if original.len() == ours.len() => {
            for (position, (original, ours)) in original.iter().zip(ours).enumerate() {
                differences(&format!("{path}/{position}"), original, ours, found);
            }
        }
        _ if original == ours => {}
        _ => found.push(format!("{path}:\n  original {original}\n  ours     {ours}")),
    }
}

async fn compare_in(account: &Account) {
    let cases = cases();
    assert!(cases.len() >= 9);
    let mut found = Vec::new();
    for (case, original) in cases.iter().zip(original(account, &cases)) {
        assert_eq!(
            original["exit_code"],
            0,
            "{}: {}",
            case.name,
            original["stderr"].as_str().unwrap()
        );
        let expected: Json = serde_json::from_str(original["stdout"].as_str().unwrap()).unwrap();
        let mut arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        arguments.extend(["--compat", "2.1"]);
        let printed = senza(account, &arguments).await.success().json();
        differences(&case.name, &expected, &printed, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn templates_are_the_same_in_a_new_account() {
    let account = Account::builder(AwsApi::shared().await)
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias("acme-demo")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .role("app-hello-world")
        .role("other-role")
        .sns_topic("operators")
        .build()
        .await;
    compare_in(&account).await;
}

#[tokio::test]
async fn templates_are_the_same_in_an_account_with_the_stups_network() {
    let account = Account::builder(AwsApi::shared().await)
        .stups_network()
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias("acme")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .role("app-hello-world")
        .role("other-role")
        .sns_topic("my-operators")
        .sns_topic("operators")
        .image("Taupage-AMI-20260101-000000")
        .build()
        .await;
    compare_in(&account).await;
}
