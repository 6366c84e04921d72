//! Senza::AutoScalingGroup: the group, what its instances are launched with, and what makes it grow and shrink.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::group_properties::{
    BESIDE, EVALUATED, GROUP_ADDITIONS, GROUP_OVERRIDES, LAUNCH_OVERRIDES, LAUNCH_TEMPLATE, NEW_GROUP_ADDITIONS,
};
use super::properties::{Properties, integer, is_function};
use super::property_table::Property;
use super::resources::{add, find_in_map, members, section};
use super::{
    Component, Generation, event_targets, iam_role, launch_template, reference, scaling, security_groups,
    update_policy, warm_pool,
};
use crate::Error;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[
    EVALUATED,
    LAUNCH_OVERRIDES,
    LAUNCH_TEMPLATE,
    GROUP_ADDITIONS,
    NEW_GROUP_ADDITIONS,
    GROUP_OVERRIDES,
    BESIDE,
];

/// The properties that name load balancers, what they become, and what follows the name there.
pub(super) const BALANCERS: [(&str, &str, &str); 2] = [
    ("ElasticLoadBalancer", "LoadBalancerNames", ""),
    ("ElasticLoadBalancerV2", "TargetGroupARNs", "TargetGroup"),
];

/// Makes sure that the load balancers which the component names are in the finished template.
pub(crate) fn check_balancers(component: &Component, template: &JsonMap<String, Json>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let is_there = |id: &str| {
        let sections = ["Resources", "Parameters"].into_iter();
        sections
            .filter_map(|name| template.get(name))
            .any(|section| section.get(id).is_some())
    };
    for (property, _, suffix) in BALANCERS {
        let names = properties.items(property).unwrap_or_default();
        let mut missing = names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| !is_there(&format!("{name}{suffix}")));
        if let Some(name) = missing.next() {
            let message = format!("\"{name}\" is neither a load balancer component nor a resource of this definition");
            return Err(properties.error(property, &message));
        }
    }
    Ok(())
}

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let user_data = properties.json("UserData").map(|given| {
        // senza 2.1 hands the text on as it is, which CloudFormation refuses.
        let is_encoded = given.get("Fn::Base64").is_some();
        if generation.is_current() && !is_encoded {
            json!({"Fn::Base64": given})
        } else {
            given
        }
    });
    let launch = Launch {
        image: properties.get("Image"),
        user_data,
    };
    build(component, launch, generation).await
}

/// What the two kinds of groups differ in.
pub(crate) struct Launch<'a> {
    /// the key below `Mappings.Images.<region>`
    pub(crate) image: Option<&'a Value>,
    /// `UserData` of the instances
    pub(crate) user_data: Option<Json>,
}

/// Adds all resources of the group.
pub(crate) async fn build(
    component: &Component,
    launch: Launch<'_>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let properties = Properties::of(component);
    let configuration = launch_configuration(component, launch, generation).await?;
    let mut group = group_properties(component, generation).await?;
    let config_id = format!("{}Config", component.name);
    if generation.is_current() {
        launch_template::add_to(&properties, &config_id, &configuration, &mut group, generation).await?;
    } else {
        group.insert("LaunchConfigurationName".to_owned(), json!({"Ref": config_id}));
        let launch_type = "AWS::AutoScaling::LaunchConfiguration";
        add(generation.template, &config_id, launch_type, configuration)?;
    }
    if let Some(rules) = properties.map("AutoScaling")? {
        scaling::size(&rules, &mut group)?;
        scaling::add_policies(&properties, &component.name, &rules, generation)?;
    } else {
        group.insert("MaxSize".to_owned(), json!(1));
        group.insert("MinSize".to_owned(), json!(1));
    }
    override_group(&properties, &mut group, generation).await?;
    let (count, timeout) = match properties.map("AutoScaling")? {
        Some(rules) => scaling::success_requires(&rules)?,
        None => scaling::DEFAULT_SUCCESS.map(str::to_owned).into(),
    };
    let mut resource = members(json!({
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "CreationPolicy": {"ResourceSignal": {"Count": count, "Timeout": timeout}},
    }));
    if generation.is_current() {
        if let Some(policy) = update_policy::of(&properties, &group, &timeout)? {
            resource.insert("UpdatePolicy".to_owned(), policy);
        }
        warm_pool::add(&component.name, &properties, generation).await?;
        event_targets::add(&component.name, &properties, generation).await?;
    }
    resource.insert("Properties".to_owned(), Json::Object(group));
    section(generation.template, &["Resources"])?.insert(component.name.clone(), Json::Object(resource));
    Ok(())
}

/// The properties of a launch configuration, overrides included; launch templates are made of them as well.
async fn launch_configuration(
    component: &Component,
    launch: Launch<'_>,
    generation: &mut Generation<'_>,
) -> Result<JsonMap<String, Json>, Error> {
    let properties = Properties::of(component);
    if !(generation.is_current() && properties.has("InstanceRequirements")) {
        properties.required("InstanceType", "an EC2 instance type such as t3.micro")?;
    }
    let mut configuration = members(json!({
        "AssociatePublicIpAddress": false,
        "EbsOptimized": false,
        "MetadataOptions": {"HttpTokens": "optional"},
    }));
    match launch.image {
        Some(image) if image.as_str().is_some() || is_function(image) => {
            configuration.insert("ImageId".to_owned(), find_in_map("Images", &image.to_json()));
        }
        Some(image) => return Err(properties.wrong("Image", image, "the name of an entry of Images")),
        None if properties.has("ImageId") => {}
        None => {
            let advice = "the name of an entry of Images such as LatestTaupageImage";
            properties.required("Image", advice)?;
        }
    }
    if properties.has("IamRoles") {
        let profile_id = instance_profile(component, generation).await?;
        configuration.insert("IamInstanceProfile".to_owned(), json!({"Ref": profile_id}));
    }
    if let Some(groups) = security_groups::resolve(&properties, generation.account).await? {
        configuration.insert("SecurityGroups".to_owned(), groups);
    }
    for Property { name, .. } in LAUNCH_OVERRIDES {
        let name = *name;
        if let Some(value) = properties.get(name).filter(|_| name != "UserData") {
            let value = reference::resolve(value, &properties.path(name), generation.account).await?;
            configuration.insert(name.to_owned(), value);
        }
    }
    if let Some(user_data) = launch.user_data {
        configuration.insert("UserData".to_owned(), user_data);
    }
    Ok(configuration)
}

/// Adds the instance profile that `IamRoles` asks for and returns its logical id.
pub(super) async fn instance_profile(component: &Component, generation: &mut Generation<'_>) -> Result<String, Error> {
    let properties = Properties::of(component);
    let roles = properties.items("IamRoles").unwrap_or_default();
    let profile_id = format!("{}InstanceProfile", component.name);
    let profile_roles = match roles {
        [] => return Err(properties.error("IamRoles", "must name at least one IAM role")),
        [role @ Value::Map(_)] => {
            let role = reference::resolve(role, &properties.path("IamRoles/0"), generation.account).await?;
            json!([role])
        }
        [Value::String(role)] => json!([role]),
        several => json!([{"Ref": merged_role(&properties, several, component, generation).await?}]),
    };
    let profile = members(json!({"Path": "/", "Roles": profile_roles}));
    add(generation.template, &profile_id, "AWS::IAM::InstanceProfile", profile)?;
    Ok(profile_id)
}

/// Adds a role with the inline policies of all the `roles` and returns its logical id.
async fn merged_role(
    properties: &Properties<'_>,
    roles: &[Value],
    component: &Component,
    generation: &mut Generation<'_>,
) -> Result<String, Error> {
    let mut names = Vec::with_capacity(roles.len());
    for (index, role) in roles.iter().enumerate() {
        let place = format!("IamRoles/{index}");
        match role {
            Value::String(name) => names.push(name),
            Value::Map(_) => {
                return Err(properties.error(
                    &place,
                    "policies can only be merged from roles given by name; a reference must be the only IAM role",
                ));
            }
            other => return Err(properties.wrong(&place, other, "the name of an IAM role")),
        }
    }
    let mut policies = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let path = properties.path(&format!("IamRoles/{index}"));
        policies.extend(iam_role::policies_of(name, &path, generation).await?);
    }
    let role_id = format!("{}Role", component.name);
    let role = members(json!({
        "AssumeRolePolicyDocument": iam_role::ec2_trust(),
        "Path": "/",
        "Policies": policies,
    }));
    add(generation.template, &role_id, "AWS::IAM::Role", role)?;
    Ok(role_id)
}

/// The group's own properties, without size and launch configuration.
async fn group_properties(component: &Component, generation: &Generation<'_>) -> Result<JsonMap<String, Json>, Error> {
    let properties = Properties::of(component);
    let mut group = members(json!({
        "VPCZoneIdentifier": find_in_map("ServerSubnets", &json!("Subnets")),
        "Tags": tags(&properties, generation)?,
    }));
    if let Some(topic) = generation.info.get("OperatorTopicId").filter(|topic| !topic.is_null()) {
        let Some(name) = topic.as_str() else {
            return Err(Error::Usage("SenzaInfo/OperatorTopicId: must be text".to_owned()));
        };
        let arn = generation
            .account
            .topic_arn(name)
            .await?
            .ok_or_else(|| Error::Fatal(format!("SNS topic \"{name}\" does not exist")))?;
        let types = ["LAUNCH", "LAUNCH_ERROR", "TERMINATE", "TERMINATE_ERROR"];
        let notifications = json!({
            "NotificationTypes": types.map(|event| format!("autoscaling:EC2_INSTANCE_{event}")),
            "TopicARN": arn,
        });
        group.insert("NotificationConfiguration".to_owned(), notifications);
    }
    let mut health_check = "EC2";
    for (property, target, suffix) in BALANCERS {
        let Some(balancers) = properties.items(property) else {
            continue;
        };
        let mut references = Vec::new();
        for balancer in balancers {
            references.push(match balancer {
                Value::String(name) if !name.is_empty() => json!({"Ref": format!("{name}{suffix}")}),
                function if is_function(function) => function.to_json(),
                other => {
                    return Err(properties.wrong(
                        property,
                        other,
                        "the name of a load balancer component, or a list of them",
                    ));
                }
            });
        }
        group.insert(target.to_owned(), Json::Array(references));
        health_check = "ELB";
    }
    group.insert("HealthCheckType".to_owned(), json!(health_check));
    group.insert("HealthCheckGracePeriod".to_owned(), json!(300));
    Ok(group)
}

/// The stack's tags and the component's own, as the group wants them.
fn tags(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Vec<Json>, Error> {
    let mut tags: Vec<Json> = generation
        .stack_tags()?
        .into_iter()
        .map(|(key, value)| json!({"Key": key, "PropagateAtLaunch": true, "Value": value}))
        .collect();
    for (index, tag) in properties.list("Tags")?.unwrap_or_default().iter().enumerate() {
        let (Some(key), Some(value)) = (tag.get("Key"), tag.get("Value")) else {
            let place = format!("Tags/{index}");
            return Err(properties.error(&place, "must be a map with Key and Value"));
        };
        tags.push(json!({"Key": key.to_json(), "PropagateAtLaunch": true, "Value": value.to_json()}));
    }
    Ok(tags)
}

/// Lets the component's properties overwrite the group's.
async fn override_group(
    properties: &Properties<'_>,
    group: &mut JsonMap<String, Json>,
    generation: &Generation<'_>,
) -> Result<(), Error> {
    let new_additions = if generation.is_current() {
        NEW_GROUP_ADDITIONS
    } else {
        &[]
    };
    let overrides = GROUP_OVERRIDES
        .iter()
        .filter(|property| generation.is_current() || group.contains_key(property.name));
    let names: Vec<&str> = GROUP_ADDITIONS
        .iter()
        .chain(new_additions)
        .chain(overrides)
        .map(|property| property.name)
        .collect();
    for name in names {
        let Some(value) = properties.get(name) else {
            continue;
        };
        let value = reference::resolve(value, &properties.path(name), generation.account).await?;
        group.insert(name.to_owned(), value);
        if name == "LaunchConfigurationName" {
            // A group can't have both.
            group.remove("LaunchTemplate");
            group.remove("MixedInstancesPolicy");
        }
    }
    let size = |name: &str| group.get(name).map(Value::from).as_ref().and_then(integer);
    if let (Some(minimum), Some(maximum)) = (size("MinSize"), size("MaxSize"))
        && minimum > maximum
    {
        let message = format!("the group's minimum size ({minimum}) is above its maximum size ({maximum})");
        return Err(properties.error("AutoScaling", &message));
    }
    Ok(())
}
