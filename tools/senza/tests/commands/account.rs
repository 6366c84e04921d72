//! Running `senza` in a test account, and filling the account.

use std::ffi::OsString;

use fancy_regex::Regex;
use stups_aws::Session;
use stups_terminal::{Captured, Terminal};
use stups_testkit::{Account, AwsApi};

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit_code: u8,
}

/// A fresh account.
pub(crate) async fn account() -> Account {
    Account::standard(AwsApi::shared().await).await
}

/// Runs `senza` with blank-separated `words` and no input.
pub(crate) async fn senza(session: &Session, words: &str) -> Outcome {
    let words: Vec<&str> = words.split_whitespace().collect();
    senza_on(Terminal::captured(""), session, &words).await
}

/// Runs `senza` with `words` on a captured terminal.
pub(crate) async fn senza_on(terminal: (Terminal, Captured), session: &Session, words: &[&str]) -> Outcome {
    let (terminal, captured) = terminal;
    let arguments = std::iter::once("senza")
        .chain(words.iter().copied())
        .map(OsString::from)
        .collect();
    let result = senza::run_in(&terminal, session, arguments).await;
    let exit_code = match &result {
        Ok(()) => 0,
        Err(failure) => {
            terminal.report(failure);
            failure.exit_code
        }
    };
    Outcome {
        stdout: captured.stdout(),
        stderr: captured.stderr(),
        exit_code,
    }
}

/// `text` without what differs from run to run: ages, times, ids, addresses.
pub(crate) fn redacted(text: &str) -> String {
    [
        (r"( ?) *\b\d+[smhd] ago", "${1}<age>"),
        (r"_time\x22: 1[4-9]\d{8}", "_time\": <time>"),
        (r"\bi-[0-9a-f]{17}\b", "i-<id>"),
        (r"\bami-[0-9a-f]{8,17}\b", "ami-<id>"),
        (r"\b\d{1,3}(\.\d{1,3}){3}\b", "<address>"),
        (r"\b2000000000\d\d\b", "<account>"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (pattern, replacement)| {
        Regex::new(pattern)
            .unwrap()
            .replace_all(&text, replacement)
            .into_owned()
    })
}

/// A template with one topic and this description.
pub(crate) fn topic_template(description: &str) -> String {
    format!(
        r#"{{"Description": "{description}", "Resources": {{"Topic": {{"Type": "AWS::SNS::Topic"}}, "Queue": {{"Type": "AWS::SQS::Queue"}}}}}}"#
    )
}

/// Creates a stack.
pub(crate) async fn create_stack(account: &Account, name: &str, template: &str) {
    let cloudformation = account.session().cloudformation();
    cloudformation
        .create_stack()
        .stack_name(name)
        .template_body(template)
        .send()
        .await
        .unwrap();
}

/// Deletes a stack.
pub(crate) async fn delete_stack(account: &Account, name: &str) {
    account
        .session()
        .cloudformation()
        .delete_stack()
        .stack_name(name)
        .send()
        .await
        .unwrap();
}
