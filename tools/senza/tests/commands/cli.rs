//! The command line itself.

use crate::account::{account, senza};

#[tokio::test]
async fn version_and_help() {
    let session = account().await.session();
    for words in ["--version", "-V"] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stdout),
            (0, format!("Senza {}\n", env!("CARGO_PKG_VERSION")))
        );
    }
    for words in ["-h", "--help"] {
        let outcome = senza(&session, words).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        let commands: Vec<&str> = outcome
            .stdout
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
            .collect();
        let mut sorted = commands.clone();
        sorted.sort_unstable();
        assert_eq!(commands, sorted);
        for command in ["create", "init", "list", "traffic", "wait", "completion"] {
            assert!(commands.contains(&command), "{commands:?}");
        }
    }
    let outcome = senza(&session, "inst -h").await;
    assert_eq!(outcome.exit_code, 0);
    assert!(
        outcome.stdout.contains("--docker-image") && !outcome.stdout.contains("stacktrace"),
        "{}",
        outcome.stdout
    );
    let outcome = senza(&session, "").await;
    assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""));
}

#[tokio::test]
async fn commands_may_be_abbreviated() {
    let session = account().await.session();
    for words in ["list", "li", "l", "ev", "res", "inst", "st", "im"] {
        let outcome = senza(&session, words).await;
        assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
    }
    for (words, expected) in [
        ("in", "Too many matches: init, instances"),
        ("c", "Too many matches: completion, create"),
        ("frobnicate", "No such command"),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""), "{words}");
        assert!(
            outcome.stderr.contains(&format!("Error: {expected}")),
            "{words}: {}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn options_stand_anywhere_and_the_last_one_wins() {
    let session = account().await.session();
    for words in [
        "list --region us-east-1 -o json hello",
        "list hello -o json --region=us-east-1",
        "list --region eu-west-1 -o tsv hello --region us-east-1 -o json",
        "list -ojson -- hello",
        "list --stacktrace-visible --output=json hello",
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stdout.as_str()),
            (0, "[]\n"),
            "{words}: {}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn wrong_usage_is_told() {
    let session = account().await.session();
    for (words, expected) in [
        ("list --outp json", "--outp"),
        ("list -o xml", "xml"),
        ("list -o JSON", "JSON"),
        ("list -w 0", "0"),
        ("list -w 301", "301"),
        ("list --nonsense", "--nonsense"),
        ("wait -t never", "never"),
        (
            "list --region nowhere-1",
            "'nowhere-1'. Region must be one of the following AWS regions:\n  - ",
        ),
        ("list --profile x", "--profile"),
        ("init", "DEFINITION_FILE"),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""), "{words}");
        assert!(
            outcome.stderr.contains("Error: ") && outcome.stderr.contains(expected),
            "{words}: {}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn completion_scripts() {
    let session = account().await.session();
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef senza"),
        ("fish", "complete -c senza"),
    ] {
        let outcome = senza(&session, &format!("completion {shell}")).await;
        assert_eq!(outcome.exit_code, 0);
        assert!(outcome.stdout.contains(sign), "{shell}");
    }
}

#[tokio::test]
async fn an_unreachable_api_is_told_and_where_the_error_comes_from_on_request() {
    let anybody = stups_aws::Credentials::new("anybody", "anybody", None, None, "test");
    // Nothing listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let session = stups_aws::Session::with_credentials(anybody, "us-east-1", Some(&endpoint));
    let outcome = senza(&session, "list").await;
    assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    let outcome = senza(&session, "list --stacktrace-visible").await;
    assert!(
        outcome.stderr.contains("Call: cloudformation:ListStacks\n"),
        "{}",
        outcome.stderr
    );
}
