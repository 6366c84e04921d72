//! A ztoken that is killed at each step of storing what it was given leaves files that it, and the originals, can go on with.
//!
//! The steps are found by what the process does, not by time: it waits for the provider, which the test holds; and it writes
//! files, of which the system lets it write so much (`ulimit -f`) before it kills it (SIGXFSZ).

use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;
use stups_tests::{Behaviour, Provider, User, executable, until};

use crate::zign_stub::{Program, person, refresh_token, tokens};

/// Blocks of 512 bytes in which the refresh token has room and the tokens have not.
const ONE_BLOCK: &str = "1";

/// The signal that ends a process that writes more than it may (signal(7)).
const SIGXFSZ: i32 = 25;

/// So many tokens make their file longer than a block: killed there, the process has stored the refresh token already.
const NAMES: [&str; 5] = ["t", "u", "v", "w", "x"];

async fn person_with_tokens(provider: &Provider) -> User {
    let user = person(provider);
    let ours = Program::ours("ztoken");
    for name in NAMES {
        ours.run(&user, &["token", "-n", name]).await.succeeded();
    }
    assert!(user.read(&user.config("zalando-token-cli/tokens.yaml")).len() > 512);
    user
}

/// Runs `ztoken token -n t -r` with files of so many blocks of 512 bytes at most, and says which signal ended it.
async fn refresh_within(user: &User, blocks: &str) -> Option<i32> {
    let script = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" ztoken token -n t -r");
    let stups = executable("stups");
    let mut command = user.command("/bin/sh".as_ref(), &["-c", &script, stups.to_str().unwrap()]);
    command.output().await.unwrap().status.signal()
}

/// Whether the stored files are whole, and what the next run makes of them.
async fn goes_on(user: &User, provider: &Provider, before: &Value) {
    let after = tokens(user);
    assert_eq!(
        after.as_object().unwrap().keys().collect::<Vec<_>>(),
        before.as_object().unwrap().keys().collect::<Vec<_>>()
    );
    assert!(refresh_token(user).starts_with("refresh_token: refresh-"));
    let token = Program::ours("ztoken")
        .run(user, &["token", "-n", "t", "-r"])
        .await
        .succeeded();
    assert_eq!(tokens(user)["t"]["access_token"], token.trim_end());
    assert!(provider.is_alive());
    // Nothing of what was begun is left over but what a later write may replace.
    let original = Program::ztoken().run(user, &["token", "-n", "t"]).await.succeeded();
    assert_eq!(original, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_provider_answers_it_keeps_the_old_files() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person_with_tokens(&provider).await;
    let before = (tokens(&user), refresh_token(&user));
    provider.asked();
    provider.set(|behaviour| behaviour.hold = true);
    let mut child = user
        .command(&executable("stups"), &["ztoken", "token", "-n", "t", "-r"])
        .spawn()
        .unwrap();
    until("the exchange", async || !provider.asked().is_empty()).await;
    child.kill().await.unwrap();
    provider.set(|behaviour| behaviour.hold = false);
    assert_eq!((tokens(&user), refresh_token(&user)), before);
    goes_on(&user, &provider, &before.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_writes_the_refresh_token_it_keeps_the_old_files() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person_with_tokens(&provider).await;
    let before = (tokens(&user), refresh_token(&user));
    assert_eq!(refresh_within(&user, "0").await, Some(SIGXFSZ));
    assert_eq!((tokens(&user), refresh_token(&user)), before);
    goes_on(&user, &provider, &before.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_refresh_token_and_the_token_it_has_the_new_one_and_the_old_one() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person_with_tokens(&provider).await;
    let before = (tokens(&user), refresh_token(&user));
    assert_eq!(refresh_within(&user, ONE_BLOCK).await, Some(SIGXFSZ));
    assert_eq!(tokens(&user), before.0);
    assert_ne!(refresh_token(&user), before.1);
    goes_on(&user, &provider, &before.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_enough_it_is_not_killed() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person_with_tokens(&provider).await;
    let before = tokens(&user);
    assert_eq!(refresh_within(&user, "8").await, None);
    assert_ne!(tokens(&user)["t"], before["t"]);
    goes_on(&user, &provider, &before).await;
}
