//! `senza list`

use stups_terminal::Terminal;
use stups_testkit::Account;

use crate::account::{account, create_stack, delete_stack, redacted, senza, senza_on, topic_template};
use crate::scripted;

async fn account_with_stacks() -> Account {
    let account = account().await;
    create_stack(&account, "other-1", &topic_template("Another one")).await;
    create_stack(
        &account,
        "hello-world-v2",
        &topic_template("Hello World (ImageVersion: 0.2)"),
    )
    .await;
    create_stack(
        &account,
        "hello-world-v1",
        &topic_template("Hello World (ImageVersion: 0.1)"),
    )
    .await;
    create_stack(&account, "gone-v1", &topic_template("Gone")).await;
    delete_stack(&account, "gone-v1").await;
    account
}

#[tokio::test]
async fn formats() {
    let account = account_with_stacks().await;
    let session = account.session();
    for format in ["text", "json", "tsv"] {
        let outcome = senza(&session, &format!("list -o {format}")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("list_{format}"), redacted(&outcome.stdout));
    }
    let on_terminal = senza_on(Terminal::captured_tty(""), &session, &["list"]).await;
    assert!(
        on_terminal.stdout.contains("\u{1b}[32mCREATE_COMPLETE"),
        "{}",
        on_terminal.stdout
    );
}

#[tokio::test]
async fn references_select_and_all_includes_deleted_stacks() {
    let account = account_with_stacks().await;
    let session = account.session();
    for (words, expected) in [
        (
            "list -f stack_name -f version -o tsv hello-world",
            "stack_name\tversion\nhello-world\tv1\nhello-world\tv2\n",
        ),
        (
            "list -o tsv -f version hello-world v2 -f stack_name",
            "stack_name\tversion\nhello-world\tv2\n",
        ),
        ("li h.* v1 v2 -f version -o tsv", "version\nv1\nv2\n"),
        ("list -o tsv -f stack_name -f nonsense nothing", "stack_name\n"),
        (
            "list --all -o tsv -f stack_name -f status gone",
            "stack_name\tstatus\ngone\tDELETE_COMPLETE\n",
        ),
        ("list -o tsv -f stack_name gone", "stack_name\n"),
        ("list -o json nothing", "[]\n"),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stdout.as_str()),
            (0, expected),
            "{words}: {}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn a_definition_file_names_its_stacks() {
    let account = account_with_stacks().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hello.yaml");
    std::fs::write(&file, "SenzaInfo:\n  StackName: hello-world\n").unwrap();
    let file = file.to_str().unwrap();
    let words = ["list", file, "v1", "-o", "tsv", "-f", "stack_name"];
    let outcome = senza_on(Terminal::captured(""), &account.session(), &words).await;
    assert_eq!(outcome.stdout, "stack_name\nhello-world\n");

    std::fs::write(file, "SenzaInfo: [").unwrap();
    let outcome = senza_on(Terminal::captured(""), &account.session(), &["list", file]).await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .starts_with(&format!("Error: {file} is not a valid senza definition: line ")),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn wrong_references_are_told() {
    let session = account().await.session();
    let outcome = senza(&session, "list no-such-file.yaml").await;
    assert_eq!(outcome.exit_code, 1);
    assert_eq!(
        outcome.stderr,
        "Error: Could not open file no-such-file.yaml: No such file or directory\n"
    );
    let outcome = senza(&session, "list hello(").await;
    assert_eq!(outcome.exit_code, 2);
    assert!(
        outcome.stderr.contains("\"hello(\" is not a valid regular expression"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn nothing_but_stacks_is_asked_for() {
    let account = account_with_stacks().await;
    let before = account.requests().len();
    senza(&account.session(), "list").await;
    assert_eq!(account.requests()[before..], ["cloudformation:ListStacks"]);
}

#[tokio::test]
async fn names_and_versions_are_sorted_as_text() {
    let listed = scripted::stacks(
        &[
            ("a-v9", "CREATE_COMPLETE"),
            ("b-v1", "REVIEW_IN_PROGRESS"),
            ("a-v10", "IMPORT_COMPLETE"),
            ("Z-1", "CREATE_FAILED"),
        ],
        None,
    );
    let session = scripted::session(&[("ListStacks", listed)]);
    let outcome = senza(&session, "list -o tsv -f stack_name -f version -f status").await;
    assert_eq!(
        outcome.stdout,
        "stack_name\tversion\tstatus\nZ\t1\tCREATE_FAILED\na\tv10\tIMPORT_COMPLETE\na\tv9\tCREATE_COMPLETE\n\
         b\tv1\tREVIEW_IN_PROGRESS\n"
    );
}
