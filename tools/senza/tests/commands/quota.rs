//! The check that the account has room for a stack.

use serde_json::json;
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
