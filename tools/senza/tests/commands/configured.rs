//! What the configuration file says, to processes of their own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::account::{account, create_stack, topic_template};
use crate::process::{finish, spawn};
use crate::proxy::{Proxy, Verdict};
use crate::scripted;
use crate::traffic::application;

/// A home with this configuration file.
fn home(config: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("senza")).unwrap();
    fs::write(home.path().join("senza/config.yaml"), config).unwrap();
    home
}

async fn senza_at(home: &Path, mut environment: Vec<(String, String)>, words: &str) -> (bool, String, String) {
    let home = home.display().to_string();
    for name in ["XDG_CONFIG_HOME", "TMPDIR"] {
        environment.push((name.to_owned(), home.clone()));
    }
    let Output { status, stdout, stderr } = finish(spawn(words, environment)).await;
    let stdout = String::from_utf8(stdout).unwrap();
    // Without what the test harness says.
    let stdout = stdout.replace("running 1 test\n", "").trim_start().to_owned();
    (status.success(), stdout, String::from_utf8(stderr).unwrap())
}

fn with(mut environment: Vec<(String, String)>, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    environment.extend(
        changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    environment
}

#[tokio::test]
async fn options_have_defaults() {
    let account = account().await;
    create_stack(&account, "hello-v1", &topic_template("x")).await;
    let home = home(
        "defaults:\n  region: us-east-1\n  output: json\n  list:\n    field: [stack_name, version]\n  list.region: us-west-2\n",
    );
    let here = with(account.environment(), &[("AWS_DEFAULT_REGION", "us-east-1")]);
    let nowhere = with(account.environment(), &[("AWS_DEFAULT_REGION", "")]);
    let stack = "[{\"stack_name\": \"hello\", \"version\": \"v1\"}]\n";
    for (environment, words, expected) in [
        (&here, "list", stack),
        (&here, "list -o tsv -f version", "version\nv1\n"),
        // The command's own region, where there is no such stack; the one for all; the one that is said.
        (&nowhere, "list", "[]\n"),
        (&nowhere, "status -f stack_name", "[{\"stack_name\": \"hello\"}]\n"),
        (&nowhere, "list --region us-east-1", stack),
        (
            &nowhere,
            "config defaults.output",
            "[{\"key\": \"defaults.output\", \"value\": \"json\"}]\n",
        ),
    ] {
        let (is_success, stdout, stderr) = senza_at(home.path(), environment.clone(), words).await;
        assert!(is_success, "{words}: {stderr}");
        assert_eq!(stdout, expected, "{words}: {stderr}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_once() {
    let account = account().await;
    let definition = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    // It asks for what is configured: the zone, the owners of images, the generation of resources, a role and a bucket.
    let text = "SenzaInfo: {StackName: a}\nSenzaComponents: [Configuration: {Type: 'Senza::StupsAutoConfiguration'}]\n\
                Mappings: {Of: {Account: {Domain: '{{AccountInfo.Domain}}'}}}\n";
    fs::write(definition.path(), text).unwrap();
    let home = home("defaults: [\n");
    for words in [
        format!("create {} v1 --dry-run", definition.path().display()),
        "list".to_owned(),
        "config defaults.region".to_owned(),
    ] {
        let (_, _, stderr) = senza_at(home.path(), account.environment(), &words).await;
        let told = stderr.matches("senza/config.yaml").count();
        assert_eq!(told, 1, "{words}: {stderr}");
        assert_eq!(stderr.contains("**DRY-RUN**"), words.starts_with("create"), "{stderr}");
    }
}

#[tokio::test]
async fn protection_of_what_has_traffic_is_configured() {
    let account = application().await;
    let home = home("defaults: {protect_traffic: true}\n");
    for (words, expected) in [
        ("traffic hello v2 50", vec!["hello-v1", "hello-v2"]),
        (
            "traffic hello v2 100 --protect-traffic=false",
            vec!["hello-v1", "hello-v2"],
        ),
        ("traffic hello v2 99", vec!["hello-v2"]),
    ] {
        let (is_success, _, stderr) = senza_at(home.path(), account.environment(), words).await;
        assert!(is_success, "{words}: {stderr}");
        assert_eq!(account.protected_stacks().await, expected, "{words}: {stderr}");
    }
}

#[tokio::test]
async fn mistakes_in_defaults_name_file_and_key() {
    let account = account().await;
    let home = home("defaults:\n  list: {outptu: json}\n");
    let file = home.path().join("senza/config.yaml").display().to_string();
    let run = |words: &'static str| senza_at(home.path(), account.environment(), words);
    let (is_success, stdout, stderr) = run("list").await;
    assert_eq!((is_success, stdout.as_str()), (false, ""));
    let expected = format!("{file}: defaults.list.outptu: senza list has no option --outptu. Did you mean output?");
    assert!(stderr.contains(&format!("Error: {expected}\n")), "{stderr}");
    // Who mends it is not stopped by it.
    assert!(run("config defaults.list.outptu").await.2.is_empty());
    assert!(run("list --help").await.0);
    assert!(run("config defaults.region us-east-1").await.0);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "defaults:\n  list:\n    outptu: json\n  region: us-east-1\n"
    );
}

#[tokio::test]
async fn config_writes_defaults_of_commands() {
    let account = account().await;
    create_stack(&account, "hello-v1", &topic_template("x")).await;
    let home = tempfile::tempdir().unwrap();
    let run = |words: &'static str| senza_at(home.path(), account.environment(), words);
    for words in ["config defaults.list.output tsv", "config defaults.list.field version"] {
        assert!(run(words).await.0, "{words}");
    }
    assert_eq!(run("config defaults.list.output").await.1, "tsv\n");
    assert_eq!(run("list").await.1, "version\nv1\n");
}

/// A program that writes credentials to the file that the environment names, and down that it was called.
fn login(directory: &Path, environment: &[(String, String)], exit_code: u8) -> String {
    let value = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
    let program = directory.join("login");
    let script = format!(
        "#!/bin/sh\necho logged in \"$@\" | tee -a {log}\n[ {exit_code} = 0 ] || exit {exit_code}\ncat > {credentials} <<END\n[default]\n\
         aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\nEND\n",
        value("AWS_ACCESS_KEY_ID"),
        value("AWS_SECRET_ACCESS_KEY"),
        value("AWS_SESSION_TOKEN"),
        log = directory.join("log").display(),
        credentials = directory.join("credentials").display(),
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program.display().to_string()
}

/// The environment without credentials but those of the file in `home`.
fn without_credentials(environment: Vec<(String, String)>, home: &Path) -> Vec<(String, String)> {
    let file = home.join("credentials").display().to_string();
    with(
        environment,
        &[
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_SHARED_CREDENTIALS_FILE", &file),
        ],
    )
}

#[tokio::test]
async fn missing_credentials_are_fetched_where_that_is_configured() {
    let account = account().await;
    create_stack(&account, "hello-v1", &topic_template("x")).await;
    let home = home("");
    let environment = without_credentials(account.environment(), home.path());
    let list = || senza_at(home.path(), environment.clone(), "list -o json -f version");
    let (is_success, _, stderr) = list().await;
    assert!(!is_success && stderr.contains("No AWS credentials found."), "{stderr}");

    let program = login(home.path(), &account.environment(), 0);
    let config = home.path().join("senza/config.yaml");
    fs::write(&config, format!("login: {{command: {program} production}}\n")).unwrap();
    for _ in 0..2 {
        let (is_success, stdout, stderr) = list().await;
        assert!(is_success, "{stderr}");
        // What the command says is not data.
        assert_eq!(stdout, "[{\"version\": \"v1\"}]\n");
    }
    assert_eq!(
        fs::read_to_string(home.path().join("log")).unwrap(),
        "logged in production\n"
    );
}

#[tokio::test]
async fn expired_credentials_are_renewed_once() {
    let account = account().await;
    create_stack(&account, "hello-v1", &topic_template("x")).await;
    for (refusals, is_success) in [(1, true), (usize::MAX, false)] {
        let asked = AtomicUsize::new(0);
        let proxy = Proxy::start(&account, move |called| {
            if called == "GetCallerIdentity" && asked.fetch_add(1, Ordering::SeqCst) < refusals {
                Verdict::Refuse("ExpiredToken", "The security token included in the request is expired")
            } else {
                Verdict::Pass
            }
        });
        let home = home("");
        let program = login(home.path(), &account.environment(), 0);
        fs::write(
            home.path().join("senza/config.yaml"),
            format!("login: {{command: [{program}]}}\n"),
        )
        .unwrap();
        let (succeeded, stdout, stderr) = senza_at(home.path(), proxy.environment(), "list -o json -f version").await;
        assert_eq!(succeeded, is_success, "{stderr}");
        assert!(
            stderr.contains("The AWS credentials can't be used, running"),
            "{stderr}"
        );
        if is_success {
            assert_eq!(stdout, "[{\"version\": \"v1\"}]\n");
        } else {
            assert!(stderr.contains("Error: The AWS credentials have expired."), "{stderr}");
        }
        assert_eq!(
            fs::read_to_string(home.path().join("log")).unwrap(),
            "logged in\n",
            "once"
        );
    }
}

#[tokio::test]
async fn a_login_that_fails_is_told() {
    let account = account().await;
    let home = home("");
    let program = login(home.path(), &account.environment(), 3);
    let environment = without_credentials(account.environment(), home.path());
    for (command, expected) in [
        (program.as_str(), "failed (exit status: 3)"),
        (
            "/nowhere/mai",
            "`/nowhere/mai` could not be started: No such file or directory",
        ),
        ("''", "login.command in Senza's configuration file is no command"),
    ] {
        fs::write(
            home.path().join("senza/config.yaml"),
            format!("login: {{command: {command}}}\n"),
        )
        .unwrap();
        let (is_success, _, stderr) = senza_at(home.path(), environment.clone(), "list").await;
        assert!(!is_success && stderr.contains(expected), "{command}: {stderr}");
    }
}

/// The environment of somebody whose AWS is this script.
fn scripted_environment(endpoint: &str) -> Vec<(String, String)> {
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "anybody"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret-key"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    environment
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn an_unknown_error_is_in_a_file() {
    let strange = scripted::error("Strange", "Never seen very-secret-key");
    let (_, script) = scripted::recorded(&[("ListStacks", strange)]);
    let home = home("");
    let (is_success, stdout, stderr) = senza_at(home.path(), scripted_environment(&script.endpoint), "list").await;
    assert_eq!((is_success, stdout.as_str()), (false, ""));
    assert!(
        stderr.contains("Error: Unknown Error: cloudformation ListStacks: Strange: Never seen"),
        "{stderr}"
    );
    let (_, path) = stderr
        .trim_end()
        .split_once("Please create an issue with the content of ")
        .unwrap();
    let content = fs::read_to_string(path).unwrap();
    assert!(Path::new(path).starts_with(home.path()), "{path}");
    for part in [
        concat!("senza/", env!("CARGO_PKG_VERSION"), ", senza list\n"),
        "Unknown Error: cloudformation ListStacks: Strange: Never seen ****\n",
        "\nBacktrace:\n",
        "senza::commands::list::run",
    ] {
        assert!(content.contains(part), "{part} in\n{content}");
    }
    assert!(!content.contains("very-secret-key"));

    // Who sees it all needs no file.
    let (_, _, stderr) = senza_at(
        home.path(),
        scripted_environment(&script.endpoint),
        "list --stacktrace-visible",
    )
    .await;
    assert!(
        stderr.contains("Code: Strange") && !stderr.contains("senza-traceback-"),
        "{stderr}"
    );
}

/// `senza <words>` on a pseudo terminal; everything that it shows.
fn on_terminal(home: &Path, words: &str, environment: &[(&str, &str)]) -> String {
    let program = std::env::current_exe().unwrap();
    let line = format!(
        "exec '{}' --exact process::the_command --ignored --nocapture --quiet",
        program.display()
    );
    let output = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .env("SENZA_TEST_WORDS", words)
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("XDG_CONFIG_HOME", home)
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env_remove("SENZA_NO_UPDATE_CHECK")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_newer_release_is_told_on_a_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let feed = format!(
        "updates: {{feed: 'http://{}/latest'}}\n",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"tag_name": "v99.0.1"}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    let home = home(&feed);
    let version = concat!("Senza ", env!("CARGO_PKG_VERSION"));
    let warning = "\u{1b}[33m\u{1b}[1mThere is a newer release of Senza: 99.0.1.";
    for (words, environment, is_told) in [
        ("--version", &[][..], true),
        ("config updates.feed", &[], true),
        ("--version", &[("CI", "true")], false),
        ("--version", &[("SENZA_NO_UPDATE_CHECK", "1")], false),
        ("--help", &[], false),
    ] {
        let shown = on_terminal(home.path(), words, environment);
        assert_eq!(shown.contains(warning), is_told, "{words}: {shown:?}");
        assert!(words != "--version" || shown.contains(version), "{shown:?}");
    }
    assert_eq!(
        fs::read_to_string(home.path().join("senza/newest_version")).unwrap(),
        "99.0.1\n"
    );
}
