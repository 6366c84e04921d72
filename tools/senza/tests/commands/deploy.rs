//! `senza deploy` and `wait --events` where moto is not like AWS: stacks that take time and fail.

use crate::account::senza;
use crate::scripted::{Script, described, error, events, recorded, session, stacks};

/// Newest first: one real failure, and what follows from it.
const EVENTS: [(&str, &str, &str); 4] = [
    (
        "a-1",
        "ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to create: [Role, AppServer].",
    ),
    ("Role", "CREATE_FAILED", "Resource creation cancelled"),
    ("AppServer", "CREATE_FAILED", "Received 0 SUCCESS signal(s) out of 1."),
    ("Group", "CREATE_COMPLETE", ""),
];

const ROOT_CAUSE: &str = "ROOT CAUSE: AppServer CREATE_FAILED: Received 0 SUCCESS signal(s) out of 1.\n\
                          HINT: No instance reported that the application runs.";

#[tokio::test]
async fn wait_shows_the_root_cause_first() {
    let session = session(&[
        ("ListStacks", stacks(&[("a-1", "CREATE_IN_PROGRESS")], None)),
        ("ListStacks", stacks(&[("a-1", "ROLLBACK_COMPLETE")], None)),
        ("DescribeStackEvents", events(&EVENTS[2..], None)),
        ("DescribeStackEvents", events(&EVENTS, None)),
    ]);
    let outcome = senza(&session, "wait a 1 --events -i 1").await;
    assert_eq!(outcome.exit_code, 1);
    let (shown, rest) = outcome.stderr.split_once("ROOT CAUSE").unwrap();
    assert_eq!(
        shown,
        "00:00:00 CREATE_COMPLETE  Group\n\
         00:00:00 CREATE_FAILED  AppServer: Received 0 SUCCESS signal(s) out of 1.\n\
         00:00:00 CREATE_FAILED  Role: Resource creation cancelled\n\
         00:00:00 ROLLBACK_IN_PROGRESS  a-1: The following resource(s) failed to create: [Role, AppServer].\n"
    );
    assert!(format!("ROOT CAUSE{rest}").starts_with(ROOT_CAUSE), "{rest}");
    assert!(
        rest.ends_with("ERROR: Stack a-1 has status ROLLBACK_COMPLETE\n"),
        "{rest}"
    );
}

/// A version whose creation fails.
async fn failing(options: &str) -> (crate::account::Outcome, Script) {
    let status = if options.contains("--on-failure delete") {
        "DELETE_COMPLETE"
    } else {
        "ROLLBACK_COMPLETE"
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    std::fs::write(
        &file,
        "SenzaInfo: {StackName: a}\nResources: {Topic: {Type: 'AWS::SNS::Topic'}}\n",
    )
    .unwrap();
    let (session, script) = recorded(&[
        (
            "GetTemplate",
            error("ValidationError", "Stack with id a-1 does not exist"),
        ),
        (
            "DescribeStacks",
            error("ValidationError", "Stack with id a-1 does not exist"),
        ),
        (
            "GetCallerIdentity",
            "<Arn>arn:aws:iam::1:user/jdoe</Arn><UserId>u</UserId><Account>1</Account>".to_owned(),
        ),
        (
            "CreateStack",
            "<StackId>arn:aws:cloudformation:us-east-1:1:stack/a-1/1</StackId>".to_owned(),
        ),
        ("DescribeStacks", described(&[("a-1", "CREATE_IN_PROGRESS")])),
        ("DescribeStacks", described(&[("a-1", status)])),
        ("DescribeStacks", described(&[("a-1", "DELETE_COMPLETE")])),
        ("DescribeStackEvents", events(&EVENTS, None)),
        ("DeleteStack", String::new()),
    ]);
    let outcome = senza(&session, &format!("deploy {} 1 {options}", file.display())).await;
    (outcome, script)
}

#[tokio::test]
async fn a_version_that_cannot_be_created_is_explained_and_kept() {
    let (outcome, _) = failing("").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains(ROOT_CAUSE), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("Error: Stack a-1 has status ROLLBACK_COMPLETE; traffic was not touched. The stack stays"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("Deleting"), "{}", outcome.stderr);
}

#[tokio::test]
async fn or_deleted() {
    let (outcome, _) = failing("--on-failed-create delete").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("Deleting Cloud Formation stack a-1.. OK\n"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome
            .stderr
            .ends_with("Error: Stack a-1 had status ROLLBACK_COMPLETE and was deleted; traffic was not touched.\n"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn cloudformation_may_delete_it_itself() {
    let (outcome, script) = failing("--on-failure delete --on-failed-create delete").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains(ROOT_CAUSE), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .ends_with("Error: Stack a-1 could not be created and was deleted; traffic was not touched.\n"),
        "{}",
        outcome.stderr
    );
    assert!(script.bodies("DeleteStack").is_empty());
    let body = script.bodies("CreateStack").remove(0);
    assert!(
        body.contains("&OnFailure=DELETE&") && !body.contains("DisableRollback"),
        "{body}"
    );
}

#[tokio::test]
async fn a_new_version_is_made_as_create_makes_it() {
    let options = "--disable-rollback --protect --creation-timeout 90s --role-arn arn:aws:iam::1:role/cfn -t k=v";
    let (_, script) = failing(options).await;
    let body = script.bodies("CreateStack").remove(0);
    for pair in [
        "DisableRollback=true",
        "EnableTerminationProtection=true",
        "TimeoutInMinutes=2",
        "RoleARN=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fcfn",
        "Key=k",
        "Key=application",
        "Value=arn%3Aaws%3Aiam%3A%3A1%3Auser%2Fjdoe",
    ] {
        assert!(body.contains(pair), "{pair}: {body}");
    }
}
