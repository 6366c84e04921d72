//! Versions that can't be deleted while they have traffic.

use stups_aws::Session;

use crate::account::{Outcome, senza};
use crate::proxy::{Proxy, Verdict};
use crate::traffic::{application, shares};

async fn done(session: &Session, words: &str) -> Outcome {
    let outcome = senza(session, words).await;
    assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
    outcome
}

#[tokio::test]
async fn protection_comes_and_goes_with_the_traffic() {
    let account = application().await;
    let session = account.session();
    done(&session, "traffic hello v2 50").await;
    assert!(account.protected_stacks().await.is_empty(), "only on request");
    let shared = done(&session, "traffic hello v2 10 --protect-traffic -o json").await;
    assert_eq!(
        account.protected_stacks().await,
        ["hello-v1", "hello-v2"],
        "all that have traffic"
    );
    assert!(
        shared.stderr.contains("Protecting hello-v1 against termination.. OK\n"),
        "{}",
        shared.stderr
    );
    assert!(shared.stdout.starts_with("[{") && shared.stdout.ends_with("}]\n"));

    for (words, expected) in [
        (
            "delete hello v1",
            "Error: Stack hello-v1 has traffic and is protected against termination! ",
        ),
        (
            "delete hello v1 --force",
            "Error: Stack hello-v1 has traffic and is protected against termination! ",
        ),
        (
            "delete hello v1 --force",
            "--force does not change that. Give its traffic to another version (senza traffic)",
        ),
        (
            "delete hello v1",
            "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name hello-v1",
        ),
    ] {
        let refused = senza(&session, words).await;
        assert_eq!(refused.exit_code, 1);
        assert!(refused.stderr.contains(expected), "{words}: {}", refused.stderr);
    }

    // A change without the option leaves protection alone, and does not forget where it came from.
    done(&session, "traffic hello v2 20").await;
    assert_eq!(account.protected_stacks().await, ["hello-v1", "hello-v2"]);
    let switched = done(&session, "traffic hello v2 100 --protect-traffic").await;
    assert_eq!(account.protected_stacks().await, ["hello-v2"]);
    assert!(
        switched
            .stderr
            .contains("hello-v1 has no traffic any more and is not protected against termination any more.\n"),
        "{}",
        switched.stderr
    );
    done(&session, "rollback hello -y --protect-traffic").await;
    assert_eq!(account.protected_stacks().await, ["hello-v1", "hello-v2"]);
    done(&session, "traffic hello v2 100 --protect-traffic").await;
    done(&session, "delete hello v1").await;
    done(&session, "traffic hello v3 100 --protect-traffic").await;
    assert_eq!(account.protected_stacks().await, ["hello-v3"]);
    done(&session, "traffic hello v3 0 --protect-traffic").await;
    assert!(account.protected_stacks().await.is_empty(), "off is off");
}

#[tokio::test]
async fn a_protection_that_a_person_switched_on_stays() {
    let account = application().await;
    let session = account.session();
    let request = session.cloudformation().update_termination_protection();
    let request = request.stack_name("hello-v1").enable_termination_protection(true);
    request.send().await.unwrap();
    done(&session, "traffic hello v2 50 --protect-traffic").await;
    assert_eq!(account.protected_stacks().await, ["hello-v1", "hello-v2"]);
    let outcome = done(&session, "traffic hello v2 100 --protect-traffic").await;
    assert_eq!(account.protected_stacks().await, ["hello-v1", "hello-v2"]);
    assert!(
        outcome
            .stderr
            .contains("hello-v1 has no traffic any more; it stays protected against termination"),
        "{}",
        outcome.stderr
    );
    let refused = senza(&session, "delete hello v1").await;
    assert!(
        refused
            .stderr
            .contains("Error: Stack hello-v1 is protected against termination! "),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn who_cannot_be_protected_gets_no_traffic() {
    let account = application().await;
    let proxy = Proxy::start(&account, |called| match called {
        "UpdateTerminationProtection" => Verdict::Refuse("AccessDenied", "You may not"),
        _ => Verdict::Pass,
    });
    let outcome = senza(&proxy.session(), "traffic hello v2 100 --protect-traffic").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.ends_with(
            "Error: AWS missing access rights. Needed: cloudformation:UpdateTerminationProtection. (You may not)\n"
        ),
        "{}",
        outcome.stderr
    );
    assert_eq!(shares(&account).await, "100.0 0.0 0.0");
}

#[tokio::test]
async fn a_change_that_fails_protects_nobody() {
    let account = application().await;
    let proxy = Proxy::start(&account, |called| match called {
        "UpdateStack" => Verdict::Refuse("ValidationError", "Stack is odd"),
        _ => Verdict::Pass,
    });
    let outcome = senza(&proxy.session(), "traffic hello v2 50 --protect-traffic").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("Protecting hello-v2"), "{}", outcome.stderr);
    assert_eq!(shares(&account).await, "100.0 0.0 0.0");
    assert!(account.protected_stacks().await.is_empty());
}

#[tokio::test]
async fn what_stays_protected_by_mistake_is_told() {
    let account = application().await;
    done(&account.session(), "traffic hello v2 50 --protect-traffic").await;
    let proxy = Proxy::start(&account, |called| match called {
        "UpdateTerminationProtection" => Verdict::Refuse("AccessDenied", "Not now"),
        _ => Verdict::Pass,
    });
    let outcome = done(&proxy.session(), "traffic hello v2 100 --protect-traffic").await;
    assert!(
        outcome
            .stderr
            .contains("hello-v1 is still protected against termination: AWS missing access rights."),
        "{}",
        outcome.stderr
    );
    assert_eq!(shares(&account).await, "0.0 100.0 0.0");
}
