//! Launch templates: what AWS gives new accounts in place of launch configurations.
//!
//! Instances are launched as they were, except for today's defaults: session tokens for the metadata service (IMDSv2), and
//! gp3 volumes that are encrypted.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::properties::Properties;
use super::resources::{add, mapped, members};
use super::{Generation, volumes};
use crate::Error;
use crate::account::Image;

/// Adds the launch template `config_id` made of `configuration` (the properties of a launch configuration) and lets `group`
/// launch its instances with it.
pub(crate) async fn add_to(
    properties: &Properties<'_>,
    config_id: &str,
    configuration: &JsonMap<String, Json>,
    group: &mut JsonMap<String, Json>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let image = image(configuration, generation).await?;
    if image.is_none() {
        let message = "the image is not known here, so its own volumes keep the image's type and encryption";
        generation
            .terminal
            .warning(&format!("{}: {message}", properties.path("Image")));
    }
    let mut data = launch_template_data(properties, configuration)?;
    let given = configuration.get("BlockDeviceMappings");
    let mappings = volumes::mappings(given, image.as_ref());
    if !mappings.is_empty() {
        data.insert("BlockDeviceMappings".to_owned(), Json::Array(mappings));
    }
    data.insert("TagSpecifications".to_owned(), volume_tags(properties, generation)?);
    let template = members(json!({"LaunchTemplateData": data}));
    add(generation.template, config_id, "AWS::EC2::LaunchTemplate", template)?;

    let specification = json!({
        "LaunchTemplateId": {"Ref": config_id},
        "Version": {"Fn::GetAtt": [config_id, "LatestVersionNumber"]},
    });
    match mixed_instances(properties, &specification)? {
        None => group.insert("LaunchTemplate".to_owned(), specification),
        Some(policy) => {
            group.insert("CapacityRebalance".to_owned(), Json::Bool(true));
            group.insert("MixedInstancesPolicy".to_owned(), policy)
        }
    };
    Ok(())
}

fn launch_template_data(
    properties: &Properties<'_>,
    configuration: &JsonMap<String, Json>,
) -> Result<JsonMap<String, Json>, Error> {
    let mut metadata = members(json!({"HttpTokens": "required", "HttpPutResponseHopLimit": 2}));
    if let Some(own) = properties.map("MetadataOptions")? {
        metadata.extend(own.iter().map(|(name, value)| (name, value.to_json())));
    }
    let mut interface = members(json!({"DeviceIndex": 0}));
    for (from, to) in [
        ("AssociatePublicIpAddress", "AssociatePublicIpAddress"),
        ("SecurityGroups", "Groups"),
    ] {
        if let Some(value) = configuration.get(from) {
            interface.insert(to.to_owned(), value.clone());
        }
    }
    if let Some(count) = properties.integer("Ipv6AddressCount")? {
        interface.insert("Ipv6AddressCount".to_owned(), json!(count));
    }
    // A launch configuration without InstanceMonitoring monitors in detail.
    let monitoring = configuration
        .get("InstanceMonitoring")
        .cloned()
        .unwrap_or(Json::Bool(true));
    let mut data = members(json!({
        "MetadataOptions": metadata,
        "NetworkInterfaces": [interface],
        "Monitoring": {"Enabled": monitoring},
    }));
    for name in ["InstanceType", "ImageId", "EbsOptimized", "UserData"] {
        if let Some(value) = configuration.get(name) {
            data.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(profile) = configuration.get("IamInstanceProfile") {
        data.insert("IamInstanceProfile".to_owned(), instance_profile(profile));
    }
    if let Some(key) = properties.json("KeyName") {
        data.insert("KeyName".to_owned(), key);
    }
    if let Some(tenancy) = properties.json("PlacementTenancy") {
        data.insert("Placement".to_owned(), json!({"Tenancy": tenancy}));
    }
    Ok(data)
}

/// `{Arn}` when it can only be one, else `{Name}`.
fn instance_profile(profile: &Json) -> Json {
    let is_arn = profile.as_str().is_some_and(|text| text.starts_with("arn:"))
        || profile.pointer("/Fn::GetAtt/1").and_then(Json::as_str) == Some("Arn");
    if is_arn {
        json!({"Arn": profile})
    } else {
        json!({"Name": profile})
    }
}

/// Spot instances, alternative instance types, or instances by their properties.
fn mixed_instances(properties: &Properties<'_>, specification: &Json) -> Result<Option<Json>, Error> {
    let is_spot = ["SpotPrice", "SpotAlternatives", "SpotPercentage", "OnDemandBase"]
        .iter()
        .any(|name| properties.has(name));
    let requirements = properties.json("InstanceRequirements");
    if !is_spot && requirements.is_none() {
        return Ok(None);
    }
    let default_share = if is_spot { 100 } else { 0 };
    let spot_percentage = properties.integer("SpotPercentage")?.unwrap_or(default_share);
    if !(0..=100).contains(&spot_percentage) {
        return Err(properties.error("SpotPercentage", "must be between 0 and 100"));
    }
    let mut distribution = members(json!({
        "OnDemandBaseCapacity": properties.integer("OnDemandBase")?.unwrap_or(0),
        "OnDemandPercentageAboveBaseCapacity": 100 - spot_percentage,
        "SpotAllocationStrategy": "price-capacity-optimized",
    }));
    if let Some(price) = properties.get("SpotPrice") {
        let price = match properties.text("SpotPrice") {
            Ok(Some(text)) => Json::from(text),
            _ => price.to_json(),
        };
        distribution.insert("SpotMaxPrice".to_owned(), price);
    }
    let mut template = members(json!({"LaunchTemplateSpecification": specification}));
    let overrides = match requirements {
        Some(requirements) => vec![json!({"InstanceRequirements": requirements})],
        None => alternatives(properties)?,
    };
    if !overrides.is_empty() {
        template.insert("Overrides".to_owned(), Json::Array(overrides));
    }
    Ok(Some(
        json!({"InstancesDistribution": distribution, "LaunchTemplate": template}),
    ))
}

/// The component's instance type and its alternatives, each once; nothing without alternatives.
fn alternatives(properties: &Properties<'_>) -> Result<Vec<Json>, Error> {
    let Some(items) = properties.items("SpotAlternatives") else {
        return Ok(Vec::new());
    };
    let mut types: Vec<&Value> = properties.get("InstanceType").into_iter().collect();
    for item in items {
        if item.as_str().is_none() {
            return Err(properties.wrong("SpotAlternatives", item, "a list of instance types"));
        }
        if !types.contains(&item) {
            types.push(item);
        }
    }
    Ok(types
        .into_iter()
        .map(|instance_type| json!({"InstanceType": instance_type.to_json()}))
        .collect())
}

/// The group's tags for its volumes: Auto Scaling hands tags on to instances only.
fn volume_tags(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Json, Error> {
    let mut tags: Vec<Json> = generation
        .stack_tags()?
        .into_iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    for tag in properties.list("Tags")?.unwrap_or_default() {
        if let (Some(key), Some(value)) = (tag.get("Key"), tag.get("Value")) {
            tags.push(json!({"Key": key.to_json(), "Value": value.to_json()}));
        }
    }
    Ok(json!([{"ResourceType": "volume", "Tags": tags}]))
}

/// The image that instances will be launched from, when the template says which one.
async fn image(configuration: &JsonMap<String, Json>, generation: &Generation<'_>) -> Result<Option<Image>, Error> {
    let id = match configuration.get("ImageId") {
        Some(Json::String(id)) => Some(id.as_str()),
        Some(function) => function
            .pointer("/Fn::FindInMap/2")
            .and_then(Json::as_str)
            .and_then(|name| mapped(generation.template, "Images", &generation.arguments.region, name))
            .and_then(Json::as_str),
        None => None,
    };
    match id {
        Some(id) => generation.account.image(id).await,
        None => Ok(None),
    }
}
