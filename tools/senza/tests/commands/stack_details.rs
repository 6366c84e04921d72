//! `senza resources`, `senza events`, `senza status`

use stups_testkit::Account;

use crate::account::{account, create_stack, redacted, senza, topic_template};
use crate::scripted;

async fn account_with_stacks() -> Account {
    let account = account().await;
    create_stack(&account, "hello-world-v2", &topic_template("Two")).await;
    create_stack(&account, "hello-world-v1", &topic_template("One")).await;
    account
}

#[tokio::test]
async fn resources() {
    let session = account_with_stacks().await.session();
    for format in ["text", "json", "tsv"] {
        let outcome = senza(&session, &format!("resources hello-world -o {format}")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("resources_{format}"), redacted(&outcome.stdout));
    }
    let outcome = senza(&session, "reso hello-world v2 -f version -f LogicalResourceId -o tsv").await;
    assert_eq!(outcome.stdout, "version\tLogicalResourceId\nv2\tQueue\nv2\tTopic\n");
}

#[tokio::test]
async fn events() {
    let session = account_with_stacks().await.session();
    for format in ["text", "json", "tsv"] {
        let outcome = senza(&session, &format!("events hello-world v1 -o {format}")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("events_{format}"), redacted(&outcome.stdout));
    }
    let outcome = senza(&session, "events -f version -f ResourceStatus -o tsv hello-world v2 v1").await;
    assert_eq!(
        outcome.stdout,
        "version\tResourceStatus\nv2\tCREATE_IN_PROGRESS\nv2\tCREATE_COMPLETE\nv1\tCREATE_IN_PROGRESS\nv1\tCREATE_COMPLETE\n"
    );
}

#[tokio::test]
async fn what_a_hook_says_is_a_reason() {
    let event = "<StackEvents><member><StackId>arn</StackId><EventId>1</EventId><StackName>a-1</StackName>\
                 <LogicalResourceId>Bucket</LogicalResourceId><ResourceStatus>CREATE_IN_PROGRESS</ResourceStatus>\
                 <HookType>Acme::Hook</HookType><HookStatus>HOOK_COMPLETE_FAILED</HookStatus>\
                 <HookStatusReason>not encrypted</HookStatusReason><HookFailureMode>FAIL</HookFailureMode>\
                 <Timestamp>2026-01-01T00:00:00Z</Timestamp></member></StackEvents>";
    let session = scripted::session(&[
        ("ListStacks", scripted::stacks(&[("a-1", "ROLLBACK_COMPLETE")], None)),
        ("DescribeStackEvents", event.to_owned()),
    ]);
    let reason = "Hook Acme::Hook HOOK_COMPLETE_FAILED: not encrypted";
    let outcome = senza(&session, "events a -o tsv -f ResourceStatusReason").await;
    assert_eq!(
        outcome.stdout,
        format!("ResourceStatusReason\n{reason}\n"),
        "{}",
        outcome.stderr
    );
    let outcome = senza(&session, "wait a").await;
    let expected =
        format!("ERROR: Bucket CREATE_IN_PROGRESS: {reason}\nERROR: Stack a-1 has status ROLLBACK_COMPLETE\n");
    assert_eq!((outcome.exit_code, outcome.stderr), (1, expected));
}

/// A classic load balancer, and records that lead nowhere.
const WEB_TEMPLATE: &str = r#"{"Resources": {
    "AppLoadBalancer": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {
        "LoadBalancerName": "a-given-name",
        "AvailabilityZones": ["us-east-1a"],
        "Listeners": [{"LoadBalancerPort": "80", "InstancePort": "80", "Protocol": "HTTP"}]}},
    "AppLoadBalancerVersionDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
        "HostedZoneName": "stups.example.org.", "Name": "hello-v1.invalid.stups.example.org.", "Type": "CNAME", "TTL": "20",
        "ResourceRecords": ["nowhere.invalid"]}}}}"#;

#[tokio::test]
async fn status() {
    let account = account().await;
    create_stack(&account, "hello-world-v1", WEB_TEMPLATE).await;
    create_stack(&account, "plain-1", &topic_template("No instances")).await;
    let ids = crate::instances::run_instances(&account, "hello-world", "v1", 2).await;
    crate::instances::register(&account, "a-given-name", &ids[..1]).await;
    let session = account.session();
    for format in ["text", "json", "tsv"] {
        let outcome = senza(&session, &format!("status -o {format}")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("status_{format}"), redacted(&outcome.stdout));
    }
}

#[tokio::test]
async fn instances_are_asked_for_once_for_all_stacks() {
    let account = account_with_stacks().await;
    let before = account.requests().len();
    senza(&account.session(), "status").await;
    let mut requests = account.requests()[before..].to_vec();
    requests.sort();
    assert_eq!(
        requests,
        [
            "cloudformation:ListStackResources",
            "cloudformation:ListStackResources",
            "cloudformation:ListStacks",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeTags",
        ]
    );
}

#[tokio::test]
async fn instances_that_do_not_run_are_counted_apart() {
    let account = account().await;
    create_stack(&account, "hello-world-v1", &topic_template("Stopped")).await;
    let ids = crate::instances::run_instances(&account, "hello-world", "v1", 3).await;
    let ec2 = account.session().ec2();
    ec2.stop_instances().instance_ids(&ids[0]).send().await.unwrap();
    let outcome = senza(
        &account.session(),
        "status -o tsv -f total_instances -f running_instances",
    )
    .await;
    assert_eq!(
        outcome.stdout, "total_instances\trunning_instances\n3\t2\n",
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_main_name_that_leads_to_the_version_is_seen() {
    for (main, expected) in [("localhost", "yes"), ("nowhere.invalid", "")] {
        let records = scripted::records(&[("AppVersionDomain", "localhost"), ("AppMainDomain", main)]);
        let session = scripted::session(&[
            ("ListStacks", scripted::stacks(&[("a-1", "CREATE_COMPLETE")], None)),
            ("ListStackResources", records),
            ("DescribeTags", String::new()),
            ("DescribeInstanceStatus", String::new()),
        ]);
        let outcome = senza(&session, "status a 1 -o tsv -f main_dns").await;
        assert_eq!(outcome.stdout, format!("main_dns\n{expected}\n"), "{}", outcome.stderr);
    }
}
