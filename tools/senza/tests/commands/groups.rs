//! Stacks with Auto Scaling groups.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use stups_aws::autoscaling::types::{AutoScalingGroup, LaunchConfiguration};
use stups_testkit::Account;

use crate::account::create_stack;

/// What instances read when they start.
pub(crate) const USER_DATA: &str = "#taupage-ami-config\nruntime: Docker\nsource: stups/hello-world:0.1\n";

/// Smallest, desired and largest number of instances.
pub(crate) type Sizes = (i32, i32, i32);

/// Some image of the account.
pub(crate) async fn image(account: &Account) -> String {
    let images = account.session().ec2().describe_images().send().await.unwrap();
    images.images()[0].image_id().unwrap().to_owned()
}

/// Creates a stack with a group that launches from a launch configuration; the answer is the group's name.
pub(crate) async fn with_configuration(account: &Account, stack: &str, sizes: Sizes) -> String {
    let launch = json!({"LaunchConfigurationName": {"Ref": "AppServerConfig"}});
    let config = json!({"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {
        "ImageId": image(account).await, "InstanceType": "t2.micro", "UserData": STANDARD.encode(USER_DATA),
        "KeyName": "my-key", "AssociatePublicIpAddress": true}});
    create_with(account, stack, &config, &launch, sizes).await
}

/// As [`with_configuration`], from a launch template.
pub(crate) async fn with_template(account: &Account, stack: &str, sizes: Sizes) -> String {
    let launch = json!({"LaunchTemplate": {"LaunchTemplateId": {"Ref": "AppServerConfig"}, "Version": "1"}});
    let config = json!({"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {
        "ImageId": image(account).await, "InstanceType": "t2.micro", "UserData": STANDARD.encode(USER_DATA),
        "KeyName": "my-key"}}});
    create_with(account, stack, &config, &launch, sizes).await
}

/// As [`with_configuration`], behind a classic load balancer and a target group.
pub(crate) async fn behind_load_balancers(account: &Account, stack: &str, sizes: Sizes) -> String {
    let vpcs = account.session().ec2().describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let name = format!("{stack}-balanced");
    let elb = account.session().elb();
    let listener = stups_aws::elasticloadbalancing::types::Listener::builder()
        .protocol("HTTP")
        .load_balancer_port(80)
        .instance_port(80)
        .build()
        .unwrap();
    let create = elb.create_load_balancer().load_balancer_name(&name).listeners(listener);
    create.availability_zones("us-east-1a").send().await.unwrap();
    let create = account.session().elbv2().create_target_group().name(&name).vpc_id(vpc);
    let target_group = create.port(80).protocol("HTTP".into()).send().await.unwrap();
    let arn = target_group.target_groups()[0].target_group_arn().unwrap();
    let launch = json!({"LaunchConfigurationName": {"Ref": "AppServerConfig"},
        "LoadBalancerNames": [name], "TargetGroupARNs": [arn]});
    let config = json!({"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {
        "ImageId": image(account).await, "InstanceType": "t2.micro"}});
    create_with(account, stack, &config, &launch, sizes).await
}

async fn create_with(
    account: &Account,
    stack: &str,
    config: &Json,
    launch: &Json,
    (min, desired, max): Sizes,
) -> String {
    let (name, version) = stack.rsplit_once('-').unwrap();
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value, "PropagateAtLaunch": true});
    let mut group = json!({
        "AvailabilityZones": ["us-east-1a"],
        "MinSize": min, "DesiredCapacity": desired, "MaxSize": max,
        "Tags": [tag("Name", stack), tag("StackName", name), tag("StackVersion", version)],
    });
    group
        .as_object_mut()
        .unwrap()
        .extend(launch.as_object().unwrap().clone());
    let template = json!({"Resources": {
        "AppServerConfig": config,
        "AppServer": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group}}});
    create_stack(account, stack, &template.to_string()).await;
    let groups = account
        .session()
        .autoscaling()
        .describe_auto_scaling_groups()
        .send()
        .await
        .unwrap();
    let has_name = |group: &&AutoScalingGroup| group.tags().iter().any(|tag| tag.value() == Some(stack));
    let found = groups.auto_scaling_groups().iter().find(has_name);
    found.unwrap().auto_scaling_group_name().unwrap().to_owned()
}

/// The group as it is now.
pub(crate) async fn group(account: &Account, name: &str) -> AutoScalingGroup {
    let request = account.session().autoscaling().describe_auto_scaling_groups();
    let answer = request.auto_scaling_group_names(name).send().await.unwrap();
    answer.auto_scaling_groups()[0].clone()
}

/// Its sizes.
pub(crate) fn sizes(group: &AutoScalingGroup) -> Sizes {
    (
        group.min_size().unwrap(),
        group.desired_capacity().unwrap(),
        group.max_size().unwrap(),
    )
}

/// The ids of its instances.
pub(crate) fn ids(group: &AutoScalingGroup) -> BTreeSet<String> {
    let instances = group.instances().iter();
    instances
        .map(|instance| instance.instance_id().unwrap().to_owned())
        .collect()
}

/// The processes of it that are suspended.
pub(crate) fn suspended(group: &AutoScalingGroup) -> BTreeSet<&str> {
    let processes = group.suspended_processes().iter();
    processes.map(|process| process.process_name().unwrap()).collect()
}

/// Asserts that nothing is left of a run.
#[track_caller]
pub(crate) fn assert_untouched(group: &AutoScalingGroup, expected: Sizes) {
    assert_eq!(sizes(group), expected);
    assert_eq!(suspended(group), BTreeSet::new());
    let tags: Vec<_> = group.tags().iter().filter_map(|tag| tag.key()).collect();
    assert!(!tags.iter().any(|tag| tag.starts_with("senza:")), "{tags:?}");
    assert_eq!(group.instances().len(), usize::try_from(expected.1).unwrap());
}

/// The launch configuration that the group launches from.
pub(crate) async fn configuration(account: &Account, group: &AutoScalingGroup) -> LaunchConfiguration {
    let request = account.session().autoscaling().describe_launch_configurations();
    let name = group.launch_configuration_name().unwrap();
    let answer = request.launch_configuration_names(name).send().await.unwrap();
    answer.launch_configurations()[0].clone()
}

/// Text in base64.
pub(crate) fn decoded(user_data: &str) -> String {
    String::from_utf8(STANDARD.decode(user_data).unwrap()).unwrap()
}
