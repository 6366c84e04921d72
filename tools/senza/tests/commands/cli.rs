//! The command line itself.

use crate::account::{account, senza};
use crate::process::{finish, spawn};
use crate::scripted;

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
async fn the_schema_is_the_published_one() {
    let session = account().await.session();
    let outcome = senza(&session, "schema").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout == include_str!("../../../../docs/senza.schema.json"));
}

#[tokio::test]
async fn commands_may_be_abbreviated() {
    let session = account().await.session();
    for words in ["list", "li", "l", "ev", "reso", "inst", "st", "im"] {
        let outcome = senza(&session, words).await;
        assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
    }
    for (words, expected) in [
        ("in", "Too many matches: init, instances"),
        ("res", "Too many matches: resources, respawn-instances"),
        ("s", "Too many matches: scale, schema, status"),
        ("c", "Too many matches: cleanup, completion, config, console, create"),
        ("frobnicate", "No such command"),
        // Scripts know it as delete, though deploy begins so too.
        ("de", "Please specify at least one stack"),
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
async fn what_aws_refuses_is_told() {
    for (code, message, expected) in [
        (
            "ValidationError",
            "Stack [x] is odd",
            "Error: Validation Error: Stack [x] is odd\n",
        ),
        (
            "AccessDenied",
            "You may not",
            "Error: AWS missing access rights. Needed: cloudformation:ListStacks. (You may not)\n",
        ),
        (
            "ExpiredToken",
            "Too late",
            "Error: The AWS credentials have expired. Run `mai login` for new ones. (Too late)\n",
        ),
        (
            "Strange",
            "Never seen",
            "Error: Unknown Error: cloudformation ListStacks: Strange: Never seen\n",
        ),
    ] {
        let session = scripted::session(&[("ListStacks", scripted::error(code, message))]);
        let outcome = senza(&session, "list").await;
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (1, ""), "{code}");
        assert_eq!(outcome.stderr, expected);
        let outcome = senza(&session, "list --stacktrace-visible").await;
        let origin = format!("Call: cloudformation:ListStacks\nCode: {code}\nMessage: {message}\n");
        assert_eq!(outcome.stderr, format!("{expected}{origin}"));
    }
}

#[tokio::test]
async fn the_environment_may_leave_checks_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    std::fs::write(
        &file,
        "SenzaInfo: {StackName: a}\nResources: {Config: {Type: 'AWS::AutoScaling::LaunchConfiguration', Properties: \
         {UserData: {'Fn::Base64': \"#taupage-ami-config\\napplication_id: a\\n\"}}}}\n",
    )
    .unwrap();
    let identity = "<Arn>arn:aws:iam::1:user/jdoe</Arn><UserId>u</UserId><Account>1</Account>";
    for (said, is_success, shown) in [
        (
            "quota,application,team,image,tag,source",
            true,
            "Skipped checks quota, application, team, image, tag, source: --skip-check\n",
        ),
        ("tag,everything", false, "everything"),
        // Nothing is skipped: with nobody to answer, every check that is required fails.
        ("", false, "FAILED: "),
    ] {
        let (_, script) = scripted::recorded(&[("GetCallerIdentity", identity.to_owned())]);
        let environment = [
            ("AWS_ENDPOINT_URL", script.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "anybody"),
            ("AWS_SECRET_ACCESS_KEY", "anybody"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("SENZA_SKIP_CHECKS", said),
            ("NO_PROXY", "127.0.0.1"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let words = format!("create {} 1 --dry-run --require-checks", file.display());
        let output = finish(spawn(&words, environment.into())).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_success, "{stderr}");
        assert!(stderr.contains(shown), "{stderr}");
    }
}
