//! An account with much in it, and a long definition.

use std::fmt::Write;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use stups_aws::Session;
use stups_aws::ec2::types::{ResourceType, Tag, TagSpecification};
use stups_testkit::{Account, AwsApi};

use super::Place;

/// The long definition's file.
pub(super) const DEFINITION: &str = "large.yaml";

const LINES: usize = 5_000;
/// Stacks of one application, each with a load balancer and instances.
const FLEET: usize = 50;
const STACKS: usize = 200;
const INSTANCES_OF_EACH: i32 = 10;
/// How many calls fill the account at the same time.
const AT_A_TIME: usize = 8;

/// What is measured in the large account.
pub(super) const COMMANDS: [(&str, &[&str]); 3] = [
    ("list, 200 stacks", &["list"]),
    ("status, 50 stacks", &["status", "fleet"]),
    ("images, 500 inst.", &["images", "--hide-older-than", "10000"]),
];

/// The definition of `helloworld.yaml`, and queues until it has as many lines as it shall have.
pub(super) fn write_definition(place: &Place) -> Result<()> {
    let mut definition = std::fs::read_to_string(place.directory.join("helloworld.yaml"))?;
    definition.push_str("\nResources:\n");
    let mut lines = definition.lines().count();
    let mut number = 0;
    while lines < LINES {
        let queue = format!(
            "  Queue{number}:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: {number}\n      Tags:\n        \
             - Key: Version\n          Value: \"{{{{Arguments.ImageVersion}}}} of {{{{SenzaInfo.StackName}}}}\"\n      \
             RedrivePolicy:\n        deadLetterTargetArn:\n          Fn::GetAtt:\n            - Failed\n            - Arn\n        \
             maxReceiveCount: 5\n"
        );
        lines += queue.lines().count();
        definition.push_str(&queue);
        number += 1;
    }
    write!(definition, "  Failed:\n    Type: AWS::SQS::Queue\n")?;
    Ok(std::fs::write(place.directory.join(DEFINITION), definition)?)
}

/// An account with 200 stacks and 500 instances.
pub(super) async fn account(api: &AwsApi) -> Result<Account> {
    let account = Account::standard(api).await;
    let session = account.session();
    let image = image(&session).await?;
    let stacks = (0..STACKS).map(|number| {
        let (name, template) = if number < FLEET {
            let name = format!("fleet-v{number}");
            let template = fleet_template(&name);
            (name, template)
        } else {
            (
                format!("other{number}-v1"),
                r#"{"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}"#.to_owned(),
            )
        };
        fill(&session, &image, number, name, template)
    });
    futures::stream::iter(stacks)
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(account)
}

/// A stack and, for the fleet, its instances.
async fn fill(session: &Session, image: &str, number: usize, name: String, template: String) -> Result<()> {
    let stack = session.cloudformation().create_stack().stack_name(&name);
    stack.template_body(template).send().await?;
    if number >= FLEET {
        return Ok(());
    }
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::Instance)
        .tags(tag("Name", &name))
        .tags(tag("StackName", "fleet"))
        .build();
    let instances = session.ec2().run_instances().image_id(image).tag_specifications(tags);
    instances
        .min_count(INSTANCES_OF_EACH)
        .max_count(INSTANCES_OF_EACH)
        .send()
        .await?;
    Ok(())
}

fn fleet_template(name: &str) -> String {
    format!(
        r#"{{"Resources": {{"Balancer": {{"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {{
            "LoadBalancerName": "{name}", "AvailabilityZones": ["us-east-1a"],
            "Listeners": [{{"Protocol": "TCP", "LoadBalancerPort": "80", "InstancePort": "80"}}]}}}}}}}}"#
    )
}

async fn image(session: &Session) -> Result<String> {
    let filter = stups_aws::ec2::types::Filter::builder()
        .name("name")
        .values("Taupage-Public-AMI-*")
        .build();
    let images = session.ec2().describe_images().filters(filter).send().await?;
    let image = images.images().first().and_then(|image| image.image_id());
    Ok(image.context("the account has no Taupage image")?.to_owned())
}
