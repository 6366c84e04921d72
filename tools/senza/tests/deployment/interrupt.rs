//! Ctrl-C during a deployment: a process of its own, for signals go to whole processes.

use std::env;
use std::ffi::OsString;
use std::process::{Child, Command, Output, Stdio};

use super::{Definition, until_weights};
use crate::application::Application;

const WORDS: &str = "SENZA_TEST_WORDS";

/// Not a test: `senza` in a process of its own.
#[tokio::test]
#[ignore = "it is started by the others"]
async fn command_in_a_process() {
    let Ok(words) = env::var(WORDS) else { return };
    let arguments: Vec<OsString> = std::iter::once("senza")
        .chain(words.split('\n'))
        .map(OsString::from)
        .collect();
    let code = senza::run(arguments).await;
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::FAILURE));
}

fn start(application: &Application, words: &[&str]) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "deployment::interrupt::command_in_a_process",
            "--ignored",
            "--nocapture",
        ])
        .envs(application.account.environment())
        .env_remove("AWS_PROFILE")
        .env(WORDS, words.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn interrupted(words: &[&str]) -> (Application, Output) {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let path = definition.path();
    let common = ["deploy", &path, "v2", "--steps", "10,100", "--pause", "1h"];
    let child = start(&application, &[&common[..], words].concat());
    until_weights(&application, &[180, 20]).await;
    // The weights are read back once more before the pause begins: wherever the signal comes, it has to be well.
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = tokio::task::spawn_blocking(|| child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    (application, output)
}

#[tokio::test]
async fn weights_are_kept_and_it_is_said_how_to_go_on() {
    let (application, output) = interrupted(&[]).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for text in [
        "Weights now: hello-v1 90.0%, hello-v2 10.0%. Before the deployment: hello-v1 100.0%.",
        "The same command continues the deployment; `senza rollback hello` goes back.",
        "Aborted!",
    ] {
        assert!(stderr.contains(text), "{text}\n{stderr}");
    }
    assert_eq!(application.hello_weights().await, [180, 20]);
}

#[tokio::test]
async fn weights_are_restored_when_that_is_wanted() {
    let (application, output) = interrupted(&["--on-interrupt", "restore"]).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("Going back to hello-v1 100.0%"), "{stderr}");
    assert_eq!(application.hello_weights().await, [200, 0]);
}
