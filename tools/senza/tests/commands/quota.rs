//! The check that the account has room for a stack.

use serde_json::{Value as Json, json};
use stups_testkit::Account;

use crate::account::{Outcome, account, senza};
use crate::proxy::{Proxy, Verdict};

/// Everything that is limited, once or twice.
fn definition() -> tempfile::NamedTempFile {
    let resource = |resource_type: &str| json!({"Type": resource_type});
    let role = json!({"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}});
    let definition = json!({"SenzaInfo": {"StackName": "app"}, "Resources": {
        "Classic": resource("AWS::ElasticLoadBalancing::LoadBalancer"),
        "Application": resource("AWS::ElasticLoadBalancingV2::LoadBalancer"),
        "Network": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "network"}},
        "TargetGroup": resource("AWS::ElasticLoadBalancingV2::TargetGroup"),
        "Group": resource("AWS::AutoScaling::AutoScalingGroup"),
        "OtherGroup": resource("AWS::AutoScaling::AutoScalingGroup"),
        "Configuration": resource("AWS::AutoScaling::LaunchConfiguration"),
        "Role": role,
        "Profile": resource("AWS::IAM::InstanceProfile"),
    }});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, definition.to_string()).unwrap();
    file
}

/// A dry run of `create` where these answers are others.
async fn dry_run(account: &Account, replaced: &[(&'static str, &'static str, &'static str)], options: &str) -> Outcome {
    let replaced = replaced.to_vec();
    let proxy = Proxy::start(account, move |called| {
        let pairs = replaced.iter().filter(|(call, ..)| *call == called);
        let pairs: Vec<(String, String)> = pairs
            .map(|(_, old, new)| ((*old).to_owned(), (*new).to_owned()))
            .collect();
        if pairs.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Rewrite(pairs)
        }
    });
    let definition = definition();
    let words = format!("create {} v1 --dry-run {options}", definition.path().display());
    senza(&proxy.session(), &words).await
}

#[tokio::test]
async fn a_stack_that_there_is_room_for_is_created() {
    let account = account().await;
    let before = account.requests().len();
    let outcome = dry_run(&account, &[], "").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("Checking limits of the account.. OK\n"),
        "{}",
        outcome.stderr
    );
    let mut calls = account.requests().split_off(before);
    calls.retain(|call| call.contains("Limits") || call.contains("Summary"));
    calls.sort();
    assert_eq!(
        calls,
        [
            "autoscaling:DescribeAccountLimits",
            "elasticloadbalancing:DescribeAccountLimits",
            "elasticloadbalancing:DescribeAccountLimits",
            "iam:GetAccountSummary",
        ]
    );
}

#[tokio::test]
async fn each_limit_that_is_reached_is_named() {
    let account = account().await;
    for (call, old, new, expected) in [
        (
            "DescribeAccountLimits",
            "<MaxNumberOfAutoScalingGroups>500<",
            "<MaxNumberOfAutoScalingGroups>1<",
            "the account has 0 of 1 Auto Scaling groups, and the stack makes 2 more",
        ),
        (
            "DescribeAccountLimits",
            "<MaxNumberOfLaunchConfigurations>200<",
            "<MaxNumberOfLaunchConfigurations>0<",
            "the account has 0 of 0 launch configurations, and the stack makes 1 more",
        ),
        (
            "DescribeAccountLimits",
            "<Name>classic-load-balancers</Name><Max>20<",
            "<Name>classic-load-balancers</Name><Max>0<",
            "the account has 0 of 0 classic load balancers, and the stack makes 1 more",
        ),
        (
            "DescribeAccountLimits",
            "<Name>application-load-balancers</Name><Max>20<",
            "<Name>application-load-balancers</Name><Max>0<",
            "the account has 0 of 0 application load balancers, and the stack makes 1 more",
        ),
        (
            "DescribeAccountLimits",
            "<Name>network-load-balancers</Name><Max>20<",
            "<Name>network-load-balancers</Name><Max>0<",
            "the account has 0 of 0 network load balancers, and the stack makes 1 more",
        ),
        (
            "DescribeAccountLimits",
            "<Name>target-groups</Name><Max>3000<",
            "<Name>target-groups</Name><Max>0<",
            "the account has 0 of 0 target groups, and the stack makes 1 more",
        ),
        (
            "GetAccountSummary",
            "<key>RolesQuota</key><value>1000<",
            "<key>RolesQuota</key><value>0<",
            "the account has 0 of 0 IAM roles, and the stack makes 1 more",
        ),
        (
            "GetAccountSummary",
            "<key>InstanceProfilesQuota</key><value>1000<",
            "<key>InstanceProfilesQuota</key><value>0<",
            "the account has 0 of 0 instance profiles, and the stack makes 1 more",
        ),
    ] {
        let outcome = dry_run(&account, &[(call, old, new)], "").await;
        assert_eq!(outcome.exit_code, 1, "{expected}: {}", outcome.stderr);
        let line = format!(
            "Checking limits of the account.. FAILED: {expected}; raise the limit in Service Quotas, or delete old versions: senza \
             cleanup (--skip-check quota)\nError: A check failed, nothing was created.\n"
        );
        assert!(outcome.stderr.ends_with(&line), "{}", outcome.stderr);
        let skipped = dry_run(&account, &[(call, old, new)], "--skip-check quota").await;
        assert_eq!(skipped.exit_code, 0, "{}", skipped.stderr);
        assert!(
            skipped.stderr.contains("Skipped check quota: --skip-check\n"),
            "{}",
            skipped.stderr
        );
    }
}

#[tokio::test]
async fn a_stack_that_is_there_already_has_its_place() {
    let account = account().await;
    crate::account::create_stack(&account, "app-v1", &crate::account::topic_template("there")).await;
    let none_left = [(
        "DescribeAccountLimits",
        "<MaxNumberOfAutoScalingGroups>500<",
        "<MaxNumberOfAutoScalingGroups>1<",
    )];
    let outcome = dry_run(&account, &none_left, "--update-if-exists").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
}

#[tokio::test]
async fn limits_that_nobody_tells_are_unknown() {
    let account = account().await;
    let proxy = Proxy::start(&account, |called| match called {
        "GetAccountSummary" => Verdict::Refuse("AccessDenied", "You may not"),
        _ => Verdict::Pass,
    });
    let definition = definition();
    let create = format!("create {} v1 --dry-run", definition.path().display());
    let outcome = senza(&proxy.session(), &create).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let unknown =
        "Checking limits of the account.. UNKNOWN: AWS does not tell the account's limits: AWS missing access rights.";
    assert!(outcome.stderr.contains(unknown), "{}", outcome.stderr);
    let required = senza(&proxy.session(), &format!("{create} --require-checks")).await;
    assert_eq!(required.exit_code, 1, "{}", required.stderr);
}

/// What Service Quotas tells of every limit.
fn limit(value: u32) -> String {
    json!({"Quota": {"Value": f64::from(value)}}).to_string()
}

/// A dry run of `create` where Service Quotas tells this of every limit.
async fn dry_run_of(account: &Account, definition: &Json, value: u32) -> Outcome {
    let proxy = Proxy::start(account, move |called| match called {
        "GetServiceQuota" => Verdict::Answer(limit(value)),
        _ => Verdict::Pass,
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, definition.to_string()).unwrap();
    let words = format!("create {} v1 --dry-run", file.path().display());
    senza(&proxy.session(), &words).await
}

fn group(instance_type: &str, minimum: u32, maximum: u32) -> Json {
    json!({"SenzaInfo": {"StackName": "app"}, "Resources": {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": instance_type}}},
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": minimum, "MaxSize": maximum,
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}}}},
    }})
}

#[tokio::test]
async fn an_account_has_place_for_so_many_stacks() {
    let account = account().await;
    let topic = json!({"SenzaInfo": {"StackName": "app"}, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}});
    crate::account::create_stack(&account, "other-v1", &crate::account::topic_template("other")).await;
    let fits = dry_run_of(&account, &topic, 2).await;
    assert_eq!(fits.exit_code, 0, "{}", fits.stderr);
    let full = dry_run_of(&account, &topic, 1).await;
    assert_eq!(full.exit_code, 1, "{}", full.stderr);
    let line =
        "Checking limits of the account.. FAILED: the account has 1 of 1 stacks; raise the limit in Service Quotas";
    assert!(full.stderr.contains(line), "{}", full.stderr);
    // One that is there already takes no further place.
    crate::account::create_stack(&account, "app-v1", &crate::account::topic_template("there")).await;
    let there = dry_run_of(&account, &topic, 1).await;
    assert_eq!(there.exit_code, 0, "{}", there.stderr);
}

#[tokio::test]
async fn virtual_cpus_of_what_runs_and_what_comes_are_counted() {
    let account = account().await;
    // One of moto's, with a virtual CPU.
    crate::instances::run_instances(&account, "other", "v1", 1).await;
    let described = account.session().ec2().describe_instances().send().await.unwrap();
    let running = described.reservations()[0].instances()[0]
        .instance_type()
        .unwrap()
        .clone();
    let sizes = account
        .session()
        .ec2()
        .describe_instance_types()
        .instance_types(running);
    let sizes = sizes.send().await.unwrap();
    let used = sizes.instance_types()[0]
        .v_cpu_info()
        .unwrap()
        .default_v_cpus()
        .unwrap();
    let used = u32::try_from(used).unwrap();
    // An m5.large has two.
    let before = account.requests().len();
    let fits = dry_run_of(&account, &group("m5.large", 1, 2), used + 4).await;
    assert_eq!(fits.exit_code, 0, "{}", fits.stderr);
    assert!(fits.stderr.contains("limits of the account.. OK"), "{}", fits.stderr);
    let calls = account.requests().split_off(before);
    let count = |call: &str| calls.iter().filter(|made| made.as_str() == call).count();
    assert_eq!(
        (count("ec2:DescribeInstances"), count("ec2:DescribeInstanceTypes")),
        (1, 1),
        "{calls:?}"
    );
    let tight = dry_run_of(&account, &group("m5.large", 1, 2), used + 3).await;
    assert_eq!(tight.exit_code, 0, "{}", tight.stderr);
    let limit = used + 3;
    let line = format!(
        "TIGHT: the account has {used} of {limit} virtual CPUs of standard on-demand instances, and the stack's groups can grow to 4 more"
    );
    assert!(tight.stderr.contains(&line), "{}", tight.stderr);
    let limit = used + 1;
    let full = dry_run_of(&account, &group("m5.large", 1, 2), limit).await;
    assert_eq!(full.exit_code, 1, "{}", full.stderr);
    let line = format!(
        "FAILED: the account has {used} of {limit} virtual CPUs of standard on-demand instances, and the stack starts 2 more; raise"
    );
    assert!(full.stderr.contains(&line), "{}", full.stderr);
    // Families with limits of their own are not counted.
    let other = dry_run_of(&account, &group("g4dn.xlarge", 1, 2), used).await;
    assert!(other.stderr.contains("limits of the account.. OK"), "{}", other.stderr);
}

#[tokio::test]
async fn limits_that_service_quotas_does_not_tell_are_unknown() {
    let account = account().await;
    let proxy = Proxy::start(&account, |called| match called {
        "GetServiceQuota" => Verdict::Refuse("AccessDeniedException", "You may not"),
        _ => Verdict::Pass,
    });
    let definition = definition();
    let create = format!("create {} v1 --dry-run", definition.path().display());
    let outcome = senza(&proxy.session(), &create).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let line =
        "Checking limits of the account.. UNKNOWN: AWS does not tell the account's limits: AWS missing access rights.";
    assert!(outcome.stderr.contains(line), "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr.matches("missing access rights").count(),
        1,
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_template_that_cloudformation_refuses_is_not_sent() {
    let account = account().await;
    let topic = |index: u32| (format!("Topic{index}"), json!({"Type": "AWS::SNS::Topic"}));
    let resources: serde_json::Map<String, Json> = (0..501).map(topic).collect();
    let many = json!({"SenzaInfo": {"StackName": "app"}, "Resources": resources});
    let outcome = dry_run_of(&account, &many, 10).await;
    assert_eq!(outcome.exit_code, 1, "{}", outcome.stderr);
    let line = "FAILED: the template has 501 resources, CloudFormation takes at most 500";
    assert!(outcome.stderr.contains(line), "{}", outcome.stderr);
    let name = "x".repeat(60_000);
    let large = json!({"SenzaInfo": {"StackName": "app"}, "Description": "x", "Resources":
        {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}}}});
    let outcome = dry_run_of(&account, &large, 10).await;
    assert_eq!(outcome.exit_code, 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("at most 51200 in a request: name an S3 bucket"),
        "{}",
        outcome.stderr
    );
}
