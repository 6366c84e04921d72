//! Answers of S3 that lead elsewhere, and others that no emulator gives.

use std::process::Command;

use axum::response::Response;
use stups_testkit::until;

use crate::fake_s3::{Asked, FakeS3, error, object};
use crate::support::{BOTH_ROTATED, CLIENT, Running, USER, berry, names, run};

fn content(asked: &Asked) -> Response {
    object(asked, if asked.request.contains("user") { USER } else { CLIENT })
}

/// `berry DIRECTORY -a pets -m mint` with keys that nobody checks, and no region.
fn copy(server: &FakeS3, directory: &tempfile::TempDir) -> Command {
    let mut command = berry();
    command.envs([
        ("AWS_ENDPOINT_URL_S3", server.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ]);
    command
        .arg(directory.path())
        .args(["-a", "pets", "-m", "mint", "-f", "/dev/null"]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_says_where_it_is_and_that_is_remembered() {
    let server = FakeS3::start(|asked| match asked.request.as_str() {
        request if request.starts_with("HEAD") => error(403, "AccessDenied", Some("eu-central-1")),
        request if request.ends_with("eu-central-1") => content(asked),
        _ => error(301, "PermanentRedirect", None),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(copy(&server, &directory).args(["-i", "1"]));
    until("a second round", || async { server.asked().len() >= 6 }).await;
    running.signal("TERM");
    let (exit_code, said) = running.end();
    assert_eq!((exit_code, said.as_str()), (Some(0), BOTH_ROTATED));

    let user = "GET /mint/pets/user.json eu-central-1";
    let client = "GET /mint/pets/client.json eu-central-1";
    assert_eq!(
        server.requests()[..6],
        [
            "GET /mint/pets/user.json us-east-1",
            "HEAD /mint us-east-1",
            user,
            client,
            user,
            client
        ]
        .map(trailing_slash(&server)),
    );
    let tags: Vec<_> = server
        .asked()
        .into_iter()
        .take(6)
        .map(|asked| asked.if_none_match)
        .collect();
    let known = Some("\"one\"".to_owned());
    assert_eq!(tags, [None, None, None, None, known.clone(), known]);
}

/// The SDK may ask for `/mint` or `/mint/`.
fn trailing_slash(server: &FakeS3) -> impl Fn(&str) -> String {
    let slash = server
        .requests()
        .iter()
        .any(|request| request.starts_with("HEAD /mint/ "));
    move |request| {
        if slash {
            request.replace("/mint ", "/mint/ ")
        } else {
            request.to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_the_region_needs_no_further_question() {
    let server = FakeS3::start(|asked| match asked.request.as_str() {
        request if request.ends_with("eu-west-1") => content(asked),
        _ => error(400, "AuthorizationHeaderMalformed", Some("eu-west-1")),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(copy(&server, &directory).arg("--once")).stderr, BOTH_ROTATED);
    assert_eq!(server.requests().len(), 3, "{:?}", server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_without_an_end_are_a_failure() {
    let server = FakeS3::start(|asked| {
        let other = if asked.request.ends_with("eu-west-1") {
            "eu-central-1"
        } else {
            "eu-west-1"
        };
        error(301, "PermanentRedirect", Some(other))
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let outcome = run(copy(&server, &directory).arg("--once"));
    assert_eq!(outcome.exit_code, 1);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert!(
            line.starts_with("ERROR: Could not read from mint S3 bucket \"mint\": "),
            "{line}"
        );
        assert!(line.contains("after 3 attempts"), "{line}");
    }
    assert_eq!(server.requests().len(), 6);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_none_is_not_followed() {
    let server = FakeS3::start(|_| error(301, "PermanentRedirect", Some("evil.example.org/"))).await;
    let directory = tempfile::tempdir().unwrap();
    let outcome = run(copy(&server, &directory).arg("--once"));
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("S3 does not say in which"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_denied_has_a_line_of_its_own() {
    let server = FakeS3::start(|_| error(403, "AccessDenied", None)).await;
    let directory = tempfile::tempdir().unwrap();
    let outcome = run(copy(&server, &directory).arg("--once"));
    assert_eq!(outcome.exit_code, 1);
    for (line, name) in outcome.stderr.lines().zip(["user", "client"]) {
        let expected = format!(
            "ERROR: Access denied while trying to read \"pets/{name}.json\" from mint S3 bucket \"mint\". Check your IAM role/user policy"
        );
        assert!(
            line.starts_with(&expected) && line.ends_with("(The message.)"),
            "{line}"
        );
    }
    assert_eq!(outcome.stderr.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_are_told() {
    let server = FakeS3::start(|_| error(405, "MethodNotAllowed", None)).await;
    let directory = tempfile::tempdir().unwrap();
    let outcome = run(copy(&server, &directory).arg("--once"));
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .starts_with("ERROR: Could not read from mint S3 bucket \"mint\": "),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("MethodNotAllowed"), "{outcome:?}");
}
