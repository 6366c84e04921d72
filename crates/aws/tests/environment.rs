//! What a session takes from the environment and from the AWS configuration files.
//!
//! A process's environment cannot be changed safely while it runs: each test starts itself again as a child with the variables
//! it is about, and the child prints what it found.

#![allow(clippy::unwrap_used)] // a test's helpers may fail like the test

use std::process::Command;

use stups_aws::{Error, Session, SessionOptions};
use stups_testkit::HttpsServer;

#[path = "../src/test_server.rs"]
mod test_server;

use test_server::{Answer, Server};

const CHILD: &str = "STUPS_TEST_CHILD";
const PROFILE_OPTION: &str = "STUPS_TEST_PROFILE_OPTION";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the test `name` as a child with `variables` and nothing else, and returns what it printed.
fn run_again(name: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let found = printed
        .lines()
        .find_map(|line| line.split_once("FOUND ").map(|(_, found)| found.to_owned()));
    found.unwrap_or_else(|| {
        panic!(
            "{name} with {variables:?} printed: {printed} {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn options() -> SessionOptions {
    SessionOptions {
        profile: std::env::var(PROFILE_OPTION).ok(),
        ..SessionOptions::default()
    }
}

/// The path of a file with this content; it lives as long as the directory.
fn file(directory: &tempfile::TempDir, name: &str, content: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn region() {
    if is_child() {
        match Session::load(options()).await {
            Ok(session) => println!("FOUND {}", session.region()),
            Err(error) => println!("FOUND {}", error.to_string().lines().next().unwrap()),
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = file(
        &directory,
        "config",
        "[default]\nregion = eu-west-1\n[profile team]\nregion = eu-north-1\n[profile derived]\nsource_profile = team\n",
    );
    let config = ("AWS_CONFIG_FILE", config.as_str());
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[],
            "Please specify the AWS region on the command line (--region) or in ~/.aws/config",
        ),
        (&[config], "eu-west-1"),
        (&[config, ("AWS_PROFILE", "team")], "eu-north-1"),
        (&[config, ("AWS_PROFILE", "derived")], "eu-north-1"),
        (&[config, (PROFILE_OPTION, "team")], "eu-north-1"),
        (
            &[config, ("AWS_PROFILE", "default"), (PROFILE_OPTION, "team")],
            "eu-north-1",
        ),
        (&[config, ("AWS_DEFAULT_REGION", "us-east-2")], "us-east-2"),
        (
            &[config, ("AWS_DEFAULT_REGION", "us-east-2"), ("AWS_REGION", "us-west-2")],
            "us-west-2",
        ),
        (&[config, ("AWS_DEFAULT_REGION", ""), ("AWS_REGION", "")], "eu-west-1"),
        (
            &[config, ("AWS_REGION", "mars-1")],
            "'mars-1'. Region must be one of the following AWS regions:",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(run_again("region", variables), *expected, "{variables:?}");
    }
}

/// Asks for the stacks and prints what came of it.
async fn describe_stacks() {
    let session = Session::load(options()).await.unwrap();
    match session.cloudformation().describe_stacks().send().await {
        Ok(_) => println!("FOUND an answer"),
        Err(error) => println!("FOUND {}", Error::from(error)),
    }
}

fn stacks_server() -> Server {
    let body =
        "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>";
    Server::start(vec![Answer::new(200, body).header("Content-Type", "text/xml")])
}

/// The access key with which the server's last request was signed.
fn access_key(server: &Server) -> String {
    let request = server.requests().pop().unwrap();
    let (_, credential) = request.split_once("Credential=").unwrap();
    credential.split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn credentials() {
    if is_child() {
        return describe_stacks().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let keys = file(
        &directory,
        "credentials",
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s\naws_session_token = t\n\
         [team]\naws_access_key_id = AKIATEAM\naws_secret_access_key = s\n",
    );
    let config = file(
        &directory,
        "config",
        "[profile process]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROCESS\", \"SecretAccessKey\": \"s\"}'\n",
    );
    let server = stacks_server();
    let files = [
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_SHARED_CREDENTIALS_FILE", keys.as_str()),
        ("AWS_CONFIG_FILE", config.as_str()),
        ("PATH", "/usr/bin:/bin"),
    ];
    let environment = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "AKIADEFAULT"),
        (&[("AWS_PROFILE", "team")], "AKIATEAM"),
        (&[(PROFILE_OPTION, "team")], "AKIATEAM"),
        (&[("AWS_PROFILE", "process")], "AKIAPROCESS"),
        (&environment, "AKIAENVIRONMENT"),
        (
            &[environment[0], environment[1], ("AWS_PROFILE", "team")],
            "AKIAENVIRONMENT",
        ),
        (&[environment[0], environment[1], (PROFILE_OPTION, "team")], "AKIATEAM"),
    ];
    for (variables, expected) in cases {
        let variables = [&files[..], variables].concat();
        assert_eq!(run_again("credentials", &variables), "an answer", "{variables:?}");
        assert_eq!(access_key(&server), *expected, "{variables:?}");
    }
}

#[tokio::test]
async fn no_credentials() {
    if is_child() {
        return describe_stacks().await;
    }
    let server = stacks_server();
    let variables = [
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_REGION", "eu-central-1"),
    ];
    for more in [&[][..], &[(PROFILE_OPTION, "team")], &[("AWS_PROFILE", "team")]] {
        let found = run_again("no_credentials", &[&variables[..], more].concat());
        let hint = "No AWS credentials found. Run `mai login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.";
        assert!(found.starts_with(hint), "{found}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn endpoints() {
    if is_child() {
        return describe_stacks().await;
    }
    let (all, cloudformation) = (stacks_server(), stacks_server());
    let keys = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    let everything = ("AWS_ENDPOINT_URL", all.endpoint.as_str());
    let one = ("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.endpoint.as_str());
    run_again("endpoints", &[&keys[..], &[everything]].concat());
    assert_eq!((all.requests().len(), cloudformation.requests().len()), (1, 0));
    run_again("endpoints", &[&keys[..], &[everything, one]].concat());
    assert_eq!((all.requests().len(), cloudformation.requests().len()), (1, 1));
}

#[tokio::test]
async fn certificates() {
    if is_child() {
        return describe_stacks().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let body =
        "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>";
    let start = || HttpsServer::start(&["localhost"], 200, "text/xml", body).unwrap();
    let (server, stranger) = (start(), start());
    let endpoint = format!("https://localhost:{}", server.address().port());
    let with = |name: &str, content: &str| {
        let bundle = file(&directory, name, content);
        let variables = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_CA_BUNDLE", bundle.as_str()),
        ];
        run_again("certificates", &variables)
    };
    assert_eq!(with("own.pem", server.authority()), "an answer");
    let both = [stranger.authority(), server.authority()].concat();
    assert_eq!(with("both.pem", &both), "an answer");
    let found = with("other.pem", stranger.authority());
    assert!(found.contains("invalid peer certificate"), "{found}");
    let found = with("empty.pem", "");
    assert!(found.contains("there is no certificate in it"), "{found}");
}

#[tokio::test]
async fn attempts() {
    if is_child() {
        return describe_stacks().await;
    }
    let refusal =
        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let server = Server::start(vec![Answer::new(400, refusal)]);
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_MAX_ATTEMPTS", "1"),
    ];
    let found = run_again("attempts", &variables);
    assert!(found.starts_with("AWS takes no more requests for now."), "{found}");
    assert_eq!(server.requests().len(), 1);
}
