//! `berry exec`.

use std::fs;

use stups_testkit::until;

use crate::support::{CLIENT, Place, Running, ServiceManager, bare, berry, run, user};

#[tokio::test]
async fn a_program_has_the_credentials_in_its_environment() {
    let place = Place::with_credentials().await;
    let script = r#"echo "$APPLICATION_USERNAME $APPLICATION_PASSWORD $CLIENT_ID $CLIENT_SECRET $1"; tr '\0' ' ' < /proc/$PPID/cmdline; exit 7"#;
    let outcome = run(place.exec(&[], script).args(["sh", "an argument; with $signs"]));
    assert_eq!(outcome.exit_code, 7);
    assert_eq!(outcome.stderr, "");
    let (variables, words) = outcome.stdout.split_once('\n').unwrap();
    assert_eq!(
        variables,
        "stups_pets first-password stups_pets-id first-secret an argument; with $signs"
    );
    assert!(
        !words.contains("first-password") && words.contains("berry exec"),
        "{words}"
    );
    assert_eq!(
        crate::support::names(&place.directory()),
        [""; 0],
        "nothing is on the disk"
    );
}

#[tokio::test]
async fn a_client_without_a_secret_has_no_variable() {
    let place = Place::with_credentials().await;
    let client = CLIENT.replace("\"first-secret\"", "null");
    place.put("pets/client.json", &client).await;
    let outcome = run(place
        .exec(&[], "echo ${CLIENT_SECRET-unset} $CLIENT_ID")
        .env("CLIENT_SECRET", "old"));
    assert_eq!(outcome.stdout, "unset stups_pets-id\n");
}

#[tokio::test]
async fn a_rotation_restarts_the_program() {
    let place = Place::with_credentials().await;
    let script = r#"echo "$APPLICATION_PASSWORD" >> log; exec tail -f /dev/null"#;
    let running = Running::start(&mut place.exec(&["-i", "1"], script));
    place.has("log", "first-password\n").await;
    place.put("pets/user.json", &user("second-password")).await;
    place.has("log", "first-password\nsecond-password\n").await;
    running.signal("TERM");
    let (exit_code, said) = running.end();
    assert_eq!(exit_code, Some(128 + 15), "as the program has ended");
    assert_eq!(
        said,
        "INFO: Rotated user credentials for pets\nINFO: Restarting the program\n"
    );
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed() {
    let place = Place::with_credentials().await;
    // The first of them has the signal ignored in everything that it becomes.
    let script = r#"
        if [ -e marker ]; then echo "second $APPLICATION_PASSWORD" >> log; exit 3; fi
        trap '' TERM; touch marker; echo first >> log; exec tail -f /dev/null"#;
    let running = Running::start(&mut place.exec(&["-i", "1", "--grace", "0"], script));
    place.has("log", "first\n").await;
    place.put("pets/user.json", &user("second-password")).await;
    let (exit_code, _) = running.end();
    assert_eq!(exit_code, Some(3));
    assert_eq!(place.read("log").as_deref(), Some("first\nsecond second-password\n"));
}

#[tokio::test]
async fn a_rotation_sends_a_signal() {
    let place = Place::with_credentials().await;
    let script = r"
        trap 'echo rotated >> log' USR1
        trap 'kill $tail; exit 5' TERM
        tail -f /dev/null & tail=$!
        echo ready >> log
        while :; do wait $tail; done";
    let words = ["-i", "1", "--on-rotation", "signal", "--signal", "USR1"];
    let running = Running::start(&mut place.exec(&words, script));
    place.has("log", "ready\n").await;
    place.put("pets/user.json", &user("second-password")).await;
    place.has("log", "ready\nrotated\n").await;
    // Signals to berry reach the program.
    running.signal("USR1");
    place.has("log", "ready\nrotated\nrotated\n").await;
    running.signal("TERM");
    assert_eq!(running.end().0, Some(5));
}

#[tokio::test]
async fn no_program_is_started_without_credentials() {
    let place = Place::empty().await;
    let outcome = run(&mut place.exec(&[], "touch started"));
    assert_eq!(outcome.exit_code, 1);
    assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    assert!(!fs::exists(place.directory().join("started")).unwrap());

    let mut nothing = berry();
    bare(&mut nothing);
    let outcome = run(nothing.args(["exec", "-f", "/dev/null", "--", "true"]));
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("Usage Error: Application ID missing"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_program_that_is_not_there() {
    let place = Place::with_credentials().await;
    let words = ["exec", "-a", "pets", "-m", &place.bucket, "-f", "/dev/null", "--"];
    for (program, exit_code) in [("/nonexistent/program", 127), ("/", 126)] {
        let outcome = run(place.berry(&words).arg(program).arg("hunter2"));
        assert_eq!(outcome.exit_code, exit_code);
        assert!(
            outcome.stderr.starts_with(&format!("ERROR: Can't run {program}: ")),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_rotation_that_nobody_wants_to_know_of() {
    let place = Place::with_credentials().await;
    let script = "echo ready >> log; exec tail -f /dev/null";
    let running = Running::start(&mut place.exec(&["-i", "1", "--on-rotation", "none"], script));
    place.has("log", "ready\n").await;
    let calls = place.account.requests().len();
    running.signal("TERM");
    let id = running.id();
    assert_eq!(running.end().0, Some(128 + 15));
    until("its end", || async { !fs::exists(format!("/proc/{id}")).unwrap() }).await;
    assert_eq!(place.account.requests().len(), calls);
}

#[tokio::test]
async fn who_is_told_to_end_during_a_restart_ends() {
    let place = Place::with_credentials().await;
    let (manager, socket) = ServiceManager::listen(&place);
    // It takes its time to end: until somebody writes into the pipe.
    let script = r#"
        mkfifo pipe
        trap 'kill $tail; echo asked >> log; read line < pipe; exit 9' TERM
        tail -f /dev/null & tail=$!
        echo "ready ${NOTIFY_SOCKET-alone}" >> log
        wait $tail"#;
    let mut command = place.exec(&["-i", "1", "--grace", "600"], script);
    let running = Running::start(command.env("NOTIFY_SOCKET", &socket));
    assert_eq!(manager.is_told(), "READY=1\n");
    place.has("log", "ready alone\n").await;
    place.put("pets/user.json", &user("second-password")).await;
    place.has("log", "ready alone\nasked\n").await;
    running.signal("TERM");
    assert_eq!(manager.is_told(), "STOPPING=1\n");
    fs::write(place.directory().join("pipe"), "end\n").unwrap();
    assert_eq!(running.end().0, Some(9));
    assert_eq!(
        place.read("log").as_deref(),
        Some("ready alone\nasked\n"),
        "it was not started again"
    );
}
