//! Commands that read ask AWS for no more than the original does.

use std::process::Command;

use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

use crate::account::{create_stack, senza};

/// A stack with a load balancer of its name, and an instance.
async fn fill(account: &Account, name: &str) {
    use stups_aws::ec2::types::{ResourceType, Tag, TagSpecification};
    let template = format!(
        r#"{{"Resources": {{"Balancer": {{"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {{
            "LoadBalancerName": "{name}", "AvailabilityZones": ["us-east-1a"],
            "Listeners": [{{"Protocol": "TCP", "LoadBalancerPort": "80", "InstancePort": "80"}}]}}}}}}}}"#
    );
    create_stack(account, name, &template).await;
    let ec2 = account.session().ec2();
    let images = ec2.describe_images().send().await.unwrap();
    let tag = Tag::builder().key("Name").value(name).build();
    let instance = ec2
        .run_instances()
        .image_id(images.images()[0].image_id().unwrap())
        .min_count(1)
        .max_count(1)
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::Instance)
                .tags(tag)
                .build(),
        );
    instance.send().await.unwrap();
}

fn run_original(account: &Account, words: &str) {
    let python = PythonEnvironment::get(Requirements::Senza).unwrap();
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(python.executable("senza"))
        .args(words.split(' '))
        .env("HOME", home.path())
        .env_remove("AWS_PROFILE")
        .envs(account.environment())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn reading_takes_no_more_calls_than_the_original_s() {
    let account = Account::standard(AwsApi::shared().await).await;
    for name in ["app-v1", "app-v2", "app-v3"] {
        fill(&account, name).await;
    }
    for words in [
        "list",
        "status app",
        "images",
        "instances app",
        "resources app",
        "events app",
        "domains app",
    ] {
        let calls = |before: usize| account.requests().split_off(before);
        let before = account.requests().len();
        run_original(&account, words);
        let original = calls(before);
        let before = account.requests().len();
        let outcome = senza(&account.session(), words).await;
        assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
        let ours = calls(before);
        assert!(
            !ours.is_empty() && ours.len() <= original.len(),
            "{words}:\n{ours:?}\n{original:?}"
        );
    }
}
