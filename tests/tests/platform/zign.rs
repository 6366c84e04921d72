//! zign, ztoken and the token libraries, ours and the unmodified originals, against the services as they are shipped.

use std::path::PathBuf;

use serde_json::Value;
use stups_testkit::{PythonEnvironment, Requirements};
use stups_tests::{Ended, Platform, User, executable};

/// A person who logs in as the administrator, configured by `stups configure` with the addresses of the running services.
async fn configured_person(platform: &Platform) -> User {
    let mut user = User::new();
    user.set("BROWSER_USER", &platform.administrator().user);
    user.set("BROWSER_PASSWORD", &platform.administrator().password);
    let (identity, kio) = (platform.identity_url().as_str(), platform.kio_url().as_str());
    ours(&user, &["configure", "--non-interactive", identity, kio])
        .await
        .succeeded();
    user
}

async fn ours(user: &User, arguments: &[&str]) -> Ended {
    user.run(&executable("stups"), arguments).await
}

fn original(name: &str) -> PathBuf {
    PythonEnvironment::get(Requirements::Zign).unwrap().executable(name)
}

/// Makes every stored token an expired one, as time would.
fn expire(user: &User) {
    let path = user.config("zalando-token-cli/tokens.yaml");
    let text: String = user
        .read(&path)
        .lines()
        .map(|line| match line.split_once("creation_time:") {
            Some((indent, _)) => format!("{indent}creation_time: 0.0\n"),
            None => format!("{line}\n"),
        })
        .collect();
    user.write(&path, &text);
}

/// What the token info endpoint says of a token.
async fn token_info(platform: &Platform, token: &str) -> Value {
    let url = platform.identity_url().join("oauth2/tokeninfo").unwrap();
    let answer = stups_tests::client()
        .get(url)
        .bearer_auth(token.trim_end())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_login_is_the_originals_too_and_the_other_way_round() {
    let platform = Platform::start().await;

    let user = configured_person(&platform).await;
    let written = user.read(&user.config("kio/kio.yaml"));
    assert_eq!(
        written,
        format!("url: {}\n", platform.kio_url().as_str().trim_end_matches('/'))
    );
    let token = ours(&user, &["zign", "token", "-n", "a", "uid"]).await.succeeded();
    let info = token_info(&platform, &token).await;
    assert_eq!((&info["uid"], &info["realm"]), (&"admin".into(), &"/employees".into()));
    assert!(info["scope"].as_array().unwrap().contains(&"uid".into()), "{info}");
    let browsed = user.browsed().await;

    // The original finds the token by its name, and gets another one by the refresh token: no browser for either.
    assert_eq!(
        user.run(&original("ztoken"), &["token", "-n", "a"]).await.succeeded(),
        token
    );
    user.run(&original("ztoken"), &["token", "-n", "b"]).await.succeeded();
    // And ours goes on with the original's refresh token.
    let token = ours(&user, &["ztoken", "token", "-n", "c"]).await.succeeded();
    assert_eq!(token_info(&platform, &token).await["uid"], "admin");
    expire(&user);
    user.run(&original("ztoken"), &["token", "-n", "a"]).await.succeeded();
    ours(&user, &["zign", "token", "-n", "c"]).await.succeeded();
    assert_eq!(user.browsed().await, browsed);

    let user = configured_person(&platform).await;
    let token = user.run(&original("ztoken"), &["token", "-n", "a"]).await.succeeded();
    let info = token_info(&platform, &token).await;
    assert!(info["scope"].as_array().unwrap().contains(&"uid".into()), "{info}");
    let browsed = user.browsed().await;
    assert_eq!(ours(&user, &["ztoken", "token", "-n", "a"]).await.succeeded(), token);
    ours(&user, &["zign", "token", "-n", "b", "uid"]).await.succeeded();
    assert_eq!(user.browsed().await, browsed);
    assert!(platform.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_start_says_to_try_works() {
    let platform = Platform::start().await;
    let mut user = User::new();
    user.set("BROWSER_USER", &platform.administrator().user);
    user.set("BROWSER_PASSWORD", &platform.administrator().password);
    let mut said = Vec::new();
    for command in platform.commands() {
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words[0], "stups", "{command}");
        said.push(ours(&user, &words[1..]).await.succeeded());
    }
    let [_, token, applications] = &said[..] else {
        panic!("three commands: {said:?}")
    };
    assert_eq!(token_info(&platform, token).await["uid"], "admin");
    assert!(applications.starts_with("Id"), "{applications}");
    // The first command has configured every tool, and one login is enough for all.
    let browsed = user.browsed().await;
    let users = ours(&user, &["identity", "user", "list", "-o", "json"])
        .await
        .succeeded();
    let users: Value = serde_json::from_str(&users).unwrap();
    assert_eq!(users[0]["id"], "admin");
    assert_eq!(user.browsed().await, browsed);
}

/// One address is enough: identity knows where the others are.
#[tokio::test(flavor = "multi_thread")]
async fn identity_tells_the_tools_where_everything_is() {
    let platform =
        Platform::start_with("[identity.autoconfig.zalando-aws-cli]\nservice_url = \"https://aws.example.org\"\n")
            .await;
    let user = User::new();
    let identity = platform.identity_url().as_str().trim_end_matches('/');
    ours(&user, &["configure", "--non-interactive", identity])
        .await
        .succeeded();
    let written = |section: &str| user.read(&user.config(&format!("{section}/{section}.yaml")));
    assert_eq!(
        written("kio"),
        format!("url: {}\n", platform.kio_url().as_str().trim_end_matches('/'))
    );
    assert_eq!(
        written("pierone"),
        format!("url: {}\n", platform.pierone_url().as_str().trim_end_matches('/'))
    );
    assert_eq!(written("identity"), format!("url: {identity}\n"));
    assert_eq!(written("zalando-aws-cli"), "service_url: https://aws.example.org\n");
    assert!(written("zalando-token-cli").contains(&format!("issuer: {identity}\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_refuses_gets_exit_code_2() {
    let platform = Platform::start().await;
    let mut user = configured_person(&platform).await;
    user.set("BROWSER_DECISION", "deny");
    let output = user.run(&original("ztoken"), &["token", "-n", "t"]).await;
    assert!(
        output
            .failed(2)
            .contains("Authentication failed: Failed to retrieve token")
    );
    let output = ours(&user, &["zign", "token", "-n", "t", "uid"]).await;
    assert!(output.failed(2).contains("access_denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_and_the_login_lives() {
    let platform = Platform::start().await;
    let user = configured_person(&platform).await;
    user.run(&original("ztoken"), &["token", "-n", "t"]).await.succeeded();
    let browsed = user.browsed().await;
    let names: Vec<String> = (0..20).map(|index| format!("t{index}")).collect();
    let runs = names.iter().enumerate().map(|(index, name)| {
        let user = &user;
        async move {
            if index % 2 == 0 {
                user.run(&original("ztoken"), &["token", "-n", name]).await.succeeded()
            } else {
                ours(user, &["ztoken", "token", "-n", name]).await.succeeded()
            }
        }
    });
    futures::future::join_all(runs).await;
    expire(&user);
    let token = ours(&user, &["ztoken", "token", "-n", "t"]).await.succeeded();
    assert_eq!(token_info(&platform, &token).await["uid"], "admin");
    assert_eq!(user.browsed().await, browsed);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_revoke_and_logout() {
    let platform = Platform::start().await;
    let mut user = User::new();
    user.set("BROWSER_USER", &platform.administrator().user);
    user.set("BROWSER_PASSWORD", &platform.administrator().password);
    // As the services say when they start.
    let issuer = platform.identity_url().as_str();
    ours(&user, &["zign", "login", "uid", "--name", "kio", "--issuer", issuer])
        .await
        .succeeded();
    let token = ours(&user, &["zign", "token", "-n", "kio", "uid"]).await.succeeded();
    ours(&user, &["zign", "revoke", "kio"]).await.succeeded();
    let url = platform.identity_url().join("oauth2/tokeninfo").unwrap();
    let answer = stups_tests::client()
        .get(url)
        .bearer_auth(token.trim_end())
        .send()
        .await
        .unwrap();
    assert_ne!(answer.status(), 200);
    let browsed = user.browsed().await;
    ours(&user, &["zign", "token", "-n", "kio"]).await.succeeded();
    assert_eq!(user.browsed().await, browsed);
    ours(&user, &["zign", "logout"]).await.succeeded();
    ours(&user, &["zign", "token", "-n", "kio"]).await.succeeded();
    assert_ne!(user.browsed().await, browsed);
}

#[tokio::test(flavor = "multi_thread")]
async fn httpie_gets_through_with_a_login_of_ours() {
    let platform = Platform::start().await;
    let user = configured_person(&platform).await;
    ours(&user, &["zign", "token", "-n", "demo", "uid"]).await.succeeded();
    let url = platform.kio_url().join("apps").unwrap();
    let words = [
        "--ignore-stdin",
        "--check-status",
        "--body",
        "--auth-type=zign",
        "-a",
        "demo:uid",
        "GET",
        url.as_str(),
    ];
    let answer = user.run(&original("http"), &words).await.succeeded();
    assert!(serde_json::from_str::<Value>(&answer).unwrap().is_array(), "{answer}");
}

/// The files that Mint and Berry deliver are what the programs of a service read, ours and the originals'.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_its_tokens_with_its_credentials() {
    let platform = Platform::start().await;
    let administrator = configured_person(&platform).await;
    let directory = administrator.path("meta").display().to_string();
    for words in [
        ["add", "stups_robot", "--owner", "stups", "--scope", "application.write"].as_slice(),
        &["password", "stups_robot", "--save", &directory],
        &["client", "stups_robot", "--save", &directory],
    ] {
        let all: Vec<&str> = ["identity", "service-user"].iter().chain(words).copied().collect();
        ours(&administrator, &all).await.succeeded();
    }
    let mut robot = User::new();
    let url = platform
        .identity_url()
        .join("oauth2/access_token?realm=/services")
        .unwrap();
    robot.set("CREDENTIALS_DIR", &directory);
    robot.set("OAUTH2_ACCESS_TOKEN_URL", url.as_str());
    let library = "import tokens; tokens.manage('robot', ['uid', 'application.write']); tokens.start(); print(tokens.get('robot'))";
    for (program, words) in [
        (
            executable("stups"),
            ["zign", "token", "-n", "robot", "uid", "application.write"].as_slice(),
        ),
        (original("zign"), &["token", "-n", "robot", "uid", "application.write"]),
        (original("python"), &["-c", library]),
    ] {
        let token = robot.run(&program, words).await.succeeded();
        let info = token_info(&platform, &token).await;
        assert_eq!(info["uid"], "stups_robot", "{program:?}");
        assert_eq!(info["realm"], "/services", "{program:?}");
        let scopes = info["scope"].as_array().unwrap();
        assert!(scopes.contains(&"application.write".into()), "{program:?}: {scopes:?}");
    }
    // What it was not given it does not get, and is told so in one line.
    let refused = ours(
        &robot,
        &["zign", "token", "-n", "robot", "uid", "application.write_all"],
    )
    .await
    .failed(1);
    assert_eq!(refused.lines().count(), 1, "{refused}");
}
