//! `senza traffic --timeout`, while CloudFormation is at work on the application's stacks.

use crate::account::senza;
use crate::scripted::{session, stacks};

const WAITING: &str = "Waiting for stack a-1 (UPDATE_IN_PROGRESS) to perform requested operation..\n";

#[tokio::test]
async fn stacks_in_progress_are_waited_for() {
    for (first, then) in [
        ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("CREATE_IN_PROGRESS", "CREATE_FAILED"),
    ] {
        let session = session(&[
            ("ListStacks", stacks(&[("a-1", first)], None)),
            ("ListStacks", stacks(&[("a-1", then)], None)),
            // It goes on with what is there now: nothing.
            ("ListStacks", stacks(&[], None)),
        ]);
        let outcome = senza(&session, "traffic a 1 100 -t 600 -i 1").await;
        let waited = WAITING.replace("UPDATE_IN_PROGRESS", first);
        assert_eq!(outcome.stderr.matches("Waiting").count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.starts_with(&waited), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("Stack version 1 not found"),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.exit_code, 2);
    }
}

#[tokio::test]
async fn one_that_stays_in_progress_is_given_up() {
    let session = session(&[("ListStacks", stacks(&[("a-1", "UPDATE_IN_PROGRESS")], None))]);
    let outcome = senza(&session, "traffic a 1 100 -t 1 -i 1").await;
    assert!(outcome.stderr.starts_with(WAITING), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .ends_with("Timeout reached, requested operation not executed.\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.exit_code, 1);
}

#[tokio::test]
async fn no_stack_at_all_is_said() {
    let session = session(&[("ListStacks", stacks(&[], None))]);
    let outcome = senza(&session, "traffic a 1 100 -t 600").await;
    assert!(outcome.stderr.contains("Stack not found!"), "{}", outcome.stderr);
    assert_eq!(outcome.exit_code, 1);
}
