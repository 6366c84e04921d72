//! `senza health`

use std::time::{Duration, SystemTime};

use stups_aws::cloudwatch::primitives::DateTime;
use stups_aws::cloudwatch::types::{Dimension, MetricDatum};
use stups_testkit::Account;

use crate::account::{account, create_stack, senza, topic_template};
use crate::instances::{register, run_instances};

const CLASSIC: &str = r#"{"Resources": {"AppLoadBalancer": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {
    "LoadBalancerName": "NAME", "AvailabilityZones": ["us-east-1a"],
    "Listeners": [{"LoadBalancerPort": "80", "InstancePort": "80", "Protocol": "HTTP"}]}}}}"#;

/// Creates a stack with a classic load balancer that is named like it.
pub(crate) async fn with_classic(account: &Account, stack: &str) {
    create_stack(account, stack, &CLASSIC.replace("NAME", stack)).await;
}

/// Creates a stack with an application load balancer that is named like it; the answer is what CloudWatch calls it.
pub(crate) async fn with_application(account: &Account, stack: &str) -> String {
    let session = account.session();
    let subnets = session.ec2().describe_subnets().send().await.unwrap();
    let ids: Vec<&str> = subnets
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_id())
        .collect();
    let template = serde_json::json!({"Resources": {"AppLoadBalancer": {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Name": stack, "Subnets": ids}}}});
    create_stack(account, stack, &template.to_string()).await;
    let balancers = session
        .elbv2()
        .describe_load_balancers()
        .names(stack)
        .send()
        .await
        .unwrap();
    let arn = balancers.load_balancers()[0].load_balancer_arn().unwrap();
    arn.split_once(":loadbalancer/").unwrap().1.to_owned()
}

/// Counts something: each figure is of one minute, the last one of the present.
pub(crate) async fn count(account: &Account, namespace: &str, balancer: (&str, &str), metric: &str, figures: &[f64]) {
    let now = SystemTime::now() - Duration::from_secs(10);
    let data = figures.iter().rev().zip(0..).map(|(figure, minutes)| {
        MetricDatum::builder()
            .metric_name(metric)
            .dimensions(Dimension::builder().name(balancer.0).value(balancer.1).build())
            .timestamp(DateTime::from(now - Duration::from_mins(minutes)))
            .value(*figure)
            .build()
    });
    let request = account.session().cloudwatch().put_metric_data().namespace(namespace);
    request.set_metric_data(Some(data.collect())).send().await.unwrap();
}

/// An account with figures for a stack of each generation, and a stack without load balancer.
pub(crate) async fn account_with_figures() -> Account {
    let account = account().await;
    with_classic(&account, "old-1").await;
    let ids = run_instances(&account, "old", "1", 2).await;
    register(&account, "old-1", &ids).await;
    let id = with_application(&account, "new-1").await;
    create_stack(&account, "plain-1", &topic_template("Nothing")).await;
    let classic = ("LoadBalancerName", "old-1");
    count(&account, "AWS/ELB", classic, "RequestCount", &[60.0, 135.0]).await;
    count(&account, "AWS/ELB", classic, "HTTPCode_Backend_5XX", &[3.0]).await;
    count(&account, "AWS/ELB", classic, "Latency", &[0.5, 0.0235]).await;
    let application = ("LoadBalancer", id.as_str());
    count(
        &account,
        "AWS/ApplicationELB",
        application,
        "RequestCount",
        &[600.0, 1200.0, 3.0],
    )
    .await;
    count(
        &account,
        "AWS/ApplicationELB",
        application,
        "HTTPCode_Target_4XX_Count",
        &[12.0, 0.0],
    )
    .await;
    count(
        &account,
        "AWS/ApplicationELB",
        application,
        "TargetResponseTime",
        &[0.0301, 7.0],
    )
    .await;
    account
}

#[tokio::test]
async fn figures_of_the_last_minutes_are_shown() {
    let account = account_with_figures().await;
    let before = account.requests().len();
    let outcome = senza(&account.session(), "health -o tsv").await;
    assert_eq!(
        outcome.stdout,
        "stack_name\tversion\tstatus\thealthy_hosts\trequests_per_sec\t4xx_percentage\t5xx_percentage\tlatency_ms\n\
         new\t1\tCREATE_COMPLETE\t\t20.0\t0.01\t\t30\n\
         old\t1\tCREATE_COMPLETE\t2\t2.25\t\t0.02\t24\n\
         plain\t1\tCREATE_COMPLETE\t\t\t\t\t\n",
        "{}",
        outcome.stderr
    );
    let calls = &account.requests()[before..];
    let cloudwatch = calls.iter().filter(|call| call.starts_with("monitoring:"));
    assert_eq!(cloudwatch.count(), 1, "{calls:?}");
    let outcome = senza(&account.session(), "health old -f latency_ms -f version").await;
    assert_eq!(outcome.stdout, "Ver.│Latency (ms)\n1              24 \n");
}

#[tokio::test]
async fn deleted_stacks_are_shown_on_request() {
    let account = account().await;
    create_stack(&account, "gone-1", &topic_template("Gone")).await;
    crate::account::delete_stack(&account, "gone-1").await;
    for (words, rows) in [("health -o tsv", 0), ("health --all -o tsv", 1)] {
        let outcome = senza(&account.session(), words).await;
        assert_eq!(outcome.stdout.lines().count(), rows + 1, "{}", outcome.stdout);
    }
}
