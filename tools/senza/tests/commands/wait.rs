//! `senza wait`

use crate::account::{account, create_stack, delete_stack, senza, topic_template};
use crate::scripted;

#[tokio::test]
async fn stacks_that_are_there() {
    let account = account().await;
    let session = account.session();
    create_stack(&account, "a-1", &topic_template("One")).await;
    create_stack(&account, "b-2", &topic_template("Two")).await;
    let cloudformation = session.cloudformation();
    let update = cloudformation
        .update_stack()
        .stack_name("b-2")
        .template_body(topic_template("Three"));
    update.send().await.unwrap();
    create_stack(&account, "c-3", &topic_template("Four")).await;
    delete_stack(&account, "c-3").await;
    for (words, exit_code, expected) in [
        ("wait a 1", 0, "OK: Stack(s) a-1 created successfully.\n"),
        ("wait b", 0, "OK: Stack(s) b-2 updated successfully.\n"),
        (
            "wait a 1 b 2",
            0,
            "OK: Stack(s) a-1, b-2 created/updated successfully.\n",
        ),
        ("wait c 3 -d", 0, "OK: Stack(s) c-3 deleted successfully.\n"),
        ("wait --deletion c", 0, "OK: Stack(s) c-3 deleted successfully.\n"),
        ("wait", 0, "OK: Stack(s) a-1, b-2 created/updated successfully.\n"),
        ("wait c 3", 1, "ERROR: Stack c-3 has status DELETE_COMPLETE\n"),
        ("wait -d a", 1, "ERROR: Stack a-1 has status CREATE_COMPLETE\n"),
        ("wait a -t 0", 1, "Aborted!\n"),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stderr.as_str()),
            (exit_code, expected),
            "{words}"
        );
        assert_eq!(outcome.stdout, "", "{words}");
    }
    let outcome = senza(&session, "wait a 1 b -o tsv --region us-east-1").await;
    assert_eq!(outcome.stderr, "OK: Stack(s) a-1, b-2 created/updated successfully.\n");
    let rows: Vec<Vec<&str>> = outcome.stdout.lines().map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows[0], ["stack_name", "version", "stack_id", "result"]);
    assert_eq!((rows[1][0], rows[1][1], rows[1][3]), ("a", "1", "created"));
    assert_eq!((rows[2][0], rows[2][1], rows[2][3]), ("b", "2", "updated"));
    assert!(rows[1][2].starts_with("arn:aws:cloudformation:us-east-1:"), "{rows:?}");
    let failed = senza(&session, "wait a -d -o json").await;
    assert_eq!((failed.exit_code, failed.stdout.as_str()), (1, ""));
    let outcome = senza(&session, "wait nothing v1").await;
    assert_eq!(outcome.exit_code, 2);
    assert!(
        outcome
            .stderr
            .contains("Error: No matching stack for \"nothing v1\" found\n"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_newer_stack_of_the_same_name_counts() {
    let account = account().await;
    create_stack(&account, "a-1", &topic_template("One")).await;
    delete_stack(&account, "a-1").await;
    create_stack(&account, "a-1", &topic_template("Two")).await;
    let outcome = senza(&account.session(), "wait a 1").await;
    assert_eq!(outcome.stderr, "OK: Stack(s) a-1 created successfully.\n");
}

#[tokio::test]
async fn one_in_progress_is_waited_for_until_it_is_there() {
    let session = scripted::session(&[
        ("ListStacks", scripted::stacks(&[("a-1", "CREATE_IN_PROGRESS")], None)),
        ("ListStacks", scripted::stacks(&[("a-1", "CREATE_COMPLETE")], None)),
    ]);
    let outcome = senza(&session, "wait a 1 -i 0").await;
    assert_eq!(
        outcome.stderr,
        "Waiting up to 1800 more secs for stack a-1 (CREATE_IN_PROGRESS)..\nOK: Stack(s) a-1 created successfully.\n"
    );
}

#[tokio::test]
async fn one_that_never_gets_there_is_given_up() {
    let session = scripted::session(&[("ListStacks", scripted::stacks(&[("a-1", "CREATE_IN_PROGRESS")], None))]);
    let outcome = senza(&session, "wait a 1 -t 1").await;
    assert_eq!(outcome.exit_code, 1);
    assert_eq!(
        outcome.stderr,
        "Waiting up to 1 more secs for stack a-1 (CREATE_IN_PROGRESS)..\nAborted!\n"
    );
}

#[tokio::test]
async fn one_that_failed_is_explained() {
    let session = scripted::session(&[
        ("ListStacks", scripted::stacks(&[("a-1", "ROLLBACK_COMPLETE")], None)),
        (
            "DescribeStackEvents",
            scripted::events(
                &[
                    ("a-1", "ROLLBACK_IN_PROGRESS", "AppServer failed"),
                    ("Ok", "CREATE_COMPLETE", "fine"),
                ],
                Some("more"),
            ),
        ),
        (
            "DescribeStackEvents",
            scripted::events(&[("AppServer", "CREATE_FAILED", "no image")], None),
        ),
    ]);
    let outcome = senza(&session, "wait a 1").await;
    assert_eq!(outcome.exit_code, 1);
    assert_eq!(
        outcome.stderr,
        "ERROR: AppServer CREATE_FAILED: no image\nERROR: a-1 ROLLBACK_IN_PROGRESS: AppServer failed\n\
         ERROR: Stack a-1 has status ROLLBACK_COMPLETE\n"
    );
}

#[tokio::test]
async fn all_pages_are_read() {
    let session = scripted::session(&[
        (
            "ListStacks",
            scripted::stacks(&[("a-1", "CREATE_COMPLETE")], Some("more")),
        ),
        ("ListStacks", scripted::stacks(&[("a-2", "REVIEW_IN_PROGRESS")], None)),
    ]);
    let outcome = senza(&session, "list -o tsv -f version -f status").await;
    assert_eq!(
        outcome.stdout,
        "version\tstatus\n1\tCREATE_COMPLETE\n2\tREVIEW_IN_PROGRESS\n"
    );
}
