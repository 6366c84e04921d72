//! `senza console`

use stups_terminal::Terminal;

use crate::account::{account, senza, senza_on};
use crate::groups::{group, ids, with_configuration};
use crate::scripted;

/// The inside of a GetConsoleOutput answer: 30 lines in base64, the last of them of each kind.
fn output() -> String {
    use base64::Engine;
    let mut lines: Vec<String> = (1..=26).map(|number| format!("line {number}")).collect();
    lines.extend(["x ERROR: a", "x WARNING: b", "x SUCCESS: c", "x INFO: \u{1b}[31md"].map(str::to_owned));
    let text = lines.join("\r\n") + "\r\n";
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// One instance of a stack, and its output.
fn answers() -> Vec<(&'static str, String)> {
    let instances = "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
                     <privateIpAddress>172.31.0.1</privateIpAddress><tagSet><item><key>aws:cloudformation:stack-name</key>\
                     <value>app-1</value></item></tagSet></item></instancesSet></item></reservationSet>";
    vec![
        ("DescribeInstances", instances.to_owned()),
        (
            "GetConsoleOutput",
            format!("<instanceId>i-1</instanceId><output>{}</output>", output()),
        ),
    ]
}

#[tokio::test]
async fn the_last_lines_are_shown_under_a_title() {
    let session = scripted::session(&answers());
    for words in ["console app 1", "console", "console 172.31.0.1", "console i-1"] {
        let outcome = senza(&session, &format!("{words} -l 5")).await;
        assert_eq!(
            (outcome.exit_code, outcome.stdout.as_str()),
            (
                0,
                "Showing last 5 lines of app-1/172.31.0.1..\nline 26\nx ERROR: a\nx WARNING: b\nx SUCCESS: c\nx INFO: [31md\n"
            ),
            "{words}: {}",
            outcome.stderr
        );
    }
    let outcome = senza(&session, "console app").await;
    assert_eq!(outcome.stdout.lines().count(), 26);
    let outcome = senza(&session, "console app --limit 2 -o json").await;
    assert_eq!(
        outcome.stdout,
        "[{\"instance_id\": \"i-1\", \"output\": \"x SUCCESS: c\\nx INFO: [31md\", \"private_ip\": \"172.31.0.1\", \
         \"stack_name\": \"app-1\"}]\n"
    );
}

#[tokio::test]
async fn it_is_shown_again_and_again() {
    let (session, script) = scripted::recorded(&answers());
    let (terminal, captured) = Terminal::captured("");
    let words = ["senza", "console", "app", "-l", "1", "-w", "1"]
        .map(Into::into)
        .to_vec();
    // Who is asked a third time has seen two pictures.
    tokio::select! {
        ended = Box::pin(senza::run_in(&terminal, &session, words)) => panic!("ended by itself: {ended:?}"),
        () = script.until_asked("GetConsoleOutput", 3) => {}
    }
    let picture = "Showing last 1 lines of app-1/172.31.0.1..\nx INFO: [31md\n";
    assert_eq!(captured.stdout(), picture.repeat(2));
}

#[tokio::test]
async fn lines_are_coloured_on_a_terminal() {
    let session = scripted::session(&answers());
    let words = ["console", "app", "-l", "4"];
    let outcome = senza_on(Terminal::captured_tty(""), &session, &words).await;
    let expected = "\u{1b}[1mShowing last 4 lines of app-1/172.31.0.1..\u{1b}[0m\n\
                    \u{1b}[31m\u{1b}[1mx ERROR: a\u{1b}[0m\n\
                    \u{1b}[33m\u{1b}[1mx WARNING: b\u{1b}[0m\n\
                    \u{1b}[32m\u{1b}[1mx SUCCESS: c\u{1b}[0m\n\
                    \u{1b}[1mx INFO: [31md\u{1b}[0m\n";
    assert_eq!(outcome.stdout, expected);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let account = account().await;
    let session = account.session();
    for (words, expected) in [
        ("console", "No EC2 instances in region 'us-east-1'."),
        (
            "console i-0123456789abcdef0",
            "No EC2 instance with id 'i-0123456789abcdef0'.",
        ),
        ("console 10.9.8.7", "No EC2 instance with id '10.9.8.7'."),
        ("console app 2", "No stack matching 'app' with version '2'."),
        ("console app", "No stack matching 'app'."),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stderr),
            (1, format!("Error: {expected}\n")),
            "{words}"
        );
    }
    // An instance that says nothing has a title only.
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let id = ids(&group(&account, &name).await).pop_first().unwrap();
    let outcome = senza(&session, &format!("console {id}")).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stdout.starts_with("Showing last 25 lines of "),
        "{}",
        outcome.stdout
    );
    assert_eq!(senza(&session, "console -w 0").await.exit_code, 2);
}
