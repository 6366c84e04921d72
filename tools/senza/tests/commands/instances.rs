//! `senza instances`

use stups_aws::ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use stups_testkit::Account;

use crate::account::{account, create_stack, redacted, senza};

const USER_DATA: &str =
    "#taupage-ami-config\ncloudwatch_logs:\n  /var/log/syslog: system\nsource: stups/hello-world:0.1\n";

/// Runs instances that are tagged as those of the stack's group are; the answer is their ids.
pub(crate) async fn run_instances(account: &Account, stack: &str, version: &str, count: i32) -> Vec<String> {
    let full = format!("{stack}-{version}");
    let tags = [
        ("Name", full.as_str()),
        ("StackName", stack),
        ("StackVersion", version),
        ("stups:stack", &full),
    ];
    run_tagged(account, &tags, count).await
}

/// Runs instances with these tags; the answer is their ids.
pub(crate) async fn run_tagged(account: &Account, tags: &[(&str, &str)], count: i32) -> Vec<String> {
    use base64::Engine;
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build())
        .collect();
    let ec2 = account.session().ec2();
    let images = ec2.describe_images().send().await.unwrap();
    let answer = ec2
        .run_instances()
        .image_id(images.images().first().unwrap().image_id().unwrap())
        .instance_type(InstanceType::T2Micro)
        .min_count(count)
        .max_count(count)
        .user_data(base64::engine::general_purpose::STANDARD.encode(USER_DATA))
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::Instance)
                .set_tags(Some(tags))
                .build(),
        )
        .send()
        .await
        .unwrap();
    answer
        .instances()
        .iter()
        .map(|instance| instance.instance_id().unwrap().to_owned())
        .collect()
}

/// Puts instances behind a classic load balancer.
pub(crate) async fn register(account: &Account, load_balancer: &str, ids: &[String]) {
    use stups_aws::elasticloadbalancing::types::Instance;
    let instances = ids
        .iter()
        .map(|id| Instance::builder().instance_id(id).build())
        .collect();
    account
        .session()
        .elb()
        .register_instances_with_load_balancer()
        .load_balancer_name(load_balancer)
        .set_instances(Some(instances))
        .send()
        .await
        .unwrap();
}

const WITH_TARGET_GROUP: &str = r#"{"Resources": {
    "Group": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {
        "Name": "shortened", "Port": 80, "Protocol": "HTTP", "VpcId": "VPC"}}}}"#;

async fn account_with_instances() -> Account {
    let account = account().await;
    run_instances(&account, "hello-world", "v1", 2).await;
    run_instances(&account, "hello-world", "v2", 1).await;
    run_tagged(&account, &[("Name", "pet")], 1).await;
    run_tagged(&account, &[("Other", "x")], 1).await;
    account
}

#[tokio::test]
async fn formats() {
    let session = account_with_instances().await.session();
    for format in ["json", "tsv"] {
        let outcome = senza(&session, &format!("instances -o {format} hello-world v2")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("instances_{format}"), redacted(&outcome.stdout));
    }
    let fields = "-f stack_name -f version -f instance_id -f state -f lb_status -f launch_time";
    let outcome = senza(&session, &format!("instances {fields}")).await;
    insta::assert_snapshot!("instances_text", redacted(&outcome.stdout));
    let outcome = senza(
        &session,
        "instances hello-world v2 -o tsv -d -f version -f docker_source -f lb_status",
    )
    .await;
    assert_eq!(
        outcome.stdout,
        "version\tlb_status\tdocker_source\nv2\t\tstups/hello-world:0.1\n"
    );
}

#[tokio::test]
async fn only_named_and_living_instances_are_shown_unless_asked() {
    let account = account_with_instances().await;
    let session = account.session();
    let pets = run_tagged(&account, &[("Name", "dead")], 1).await;
    session
        .ec2()
        .terminate_instances()
        .instance_ids(&pets[0])
        .send()
        .await
        .unwrap();
    for (words, expected) in [
        ("", 4),
        ("--all", 5),
        ("--terminated", 5),
        ("--all --terminated", 6),
        ("hello-world v1", 2),
        ("pet", 1),
    ] {
        let outcome = senza(&session, &format!("instances -o tsv {words}")).await;
        assert_eq!(
            outcome.stdout.lines().count(),
            expected + 1,
            "{words}: {}",
            outcome.stdout
        );
    }
}

#[tokio::test]
async fn health_comes_from_the_stack_s_own_target_group() {
    let account = account().await;
    let session = account.session();
    let vpcs = session.ec2().describe_vpcs().send().await.unwrap();
    let template = WITH_TARGET_GROUP.replace("VPC", vpcs.vpcs()[0].vpc_id().unwrap());
    create_stack(&account, "a-very-long-application-name-indeed-v1", &template).await;
    let ids = run_instances(&account, "a-very-long-application-name-indeed", "v1", 1).await;
    let groups = session.elbv2().describe_target_groups().send().await.unwrap();
    let target = stups_aws::elasticloadbalancingv2::types::TargetDescription::builder()
        .id(&ids[0])
        .port(80)
        .build();
    session
        .elbv2()
        .register_targets()
        .target_group_arn(groups.target_groups()[0].target_group_arn().unwrap())
        .targets(target)
        .send()
        .await
        .unwrap();
    let outcome = senza(&session, "instances -o tsv -f state -f lb_status").await;
    assert_eq!(
        outcome.stdout, "state\tlb_status\nRUNNING\tHEALTHY\n",
        "{}",
        outcome.stderr
    );
}

/// A `piu` that writes down what it was told; the file, and the PATH that it is found in.
#[cfg(target_os = "linux")]
fn fake_piu(directory: &std::path::Path) -> (std::path::PathBuf, String) {
    use std::os::unix::fs::PermissionsExt;
    let (program, told) = (directory.join("piu"), directory.join("told"));
    std::fs::write(&program, format!("#!/bin/sh\necho \"$*\" >> {}\n", told.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    (told, path)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn access_is_requested_for_each_instance_through_the_bastion() {
    use crate::process::{finish, spawn};
    let account = account_with_instances().await;
    let directory = tempfile::tempdir().unwrap();
    let (told, path) = fake_piu(directory.path());
    for (words, odd_host, expected) in [
        (
            "hello-world v2 -p broken",
            "",
            [" broken via senza --connect"].as_slice(),
        ),
        (
            "hello-world v2 -p broken",
            "odd.a",
            &[" broken via senza --connect -O odd.a"],
        ),
        (
            "hello-world v2 -p broken -O odd.b",
            "odd.a",
            &[" broken via senza --connect -O odd.b"],
        ),
        (
            "hello-world v1 --piu broken --odd-host odd.b",
            "",
            &[" broken via senza -O odd.b", " broken via senza -O odd.b"],
        ),
    ] {
        let mut environment = account.environment();
        environment.extend(
            [("PATH", path.as_str()), ("ODD_HOST", odd_host)].map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let output = finish(spawn(&format!("instances {words}"), environment)).await;
        assert!(
            output.status.success(),
            "{words}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = std::fs::read_to_string(&told).unwrap();
        let mut asked: Vec<&str> = Vec::new();
        for line in lines.lines() {
            let rest = line.strip_prefix("request-access ").unwrap();
            let (address, rest) = rest.split_at(rest.find(' ').unwrap());
            assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{line}");
            asked.push(rest);
        }
        assert_eq!(asked, expected, "{words} {odd_host}");
        std::fs::remove_file(&told).unwrap();
    }
}

#[tokio::test]
async fn access_is_requested_with_a_tool_that_has_to_be_there() {
    // The test's own PATH has no piu: it is not installed where tests run, and nothing here makes a link to it.
    let account = account_with_instances().await;
    let outcome = senza(&account.session(), "instances hello-world v2 -p reason").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.starts_with("Error: Command not found: piu\n"),
        "{}",
        outcome.stderr
    );
}
