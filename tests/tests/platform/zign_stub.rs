//! zign and ztoken, ours and the unmodified originals, against a provider that answers as the original ones did.

use std::path::PathBuf;

use serde_json::Value;
use stups_testkit::{PythonEnvironment, Requirements};
use stups_tests::{Asked, Behaviour, Provider, User, executable};

/// A program under test: how it is called.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    first: Option<&'static str>,
}

impl Program {
    pub(crate) fn ours(tool: &'static str) -> Self {
        Self {
            path: executable("stups"),
            first: Some(tool),
        }
    }

    fn original(requirements: Requirements, tool: &'static str) -> Self {
        let environment = PythonEnvironment::get(requirements).unwrap();
        Self {
            path: environment.executable(tool),
            first: None,
        }
    }

    fn zign() -> Self {
        Self::original(Requirements::Zign, "zign")
    }

    pub(crate) fn ztoken() -> Self {
        Self::original(Requirements::Zign, "ztoken")
    }

    pub(crate) async fn run(&self, user: &User, arguments: &[&str]) -> stups_tests::Ended {
        let arguments: Vec<&str> = self.first.into_iter().chain(arguments.iter().copied()).collect();
        user.run(&self.path, &arguments).await
    }
}

/// A person whose configuration names the provider by its endpoints, as the originals have it.
pub(crate) fn person(provider: &Provider) -> User {
    let user = User::new();
    let text = format!(
        "authorize_url: {}\ntoken_url: {}\nclient_id: ztoken\nbusiness_partner_id: '42'\nlegacy_implicit: true\n",
        provider.url("authorize"),
        provider.url("token")
    );
    user.write(&user.config("zalando-token-cli/zalando-token-cli.yaml"), &text);
    user
}

/// The same for a provider that describes itself.
fn modern_person(provider: &Provider) -> User {
    let user = User::new();
    let text = format!("issuer: {}\nclient_id: ztoken\n", provider.url(""));
    user.write(&user.config("zalando-token-cli/zalando-token-cli.yaml"), &text);
    user
}

fn modern() -> Behaviour {
    Behaviour {
        modern: true,
        ..Behaviour::default()
    }
}

/// Makes the person run as a service.
fn with_credentials(user: &mut User, provider: &Provider) {
    user.write(
        &user.path("meta/user.json"),
        r#"{"application_username": "stups_x", "application_password": "pw"}"#,
    );
    user.write(
        &user.path("meta/client.json"),
        r#"{"client_id": "id", "client_secret": "sec"}"#,
    );
    let directory = user.path("meta").display().to_string();
    user.set("CREDENTIALS_DIR", &directory);
    user.set("OAUTH2_ACCESS_TOKEN_URL", &provider.url("token?realm=/services"));
}

pub(crate) fn tokens(user: &User) -> Value {
    let text = user.read(&user.config("zalando-token-cli/tokens.yaml"));
    json(&stups_yaml::load(&text).unwrap())
}

/// YAML as JSON, to compare it.
fn json(value: &stups_yaml::Value) -> Value {
    match value {
        stups_yaml::Value::Map(map) => map.iter().map(|(key, value)| (key.to_string(), json(value))).collect(),
        stups_yaml::Value::String(text) => Value::from(text.as_str()),
        stups_yaml::Value::Int(number) => Value::from(i64::try_from(*number).unwrap()),
        stups_yaml::Value::Float(number) => Value::from(*number),
        stups_yaml::Value::Null => Value::Null,
        stups_yaml::Value::Bool(value) => Value::from(*value),
        stups_yaml::Value::List(items) => items.iter().map(json).collect(),
    }
}

pub(crate) fn refresh_token(user: &User) -> String {
    user.read(&user.config("zalando-token-cli/refresh-token.yaml"))
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

fn posts(provider: &Provider) -> Vec<Asked> {
    let mut asked = provider.asked();
    asked.retain(|asked| asked.method == "POST");
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_token_is_asked_for_as_the_original_asks() {
    let provider = Provider::start(Behaviour::default()).await;
    let mut requests = Vec::new();
    for program in [Program::zign(), Program::ours("zign")] {
        let mut user = User::new();
        with_credentials(&mut user, &provider);
        let output = program.run(&user, &["token", "-n", "x", "uid", "pets.write"]).await;
        let token = output.succeeded();
        assert!(token.starts_with("eyJ") && token.ends_with(".sig\n"), "{token}");
        assert_eq!(token.lines().count(), 1);
        // A service token is not stored.
        assert_eq!(user.read(&user.config("zalando-token-cli/tokens.yaml")), "");
        requests.push(posts(&provider));
    }
    assert_eq!(requests[0].len(), 1);
    assert_eq!(requests[0], requests[1]);
    assert_eq!(requests[1][0].target, "/token?realm=/services");
    assert_eq!(requests[1][0].form["scope"], "uid pets.write");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_are_preferred_where_the_server_lists_them() {
    let provider = Provider::start(modern()).await;
    let mut user = User::new();
    with_credentials(&mut user, &provider);
    Program::ours("zign")
        .run(&user, &["token", "-n", "x", "uid"])
        .await
        .succeeded();
    let posts = posts(&provider);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].form["grant_type"], "client_credentials");
    assert_eq!(posts[0].authorization.as_deref(), Some("id:sec"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_service_token_is_one_line_and_exit_code_1() {
    let provider = Provider::start(Behaviour {
        token_status: Some(400),
        ..Behaviour::default()
    })
    .await;
    let mut user = User::new();
    with_credentials(&mut user, &provider);
    let original = Program::zign().run(&user, &["token", "-n", "x", "uid"]).await;
    assert_eq!((original.code, original.stdout.as_str()), (1, ""));
    let ours = Program::ours("zign").run(&user, &["token", "-n", "x", "uid"]).await;
    assert_eq!(ours.stdout, "");
    let stderr = ours.failed(1);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("Error: ") && stderr.contains("Not today"),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fixed_tokens_and_token_files_need_no_provider() {
    let mut user = User::new();
    user.set("OAUTH2_ACCESS_TOKENS", "a=fixed,b=other=x");
    user.set("CREDENTIALS_DIR", &user.path("meta").display().to_string());
    user.write(&user.path("meta/c-token-secret"), "from-file\n");
    for program in [Program::zign(), Program::ours("zign")] {
        for (name, token) in [("a", "fixed"), ("b", "other=x"), ("c", "from-file")] {
            let output = program.run(&user, &["token", "-n", name]).await.succeeded();
            assert_eq!(output, format!("{token}\n"), "{program:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_flow_of_old_servers() {
    let provider = Provider::start(Behaviour::default()).await;
    for program in [Program::ztoken(), Program::ours("ztoken")] {
        let user = person(&provider);
        let output = program.run(&user, &["token", "-n", "t"]).await;
        assert!(
            output
                .stderr
                .starts_with("Your browser has been opened to visit:\n\n\thttp://127.0.0.1:"),
            "{}",
            output.stderr
        );
        let token = output.succeeded();
        let entry = &tokens(&user)["t"];
        assert_eq!(entry["access_token"], token.trim_end());
        assert_eq!(
            (
                &entry["name"],
                &entry["scope"],
                &entry["token_type"],
                &entry["expires_in"]
            ),
            (&"t".into(), &"".into(), &"Bearer".into(), &3600.into())
        );
        assert!(entry["creation_time"].as_f64().unwrap() > 1.7e9);
        assert_eq!(
            refresh_token(&user),
            format!("refresh_token: {}\n", provider.refresh_token().unwrap())
        );
        // While it is valid nobody is asked.
        provider.asked();
        assert_eq!(program.run(&user, &["token", "-n", "t"]).await.succeeded(), token);
        assert_eq!(provider.asked(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_is_the_originals_with_a_state_and_encoded() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person(&provider);
    Program::ours("ztoken")
        .run(&user, &["token", "-n", "t"])
        .await
        .succeeded();
    let target = provider.asked().remove(0).target;
    let (query, state) = target.split_once("&state=").unwrap();
    assert_eq!(state.len(), 43);
    let redirect = query.split_once("redirect_uri=").unwrap().1.split('&').next().unwrap();
    assert!(redirect.starts_with("http%3A%2F%2Flocalhost%3A8"), "{redirect}");
    assert_eq!(
        query,
        format!("/authorize?client_id=ztoken&business_partner_id=42&redirect_uri={redirect}&response_type=token")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_needs_no_browser() {
    let provider = Provider::start(Behaviour {
        strict_reuse: true,
        ..Behaviour::default()
    })
    .await;
    for program in [Program::ztoken(), Program::ours("ztoken")] {
        let user = person(&provider);
        let first = program.run(&user, &["token", "-n", "t"]).await.succeeded();
        expire(&user);
        let before = provider.refresh_token().unwrap();
        provider.asked();
        let second = program.run(&user, &["token", "-n", "t"]).await.succeeded();
        assert_ne!(first, second);
        let asked = provider.asked();
        assert_eq!(asked.len(), 1, "{program:?}: {asked:?}");
        let form = &asked[0].form;
        assert_eq!(
            form.keys().collect::<Vec<_>>(),
            ["business_partner_id", "client_id", "grant_type", "refresh_token"]
        );
        assert_eq!(
            (form["refresh_token"].as_str(), form["client_id"].as_str()),
            (before.as_str(), "ztoken")
        );
        assert_eq!(asked[0].authorization, None);
        assert_eq!(
            refresh_token(&user),
            format!("refresh_token: {}\n", provider.refresh_token().unwrap())
        );
        // `-r` leaves the stored access token aside, not the refresh token.
        let third = program.run(&user, &["token", "-n", "t", "-r"]).await.succeeded();
        assert_ne!(second, third);
        assert_eq!(posts(&provider).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_refresh_token_keeps_the_one_that_is_there() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person(&provider);
    let ours = Program::ours("ztoken");
    ours.run(&user, &["token", "-n", "t"]).await.succeeded();
    let before = refresh_token(&user);
    provider.set(|behaviour| behaviour.refresh_tokens = false);
    expire(&user);
    ours.run(&user, &["token", "-n", "t"]).await.succeeded();
    assert_eq!(refresh_token(&user), before);
    // The original crashes there, after it has stored the access token.
    expire(&user);
    let original = Program::ztoken().run(&user, &["token", "-n", "t"]).await;
    assert_eq!(original.code, 1, "{}", original.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_refresh_token_leads_to_the_browser() {
    let provider = Provider::start(Behaviour {
        strict_reuse: true,
        ..Behaviour::default()
    })
    .await;
    for program in [Program::ztoken(), Program::ours("ztoken")] {
        let user = person(&provider);
        program.run(&user, &["token", "-n", "t"]).await.succeeded();
        expire(&user);
        user.write(
            &user.config("zalando-token-cli/refresh-token.yaml"),
            "refresh_token: stolen\n",
        );
        let output = program.run(&user, &["token", "-n", "t"]).await;
        assert!(
            output.stderr.contains("Your browser has been opened"),
            "{}",
            output.stderr
        );
        output.succeeded();
        assert_eq!(
            refresh_token(&user),
            format!("refresh_token: {}\n", provider.refresh_token().unwrap())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_ends_the_command_with_2() {
    let provider = Provider::start(Behaviour {
        deny: true,
        ..Behaviour::default()
    })
    .await;
    for program in [Program::ztoken(), Program::ours("ztoken"), Program::ours("zign")] {
        let user = person(&provider);
        let output = program.run(&user, &["token", "-n", "t"]).await;
        assert_eq!(output.stdout, "");
        let stderr = output.failed(2);
        assert!(
            stderr.contains("Error: Authentication failed: Failed to retrieve token"),
            "{stderr}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_read_what_the_other_has_stored() {
    let provider = Provider::start(Behaviour {
        strict_reuse: true,
        ..Behaviour::default()
    })
    .await;
    let (original, ours) = (Program::ztoken(), Program::ours("ztoken"));
    for (one, other) in [(&original, &ours), (&ours, &original)] {
        let user = person(&provider);
        let token = one.run(&user, &["token", "-n", "a"]).await.succeeded();
        provider.asked();
        // The same token by its name, and another one by the refresh token: no browser for either.
        assert_eq!(other.run(&user, &["token", "-n", "a"]).await.succeeded(), token);
        other.run(&user, &["token", "-n", "b"]).await.succeeded();
        one.run(&user, &["token", "-n", "c"]).await.succeeded();
        let methods: Vec<String> = provider.asked().into_iter().map(|asked| asked.method).collect();
        assert_eq!(methods, ["POST", "POST"]);

        let mut lists: Vec<Value> = Vec::new();
        for program in [one, other] {
            let list = program.run(&user, &["list", "-o", "json"]).await.succeeded();
            lists.push(serde_json::from_str(&list).unwrap());
        }
        assert_eq!(lists[0], lists[1]);
        let names: Vec<&str> = lists[0]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);

        other.run(&user, &["delete", "a"]).await.succeeded();
        other.run(&user, &["delete", "a"]).await.succeeded();
        assert_eq!(tokens(&user).as_object().unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_the_originals_byte_for_byte() {
    let user = User::new();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let text = format!(
        "short: {{access_token: abc, creation_time: {}, expires_in: 7200, scope: ''}}\nlong: {{access_token: {}, creation_time: {}, expires_in: 60, scope: uid cn}}\n",
        now - 1000.0,
        "x".repeat(60),
        now - 200_000.0
    );
    user.write(&user.config("zalando-token-cli/tokens.yaml"), &text);
    for format in ["json", "tsv"] {
        let original = Program::zign().run(&user, &["li", "-o", format]).await.succeeded();
        let ours = Program::ours("zign")
            .run(&user, &["li", "-o", format])
            .await
            .succeeded();
        assert_eq!(ours, original);
    }
    let original = Program::zign().run(&user, &["list"]).await.succeeded();
    let ours = Program::ours("zign").run(&user, &["list", "--show"]).await.succeeded();
    assert_eq!(ours, original);
    let masked = Program::ours("zign").run(&user, &["list"]).await.succeeded();
    assert!(!masked.contains("abc") && !masked.contains("xxxxxxxxx"), "{masked}");
    let empty = User::new();
    for program in [Program::zign(), Program::ours("zign")] {
        assert_eq!(program.run(&empty, &["li", "-o", "json"]).await.succeeded(), "[]\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_service_of_generation_a() {
    let provider = Provider::start(Behaviour::default()).await;
    let url = provider.url("access_token");
    let mut requests = Vec::new();
    let original = Program::original(Requirements::ZignOld, "zign");
    for program in [original, Program::ours("zign")] {
        let mut user = User::new();
        user.set("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring");
        let words = [
            "token",
            "-n",
            "o",
            "--url",
            &url,
            "--realm",
            "/employees",
            "-U",
            "jdoe",
            "-p",
            "pw",
            "uid",
            "cn",
            "pets.write",
        ];
        let token = program.run(&user, &words).await.succeeded();
        assert!(token.starts_with("eyJ"), "{token}");
        let entry = &tokens(&user)["o"];
        assert_eq!(
            (&entry["access_token"], &entry["realm"]),
            (&token.trim_end().into(), &"/employees".into())
        );
        assert!(entry["creation_time"].as_f64().unwrap() > 1.7e9);
        requests.push(provider.asked());
    }
    assert_eq!(requests[0].len(), 1);
    // One percent-encodes the slash, the other does not.
    let decoded = |asked: &Asked| asked.target.replace("%2F", "/");
    assert_eq!(
        decoded(&requests[0][0]),
        "/access_token?json=true&realm=/employees&scope=uid+cn"
    );
    assert_eq!(decoded(&requests[0][0]), decoded(&requests[1][0]));
    assert_eq!(requests[1][0].authorization.as_deref(), Some("jdoe:pw"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_service_that_refuses() {
    let provider = Provider::start(Behaviour::default()).await;
    let mut user = User::new();
    user.set("ZIGN_PASSWORD", "wrong");
    let ours = Program::ours("zign");
    let output = ours
        .run(
            &user,
            &["token", "--url", &provider.url("access_token"), "-U", "jdoe", "uid"],
        )
        .await;
    assert!(
        output
            .failed(2)
            .contains("Error: Authentication failed: Token Service returned")
    );
    let output = ours
        .run(
            &user,
            &["token", "--url", &provider.url("nothing"), "-U", "jdoe", "uid"],
        )
        .await;
    assert!(
        output
            .failed(1)
            .contains("Server error: Token Service returned HTTP status 404")
    );
    let output = ours
        .run(&user, &["token", "--insecure", "--url", "https://token.example.org/"])
        .await;
    assert!(output.failed(2).contains("--insecure"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ztoken_of_generation_b() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person(&provider);
    let original = Program::original(Requirements::ZignOld, "ztoken");
    let token = original.run(&user, &["token", "-n", "t"]).await.succeeded();
    // Ours closes what it leaves open to others.
    assert_eq!(
        Program::ours("ztoken")
            .run(&user, &["token", "-n", "t"])
            .await
            .succeeded(),
        token
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(user.config("zalando-token-cli/tokens.yaml"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    expire(&user);
    Program::ours("ztoken")
        .run(&user, &["token", "-n", "t"])
        .await
        .succeeded();
    expire(&user);
    original.run(&user, &["token", "-n", "t"]).await.succeeded();
    assert!(provider.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn httpie_sends_the_token_that_ours_has_stored() {
    let provider = Provider::start(Behaviour::default()).await;
    let user = person(&provider);
    let token = Program::ours("zign")
        .run(&user, &["token", "-n", "demo"])
        .await
        .succeeded();
    let http = Program::original(Requirements::Zign, "http");
    let answer = http
        .run(
            &user,
            &[
                "--ignore-stdin",
                "--body",
                "--auth-type=zign",
                "-a",
                "demo:uid",
                "GET",
                &provider.url("echo"),
            ],
        )
        .await
        .succeeded();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["authorization"], format!("Bearer {}", token.trim_end()));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_present_no_refresh_token_twice() {
    let provider = Provider::start(Behaviour {
        strict_reuse: true,
        ..Behaviour::default()
    })
    .await;
    let user = person(&provider);
    let ours = Program::ours("ztoken");
    ours.run(&user, &["token", "-n", "t"]).await.succeeded();
    let names: Vec<String> = (0..20).map(|index| format!("t{index}")).collect();
    let runs = names.iter().map(|name| {
        let (ours, user) = (&ours, &user);
        async move { ours.run(user, &["token", "-n", name]).await.succeeded() }
    });
    let runs = futures::future::join_all(runs).await;
    assert_eq!(runs.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
    assert!(provider.is_alive());
    assert_eq!(tokens(&user).as_object().unwrap().len(), 21);
    // The same name at once is one request: whoever comes second finds the token.
    expire(&user);
    posts(&provider);
    let runs = (0..10).map(|_| ours.run(&user, &["token", "-n", "t"]));
    let runs: Vec<String> = futures::future::join_all(runs)
        .await
        .into_iter()
        .map(stups_tests::Ended::succeeded)
        .collect();
    assert!(runs.iter().all(|token| *token == runs[0]));
    assert_eq!(posts(&provider).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_and_ours_at_once_lose_no_token() {
    // The originals exchange the refresh token outside the lock; the provider's grace is for them.
    let provider = Provider::start(Behaviour::default()).await;
    let user = person(&provider);
    let (original, ours) = (Program::ztoken(), Program::ours("ztoken"));
    ours.run(&user, &["token", "-n", "t"]).await.succeeded();
    let names: Vec<String> = (0..12).map(|index| format!("t{index}")).collect();
    let runs = names.iter().enumerate().map(|(index, name)| {
        let (program, user) = (if index % 2 == 0 { &original } else { &ours }, &user);
        async move { program.run(user, &["token", "-n", name]).await.succeeded() }
    });
    futures::future::join_all(runs).await;
    assert_eq!(tokens(&user).as_object().unwrap().len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_pkce_with_a_server_that_describes_itself() {
    let provider = Provider::start(modern()).await;
    let user = modern_person(&provider);
    let output = Program::ours("zign").run(&user, &["token", "-n", "t", "uid"]).await;
    let token = output.succeeded();
    assert_eq!(tokens(&user)["t"]["access_token"], token.trim_end());
    assert_eq!(tokens(&user)["t"]["scope"], "uid");
    let asked = provider.asked();
    let authorize = &asked
        .iter()
        .find(|asked| asked.target.starts_with("/authorize"))
        .unwrap()
        .target;
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "scope=uid",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A",
        "%2Fcallback&",
    ] {
        assert!(authorize.contains(part), "{authorize}");
    }
    let exchange = &asked.iter().find(|asked| asked.method == "POST").unwrap().form;
    assert_eq!(exchange["grant_type"], "authorization_code");
    assert!(!exchange.contains_key("business_partner_id"));
    // The browser ends on a page without the code in its address.
    let browsed = user.browsed().await;
    assert!(browsed.last().unwrap().ends_with("/done 200"), "{browsed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_server_is_refused() {
    let provider = Provider::start(Behaviour {
        issuer: Some("https://evil.example.org".to_owned()),
        ..modern()
    })
    .await;
    let user = modern_person(&provider);
    let stderr = Program::ours("zign").run(&user, &["token"]).await.failed(2);
    assert!(stderr.contains("another server"), "{stderr}");
    assert_eq!(posts(&provider), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_on_another_device() {
    let provider = Provider::start(modern()).await;
    let mut user = modern_person(&provider);
    for words in [["zign", "token", "--device"].as_slice(), &["zign", "token", "-r"]] {
        let output = user.run(&executable("stups"), words).await;
        assert!(
            output.stderr.contains("BCDF-GHJK") && output.stderr.contains("/activate"),
            "{}",
            output.stderr
        );
        assert_eq!(output.succeeded().lines().count(), 1);
        // Without a browser and a display it is the way that is taken.
        user.unset("BROWSER");
        std::fs::remove_file(user.config("zalando-token-cli/refresh-token.yaml")).unwrap();
    }
    provider.set(|behaviour| behaviour.deny = true);
    let output = Program::ours("zign").run(&user, &["token", "-r"]).await;
    assert!(output.failed(2).contains("access_denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_for_ever() {
    let provider = Provider::start(modern()).await;
    let mut user = modern_person(&provider);
    user.set("BROWSER", "true");
    let output = Program::ours("zign")
        .run(&user, &["token", "--login-timeout", "1"])
        .await;
    assert!(
        output
            .failed(2)
            .contains("Error: Authentication failed: Nobody logged in within 1 seconds")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_is_not_tried_with_the_implicit_flow_unasked() {
    let provider = Provider::start(Behaviour::default()).await;
    let mut user = person(&provider);
    user.set("ZALANDO_TOKEN_CLI_LEGACY_IMPLICIT", "false");
    let ours = Program::ours("zign");
    let stderr = ours.run(&user, &["token"]).await.failed(2);
    assert!(stderr.contains("--legacy-implicit"), "{stderr}");
    ours.run(&user, &["token", "--legacy-implicit"]).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn revoke_logout_info_exec_and_credentials() {
    let provider = Provider::start(modern()).await;
    let user = modern_person(&provider);
    let ours = Program::ours("zign");
    ours.run(&user, &["login"]).await.succeeded();
    let token = ours.run(&user, &["token"]).await.succeeded();
    let token = token.trim_end();

    let info: Value = serde_json::from_str(&ours.run(&user, &["info", "-o", "json"]).await.succeeded()).unwrap();
    assert_eq!(info["sub"], "jdoe");
    let info = ours.run(&user, &["info"]).await.succeeded();
    assert!(info.contains("/employees") && !info.contains(token), "{info}");
    assert!(
        ours.run(&user, &["info", "nothing"])
            .await
            .failed(1)
            .contains("no token named")
    );

    let words = [
        "exec",
        "default",
        "--",
        "sh",
        "-c",
        "echo $ACCESS_TOKEN; echo $OAUTH2_ACCESS_TOKENS; exit 7",
    ];
    let output = ours.run(&user, &words).await;
    assert_eq!(output.code, 7);
    assert_eq!(output.stdout, format!("{token}\ndefault={token}\n"));

    let helper = ours
        .run(&user, &["credential-helper", "kubectl", "-n", "default"])
        .await
        .succeeded();
    let helper: Value = serde_json::from_str(&helper).unwrap();
    assert_eq!(helper["status"]["token"], token);
    assert!(helper["status"]["expirationTimestamp"].is_string());
    let helper = ours
        .run(&user, &["credential-helper", "git", "-n", "default", "get"])
        .await
        .succeeded();
    assert_eq!(helper, format!("username=oauth2\npassword={token}\n"));
    ours.run(&user, &["credential-helper", "docker", "store"])
        .await
        .succeeded();

    provider.asked();
    ours.run(&user, &["revoke", "default"]).await.succeeded();
    let revoked = posts(&provider).remove(0);
    assert_eq!(
        (revoked.target.as_str(), revoked.form["token"].as_str()),
        ("/revoke", token)
    );
    assert_eq!(tokens(&user), serde_json::json!({}));

    let refresh = provider.refresh_token().unwrap();
    ours.run(&user, &["logout"]).await.succeeded();
    let revoked = posts(&provider).remove(0);
    assert_eq!(
        (revoked.form["token"].as_str(), revoked.form["token_type_hint"].as_str()),
        (refresh.as_str(), "refresh_token")
    );
    assert!(!user.config("zalando-token-cli/refresh-token.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_a_login_does_not_have_need_another_one() {
    let provider = Provider::start(modern()).await;
    let user = modern_person(&provider);
    let ours = Program::ours("zign");
    ours.run(&user, &["token", "-n", "t", "uid"]).await.succeeded();
    provider.asked();
    // Stored, and covered.
    ours.run(&user, &["token", "-n", "t"]).await.succeeded();
    assert_eq!(provider.asked(), []);
    // Another scope: the refresh token of the first login has it not.
    ours.run(&user, &["token", "-n", "t", "application.write"])
        .await
        .succeeded();
    assert!(
        provider
            .asked()
            .iter()
            .any(|asked| asked.target.contains("scope=application.write"))
    );
    assert_eq!(tokens(&user)["t"]["scope"], "application.write");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configuration_it_is_asked_for_and_remembered() {
    let provider = Provider::start(modern()).await;
    let user = User::new();
    let mut command = user.command(&executable("stups"), &["zign", "token"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let answers = format!("http://127.0.0.1:1/\n{}\nztoken\n", provider.url("authorize"));
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, answers.as_bytes())
        .await
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("Please enter the OAuth 2 Authorization Endpoint URL: Could not reach http://127.0.0.1:1/"),
        "{stderr}"
    );
    assert!(stderr.contains("Please enter the OAuth 2 Client ID: "), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
    let written = user.read(&user.config("zalando-token-cli/zalando-token-cli.yaml"));
    assert!(
        written.contains("client_id: ztoken\n") && written.contains(&provider.url("token")),
        "{written}"
    );
    // Nobody to ask: no hang.
    assert!(
        Program::ours("zign")
            .run(&User::new(), &["token"])
            .await
            .failed(1)
            .contains("Aborted!")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn help_version_and_wrong_usage() {
    let user = User::new();
    let (zign, ztoken) = (Program::ours("zign"), Program::ours("ztoken"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(zign.run(&user, &["-V"]).await.succeeded(), format!("zign {version}\n"));
    assert_eq!(
        ztoken.run(&user, &["--version"]).await.succeeded(),
        format!("ztoken {version}\n")
    );
    for option in [
        "--name",
        "--url",
        "--realm",
        "--user",
        "--password",
        "--insecure",
        "--refresh",
    ] {
        assert!(
            zign.run(&user, &["token", "-h"]).await.succeeded().contains(option),
            "{option}"
        );
    }
    for option in [
        "--name",
        "--authorize-url",
        "--token-url",
        "--client-id",
        "--business-partner-id",
        "--refresh",
    ] {
        assert!(
            ztoken.run(&user, &["token", "-h"]).await.succeeded().contains(option),
            "{option}"
        );
    }
    zign.run(&user, &[]).await.failed(2);
    zign.run(&user, &["lo"]).await.failed(2);
    zign.run(&user, &["token", "--nothing"]).await.failed(2);
}
