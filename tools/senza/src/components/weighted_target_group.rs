//! Senza::WeightedTargetGroup: a target group on the listener of a load balancer that all versions share.
//!
//! The stack gets the target group, a rule for the version's own name, and outputs that tell `senza traffic` which name and listener
//! the versions share. The rule for the shared name belongs to no stack.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::elastic_load_balancer::{HEALTH_CHECK_PATH, HEALTH_CHECK_PORT, HTTP_PORT, NAME_SUFFIX};
use super::properties::Properties;
use super::property_table::{Property, integer, list, open_map, text};
use super::resources::{add, members, section};
use super::{Component, Generation, elastic_load_balancer, reference};
use crate::Error;
use crate::account::ListenerRule;
use crate::commands::traffic::shared::{
    DOMAIN_OUTPUT, LISTENER_OUTPUT, LOWEST_PRIORITY, TARGET_GROUP_OUTPUT, free_priority,
};
use crate::route53::canonical;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[EVALUATED, PASSED_ON];

const EVALUATED: &[Property] = &[
    HTTP_PORT,
    text(
        "Listener",
        "ARN of the shared listener, or a reference to another stack's",
    )
    .required(),
    text("MainDomain", "the name whose requests the versions share")
        .default("the stack's name in the account's domain"),
    text("VersionDomain", "the version's own name")
        .default("the stack's name and version, in the domain of MainDomain"),
    text("HealthCheckProtocol", "protocol of the health check")
        .one_of(&PROTOCOLS)
        .default("HTTP"),
    HEALTH_CHECK_PATH,
    HEALTH_CHECK_PORT,
    integer("Priority", "priority of the rule for the version's own name").default("one that is free"),
    text("VpcId", "the VPC of the target group").default("the VPC of the subnets"),
    NAME_SUFFIX,
];

/// Properties of AWS::ElasticLoadBalancingV2::TargetGroup that are handed on.
const PASSED_ON: &[Property] = &[
    integer("HealthCheckIntervalSeconds", "seconds between two health checks").default("10"),
    integer("HealthCheckTimeoutSeconds", "seconds that a health check may take").default("5"),
    integer("HealthyThresholdCount", "successes that make an instance healthy").default("2"),
    integer("UnhealthyThresholdCount", "failures that make it unhealthy").default("2"),
    text("IpAddressType", "as in CloudFormation"),
    open_map("Matcher", &[], "answers that count as healthy, as in CloudFormation"),
    text("Protocol", "protocol of the target group").default("HTTP"),
    text("ProtocolVersion", "HTTP1, HTTP2 or GRPC"),
    list("TargetGroupAttributes", "as in CloudFormation").default("deregistration_delay.timeout_seconds 60"),
];

const PROTOCOLS: [&str; 2] = ["HTTP", "HTTPS"];

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let listener = listener(&properties, generation).await?;
    let names = Names::of(&properties, generation).await?;
    let priority = priority(&properties, &listener, &names.version, generation).await?;
    let group_id = format!("{}TargetGroup", component.name);
    let rule = members(json!({
        "ListenerArn": listener,
        "Priority": priority,
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": [names.version]}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": group_id}}],
    }));
    let group = target_group(&properties, generation).await?;
    let template = &mut *generation.template;
    add(template, &group_id, "AWS::ElasticLoadBalancingV2::TargetGroup", group)?;
    let rule_id = format!("{}VersionRule", component.name);
    add(template, &rule_id, "AWS::ElasticLoadBalancingV2::ListenerRule", rule)?;
    let outputs = section(template, &["Outputs"])?;
    for (name, value) in [
        (TARGET_GROUP_OUTPUT, json!({"Ref": group_id})),
        (LISTENER_OUTPUT, json!(listener)),
        (DOMAIN_OUTPUT, json!(names.main)),
    ] {
        outputs.insert(format!("{}{name}", component.name), json!({"Value": value}));
    }
    Ok(())
}

async fn target_group(
    properties: &Properties<'_>,
    generation: &Generation<'_>,
) -> Result<JsonMap<String, Json>, Error> {
    let port = properties.required("HTTPPort", "the port that instances listen on")?;
    let protocol = properties
        .filled_text("HealthCheckProtocol")?
        .unwrap_or_else(|| "HTTP".to_owned());
    if !PROTOCOLS.contains(&protocol.as_str()) {
        let message = format!("Protocol \"{protocol}\" is not supported for LoadBalancer, use HTTP or HTTPS");
        return Err(properties.error("HealthCheckProtocol", &message));
    }
    let vpc = match (properties.get("VpcId"), generation.account.stack_network()) {
        (Some(vpc), _) => reference::resolve(vpc, &properties.path("VpcId"), generation.account).await?,
        (None, Some(network)) => json!(network.vpc_id),
        (None, None) => json!(generation.account.vpc_id().await?),
    };
    let tags = generation
        .stack_tags()?
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    let check_port = properties.json("HealthCheckPort").unwrap_or_else(|| port.to_json());
    let path = properties.json("HealthCheckPath").unwrap_or_else(|| json!("/health"));
    let mut group = members(json!({
        "Name": elastic_load_balancer::name(properties, generation)?,
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckPath": path,
        "HealthCheckPort": check_port,
        "HealthCheckProtocol": protocol,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "Port": port.to_json(),
        "Protocol": "HTTP",
        "VpcId": vpc,
        "Tags": tags,
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
    }));
    reference::pass_on(properties, PASSED_ON, &mut group, generation).await?;
    Ok(group)
}

/// The listener's ARN. It has to be known now: the version's rule gets a priority that no other of its rules has.
async fn listener(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<String, Error> {
    let advice = "the ARN of the shared listener, or {Stack: ..., LogicalId: ...}";
    let written = properties.required("Listener", advice)?;
    let listener = reference::resolve(written, &properties.path("Listener"), generation.account).await?;
    match listener.as_str() {
        Some(arn) if arn.contains(":listener/") => Ok(arn.to_owned()),
        _ => Err(properties.error("Listener", &format!("must be {advice}"))),
    }
}

/// The name that versions share, and the version's own; both without a dot at the end.
struct Names {
    main: String,
    version: String,
}

impl Names {
    /// As with weighted DNS: `<StackName>.<domain>` and `<StackName>-<StackVersion>.<domain>`; a version whose main name is given
    /// stays beside it.
    async fn of(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Self, Error> {
        let given = |name: &str| -> Result<Option<String>, Error> {
            let text = properties.filled_text(name)?;
            Ok(text.map(|text| text.trim_end_matches('.').to_lowercase()))
        };
        let (main, version) = (given("MainDomain")?, given("VersionDomain")?);
        let domain = match &main {
            Some(main) => main
                .split_once('.')
                .map(|(_, domain)| domain.to_owned())
                .unwrap_or_default(),
            None => generation.account.domain().await?,
        };
        let under_domain = |label: String| format!("{label}.{domain}").to_lowercase();
        let names = Self {
            main: match main {
                Some(main) => main,
                None => under_domain(generation.stack_name()?),
            },
            version: match version {
                Some(version) => version,
                None => under_domain(generation.stack_id()?),
            },
        };
        if names.main == names.version {
            return Err(properties.error("VersionDomain", "must be another name than MainDomain"));
        }
        Ok(names)
    }
}

/// A priority that no other rule of the listener has. The version's own rule, if it is there already, keeps its.
async fn priority(
    properties: &Properties<'_>,
    listener: &str,
    host: &str,
    generation: &Generation<'_>,
) -> Result<i32, Error> {
    if let Some(given) = properties.integer("Priority")? {
        return i32::try_from(given)
            .ok()
            .filter(|priority| (1..=LOWEST_PRIORITY).contains(priority))
            .ok_or_else(|| properties.error("Priority", &format!("must be from 1 to {LOWEST_PRIORITY}")));
    }
    let rules = generation.account.listener_rules(listener).await?;
    let is_own = |rule: &&ListenerRule| {
        rule.host
            .as_deref()
            .is_some_and(|own| canonical(own) == canonical(host))
    };
    if let Some(priority) = rules.iter().find(is_own).and_then(|rule| rule.priority) {
        return Ok(priority);
    }
    let taken = rules.iter().filter_map(|rule| rule.priority).collect();
    free_priority(&taken, scattered(host)).ok_or_else(|| properties.error("Listener", "has no room for another rule"))
}

/// Where versions begin to look for a free priority: far from each other, so that two that are created at the same time
/// do not choose the same.
fn scattered(host: &str) -> i32 {
    let hash = host.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let room = LOWEST_PRIORITY.unsigned_abs();
    i32::try_from(hash % room).unwrap_or(0) + 1
}
