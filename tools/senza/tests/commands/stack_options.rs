//! What CloudFormation is told about how to go about a stack.

use crate::account::{Outcome, senza};
use crate::scripted::{Script, described, error, recorded, stacks};

const ALARM: &str = "arn:aws:cloudwatch:us-east-1:1:alarm:errors";
const ROLE: &str = "arn:aws:iam::1:role/cfn";

/// A command with `FILE`, a definition without components, and `POLICY`, a stack policy.
async fn run(words: &str, answers: &[(&str, String)]) -> (Outcome, Script) {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let file = write(
        "a.yaml",
        "SenzaInfo: {StackName: a}\nResources: {Topic: {Type: 'AWS::SNS::Topic'}}\n",
    );
    let policy = write("policy", "Statement: [{Effect: Allow}]\n");
    let identity = "<Arn>arn:aws:iam::1:user/jdoe</Arn><UserId>u</UserId><Account>1</Account>";
    let mut all = vec![("GetCallerIdentity", identity.to_owned())];
    all.extend(answers.iter().cloned());
    let (session, script) = recorded(&all);
    let words = words.replace("FILE", &file).replace("POLICY", &policy);
    (senza(&session, &words).await, script)
}

#[track_caller]
fn assert_said(body: &str, pairs: &[&str]) {
    for pair in pairs {
        assert!(body.split('&').any(|said| said == *pair), "{pair}: {body}");
    }
}

const TRIGGER: [&str; 4] = [
    "RollbackConfiguration.RollbackTriggers.member.1.Arn=arn%3Aaws%3Acloudwatch%3Aus-east-1%3A1%3Aalarm%3Aerrors",
    "RollbackConfiguration.RollbackTriggers.member.1.Type=AWS%3A%3ACloudWatch%3A%3AAlarm",
    "RollbackConfiguration.MonitoringTimeInMinutes=10",
    "RoleARN=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fcfn",
];
const POLICY: &str = "StackPolicyBody=%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%7D%5D%7D";

#[tokio::test]
async fn a_stack_is_created_and_updated_with_them() {
    let options = format!("--role-arn {ROLE} --rollback-alarm {ALARM} --rollback-monitoring 10m");
    let created = [("CreateStack", "<StackId>arn</StackId>".to_owned())];
    let words = format!(
        "create FILE 1 {options} --stack-policy POLICY --on-failure do-nothing --creation-timeout 1h --retain-except-on-create"
    );
    let (outcome, script) = run(&words, &created).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let body = script.bodies("CreateStack").remove(0);
    assert_said(&body, &TRIGGER);
    let said = [
        POLICY,
        "OnFailure=DO_NOTHING",
        "TimeoutInMinutes=60",
        "RetainExceptOnCreate=true",
    ];
    assert_said(&body, &said);

    let updated = [
        ("UpdateStack", "<StackId>arn</StackId>".to_owned()),
        ("GetTemplate", "<TemplateBody>{}</TemplateBody>".to_owned()),
    ];
    let (outcome, script) = run(
        &format!("update FILE 1 {options} --stack-policy POLICY --retain-except-on-create"),
        &updated,
    )
    .await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let body = script.bodies("UpdateStack").remove(0);
    assert_said(&body, &TRIGGER);
    assert_said(&body, &[POLICY, "RetainExceptOnCreate=true"]);

    // Without a word about them the stack keeps what it has.
    let (_, script) = run("update FILE 1", &updated).await;
    let body = script.bodies("UpdateStack").remove(0);
    for name in [
        "RoleARN",
        "StackPolicyBody",
        "RollbackConfiguration",
        "RetainExceptOnCreate",
    ] {
        assert!(!body.contains(name), "{name}: {body}");
    }
}

#[tokio::test]
async fn a_change_set_has_them_too() {
    let answers = [
        ("CreateChangeSet", "<Id>arn</Id>".to_owned()),
        ("DescribeChangeSet", "<Status>CREATE_COMPLETE</Status>".to_owned()),
    ];
    let words = format!(
        "create FILE 1 --change-set first --on-failure delete --role-arn {ROLE} --rollback-alarm {ALARM} --rollback-monitoring 10m"
    );
    let (outcome, script) = run(&words, &answers).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let body = script.bodies("CreateChangeSet").remove(0);
    assert_said(&body, &TRIGGER);
    assert_said(&body, &["OnStackFailure=DELETE"]);
    assert!(!body.contains("DeploymentMode"), "{body}");
}

#[tokio::test]
async fn a_change_set_takes_drift_back_on_request() {
    let answers = [
        ("GetTemplate", "<TemplateBody>{}</TemplateBody>".to_owned()),
        ("CreateChangeSet", "<Id>arn</Id>".to_owned()),
        ("DescribeChangeSet", "<Status>CREATE_COMPLETE</Status>".to_owned()),
    ];
    let (outcome, script) = run("update FILE 1 --change-set back --revert-drift", &answers).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert_said(
        &script.bodies("CreateChangeSet").remove(0),
        &["DeploymentMode=REVERT_DRIFT"],
    );
    let (outcome, _) = run("update FILE 1 --revert-drift", &answers).await;
    assert_eq!(outcome.exit_code, 2, "{}", outcome.stderr);
}

#[tokio::test]
async fn wrong_ones_are_wrong_usage() {
    let many = format!("--rollback-alarm {ALARM} ").repeat(6);
    for options in [
        many.trim_end(),
        "--rollback-alarm errors",
        "--rollback-monitoring 5m",
        &format!("--rollback-alarm {ALARM} --rollback-monitoring 4h"),
        "--stack-policy /nowhere",
        "--stack-policy FILE",
        "--creation-timeout 0",
        "--on-failure nothing",
        "--on-failure delete --disable-rollback",
        "--change-set x --protect",
        "--change-set x --stack-policy POLICY",
        "--change-set x --creation-timeout 5m",
    ] {
        let (outcome, script) = run(&format!("create FILE 1 {options}"), &[]).await;
        assert_eq!(outcome.exit_code, 2, "{options}: {}", outcome.stderr);
        assert!(script.bodies("CreateStack").is_empty());
    }
}

/// `delete` of a stack in this status.
async fn delete(options: &str, status: &str) -> (Outcome, Script) {
    let answers = [
        ("ListStacks", stacks(&[("a-1", status)], None)),
        ("DescribeStacks", described(&[("a-1", status)])),
        ("ListStackResources", "<StackResourceSummaries/>".to_owned()),
        ("DeleteStack", String::new()),
    ];
    run(&format!("delete a 1 {options}"), &answers).await
}

#[tokio::test]
async fn what_cannot_be_deleted_is_left_on_request() {
    for (options, said) in [
        (
            "--retain Bucket --retain Table",
            &["RetainResources.member.1=Bucket", "RetainResources.member.2=Table"][..],
        ),
        ("--leave-rest", &["DeletionMode=FORCE_DELETE_STACK"]),
        (
            "--role-arn arn:aws:iam::1:role/cfn",
            &["RoleARN=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fcfn"],
        ),
    ] {
        let (outcome, script) = delete(options, "DELETE_FAILED").await;
        assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
        assert_said(&script.bodies("DeleteStack")[0], said);
    }
    let (outcome, script) = delete("--leave-rest", "CREATE_COMPLETE").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .contains("Stack a-1 has status CREATE_COMPLETE: only when"),
        "{}",
        outcome.stderr
    );
    assert!(script.bodies("DeleteStack").is_empty());
    // It is said at the moment when it is needed.
    let (outcome, _) = delete("--wait", "DELETE_FAILED").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("senza delete --retain"), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_deployment_that_goes_on_is_not_checked_again() {
    let there = [
        ("DescribeStacks", described(&[("a-1", "CREATE_COMPLETE")])),
        (
            "CreateStack",
            error("AlreadyExistsException", "Stack [a-1] already exists"),
        ),
        (
            "GetTemplate",
            "<TemplateBody>{\"Resources\": {}}</TemplateBody>".to_owned(),
        ),
    ];
    let (outcome, script) = run("deploy FILE 1 --no-traffic --use-existing", &there).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(script.bodies("GetCallerIdentity").is_empty());
}
