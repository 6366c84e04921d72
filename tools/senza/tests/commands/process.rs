//! `senza` as a process of its own, which can be killed and has an environment: this test program, called again.

use std::process::{Child, Command, Output, Stdio};

const WORDS: &str = "SENZA_TEST_WORDS";

/// Not a test: what the process does.
#[tokio::test]
#[ignore = "run by other tests as a process of its own"]
async fn the_command() {
    let Ok(words) = std::env::var(WORDS) else {
        return;
    };
    let words = std::iter::once("senza").chain(words.split_whitespace());
    let exit_code = senza::run(words.map(Into::into).collect()).await;
    // What libtest would print is not part of it.
    std::process::exit(i32::from(exit_code != std::process::ExitCode::SUCCESS));
}

/// Starts `senza` with blank-separated `words` in this environment.
pub(crate) fn spawn(words: &str, environment: Vec<(String, String)>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = if cfg!(target_os = "linux") {
        // Whoever runs the tests may have said nohup.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP").arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .args(["--exact", "process::the_command", "--ignored", "--nocapture", "--quiet"])
        .env(WORDS, words)
        .env_remove("AWS_PROFILE")
        .env_remove("SPOTINST_TOKEN")
        .env_remove("SPOTINST_ACCOUNT")
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for its end off the runtime: the command talks to servers of this process.
pub(crate) async fn finish(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap()
}

/// Sends a signal: `-INT`.
pub(crate) fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}
