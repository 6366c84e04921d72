//! Senza::Elastigroup: a group of Spot by NetApp (formerly Spotinst), made of the properties of an Auto Scaling group.
//!
//! What the definition says in Spot's own words, under `Elastigroup`, stays; the rest is translated.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::auto_scaling_group::{BALANCERS, instance_profile};
use super::group_properties::{
    ASSOCIATE_PUBLIC_IP_ADDRESS, AUTO_SCALING, BLOCK_DEVICE_MAPPINGS, ELASTIC_LOAD_BALANCER, ELASTIC_LOAD_BALANCER_V2,
    HEALTH_CHECK_GRACE_PERIOD, HEALTH_CHECK_TYPE, IAM_INSTANCE_PROFILE, IAM_ROLES, IMAGE, INSTANCE_TYPE,
    SECURITY_GROUPS, SPOT_ALTERNATIVES, SPOT_PRICE, TARGET_GROUP_ARNS, TAUPAGE_CONFIG,
};
use super::properties::{Properties, is_function};
use super::property_table::{Property, open_map};
use super::resources::{add, find_in_map, members};
use super::taupage::{self, DEFAULT_IMAGE, has_public_address};
use super::{Component, Generation, elastigroup_scaling, reference, security_groups, volumes};
use crate::Error;
use crate::template::secrets;
use crate::user_data::user_data;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[&[
    INSTANCE_TYPE.required(),
    IMAGE.default("LatestTaupageImage"),
    SECURITY_GROUPS,
    IAM_ROLES,
    IAM_INSTANCE_PROFILE,
    ASSOCIATE_PUBLIC_IP_ADDRESS,
    ELASTIC_LOAD_BALANCER,
    ELASTIC_LOAD_BALANCER_V2,
    TARGET_GROUP_ARNS,
    HEALTH_CHECK_TYPE.default("TARGET_GROUP or ELB with a load balancer, else EC2"),
    HEALTH_CHECK_GRACE_PERIOD,
    AUTO_SCALING,
    BLOCK_DEVICE_MAPPINGS,
    Property {
        is_new: false,
        ..SPOT_ALTERNATIVES
    },
    SPOT_PRICE,
    TAUPAGE_CONFIG,
    open_map(
        "Elastigroup",
        &[],
        "the group in the words of Spot's API; comes before everything else here",
    ),
]];

const RESOURCE_TYPE: &str = "Custom::elastigroup";

/// Tags that are Senza's to set.
const STANDARD_TAGS: [&str; 3] = ["Name", "StackName", "StackVersion"];

/// Applies the component.
pub(super) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let token = token(generation)?;
    let instance_type = properties.required("InstanceType", "an EC2 instance type such as t3.micro")?;
    if properties.has("SpotPrice") {
        let message = format!("{}: is ignored, Spot decides on prices", properties.path("SpotPrice"));
        generation.terminal.warning(&message);
    }
    let mut group = given(&properties, generation).await?;
    entry(&mut group, "scheduling", || json!({}));
    entry(&mut group, "thirdPartiesIntegration", || json!({}));
    let stack_id = generation.stack_id()?;
    if group.get("name").is_none_or(|name| name.is_null() || name == "") {
        group.insert("name".to_owned(), json!(stack_id));
    }
    entry(
        &mut group,
        "strategy",
        || json!({"risk": 100, "availabilityVsCost": "balanced", "utilizeReservedInstances": true, "fallbackToOd": true}),
    );
    let region = generation.arguments.region.clone();
    entry(&mut group, "region", || json!(region));
    if !group.contains_key("capacity") {
        group.insert("capacity".to_owned(), elastigroup_scaling::capacity(&properties)?);
    }
    if !group.contains_key("scaling") {
        group.insert(
            "scaling".to_owned(),
            elastigroup_scaling::rules(&properties, generation)?,
        );
    }

    let mut compute = taken_map(&mut group, "compute", &properties)?;
    let mut launch = taken_map(&mut compute, "launchSpecification", &properties)?;
    entry(&mut compute, "product", || json!("Linux/UNIX"));
    if compute.get("subnetIds").is_none_or(is_empty) {
        let mapping = if has_public_address(&properties) {
            "LoadBalancerSubnets"
        } else {
            "ServerSubnets"
        };
        compute.insert("subnetIds".to_owned(), find_in_map(mapping, &json!("Subnets")));
    }
    if !compute.contains_key("instanceTypes") {
        compute.insert("instanceTypes".to_owned(), instance_types(&properties, instance_type));
    }

    launch.insert("tags".to_owned(), tags(&launch, generation)?);
    entry(&mut launch, "monitoring", || json!(true));
    if properties
        .get("TaupageConfig")
        .is_some_and(|config| !is_empty(&config.to_json()))
    {
        let config = taupage::checked_config(component, generation).await?;
        let text = user_data(&Value::Map(config), generation.compatibility);
        launch.insert("userData".to_owned(), json!({"Fn::Base64": text}));
    }
    add_load_balancers(&properties, &mut launch, generation).await?;
    if has_public_address(&properties) {
        entry(
            &mut launch,
            "networkInterfaces",
            || json!([{"deleteOnTermination": true, "deviceIndex": 0, "associatePublicIpAddress": true}]),
        );
    }
    let image = properties.json("Image").unwrap_or(json!(DEFAULT_IMAGE));
    entry(&mut launch, "imageId", || find_in_map("Images", &image));
    if !launch.contains_key("securityGroupIds")
        && let Some(groups) = security_groups::resolve(&properties, generation.account).await?
        && !is_empty(&groups)
    {
        launch.insert("securityGroupIds".to_owned(), groups);
    }
    if !launch.contains_key("blockDeviceMappings")
        && let Some(mappings) = volumes::spot_mappings(&properties, generation.is_current())?
    {
        launch.insert("blockDeviceMappings".to_owned(), mappings);
    }
    if !launch.contains_key("iamRole")
        && let Some(role) = iam_role(component, generation).await?
    {
        launch.insert("iamRole".to_owned(), role);
    }
    compute.insert("launchSpecification".to_owned(), Json::Object(launch));
    group.insert("compute".to_owned(), Json::Object(compute));

    let account_id = spot_account(&properties, &token, generation).await?;
    let service = format!("arn:aws:lambda:{region}:178579023202:function:spotinst-cloudformation");
    let resource = members(json!({
        "ServiceToken": service,
        "accessToken": token.in_template,
        "accountId": account_id,
        "group": group,
    }));
    add(generation.template, &component.name, RESOURCE_TYPE, resource)
}

/// The access token of Spot's API.
struct Token {
    /// as it is written, perhaps encrypted
    written: String,
    /// as it stands in the template
    in_template: Json,
}

fn token(generation: &Generation<'_>) -> Result<Token, Error> {
    let written = senza_info(generation, "SpotinstAccessToken").filter(|token| !is_empty(token));
    let Some(written) = written else {
        return Err(Error::Usage(
            "SenzaInfo/SpotinstAccessToken: You have to specify your SpotinstAccessToken attribute inside the SenzaInfo to be \
             able to use Elastigroups"
                .to_owned(),
        ));
    };
    let Json::String(text) = written else {
        return Err(Error::Usage("SenzaInfo/SpotinstAccessToken: must be text".to_owned()));
    };
    let in_template = if secrets::is_encrypted(text) {
        // It becomes a parameter that nobody can read.
        json!({"Fn::FindInMap": ["Senza", "Info", "SpotinstAccessToken"]})
    } else {
        json!(text)
    };
    Ok(Token {
        written: text.clone(),
        in_template,
    })
}

/// A value of `SenzaInfo` as the template has it.
fn senza_info<'a>(generation: &'a Generation<'_>, name: &str) -> Option<&'a Json> {
    generation
        .template
        .get("Mappings")?
        .get("Senza")?
        .get("Info")?
        .get(name)
}

/// The account at Spot: the one that is given, else the first that Spot knows for the AWS account.
async fn spot_account(properties: &Properties<'_>, token: &Token, generation: &Generation<'_>) -> Result<Json, Error> {
    if let Some(given) = senza_info(generation, "SpotinstAccountId").filter(|id| !is_empty(id)) {
        return Ok(given.clone());
    }
    // With a saved account the answer is known, and KMS is not asked.
    let token = if generation.account.is_offline() {
        token.written.clone()
    } else {
        secrets::decrypted("SpotinstAccessToken", &token.written, generation.account.session()).await?
    };
    let account = generation
        .account
        .spot_account(&token)
        .await
        .map_err(|error| match error {
            Error::Fatal(message) => Error::Fatal(format!("{}: {message}", properties.path("Type"))),
            other => other,
        })?;
    Ok(json!(account))
}

/// What the definition says in Spot's words.
async fn given(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<JsonMap<String, Json>, Error> {
    let Some(given) = properties.map("Elastigroup")? else {
        return Ok(JsonMap::new());
    };
    let mut group = JsonMap::new();
    for (name, value) in given.iter() {
        let value = reference::resolve(value, &given.path(&name), generation.account).await?;
        group.insert(name, value);
    }
    Ok(group)
}

/// Takes the map at `key` out of `map`; an empty one when there is none.
fn taken_map(
    map: &mut JsonMap<String, Json>,
    key: &str,
    properties: &Properties<'_>,
) -> Result<JsonMap<String, Json>, Error> {
    match map.remove(key) {
        None | Some(Json::Null) => Ok(JsonMap::new()),
        Some(Json::Object(inner)) => Ok(inner),
        Some(other) => Err(properties.wrong(&format!("Elastigroup/.../{key}"), &Value::from(&other), "a map")),
    }
}

/// Inserts what `make` makes, unless something is there.
fn entry(map: &mut JsonMap<String, Json>, key: &str, make: impl FnOnce() -> Json) {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), make());
    }
}

/// What Python takes for false.
fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(true) | Json::Number(_) => false,
    }
}

fn instance_types(properties: &Properties<'_>, instance_type: &Value) -> Json {
    let own = instance_type.to_json();
    let alternatives = properties.json("SpotAlternatives").filter(|given| !is_empty(given));
    json!({"ondemand": own, "spot": alternatives.unwrap_or_else(|| json!([own]))})
}

/// The group's own tags, and those by which other tools know the stack.
fn tags(launch: &JsonMap<String, Json>, generation: &Generation<'_>) -> Result<Json, Error> {
    let own = launch.get("tags").and_then(Json::as_array).cloned().unwrap_or_default();
    let is_standard = |tag: &Json| {
        tag.get("tagKey")
            .and_then(Json::as_str)
            .is_some_and(|key| STANDARD_TAGS.contains(&key))
    };
    let mut tags: Vec<Json> = own.into_iter().filter(|tag| !is_standard(tag)).collect();
    for (key, value) in generation.stack_tags()? {
        tags.push(json!({"tagKey": key, "tagValue": value}));
    }
    Ok(Json::Array(tags))
}

/// The load balancers and who says that an instance is healthy.
async fn add_load_balancers(
    properties: &Properties<'_>,
    launch: &mut JsonMap<String, Json>,
    generation: &Generation<'_>,
) -> Result<(), Error> {
    let mut health_check = "EC2";
    if !launch.contains_key("loadBalancersConfig") {
        let mut balancers = Vec::new();
        for (property, _, suffix) in BALANCERS {
            let Some(names) = properties.items(property) else {
                continue;
            };
            let is_classic = suffix.is_empty();
            health_check = if is_classic { "ELB" } else { "TARGET_GROUP" };
            let (key, kind) = if is_classic {
                ("name", "CLASSIC")
            } else {
                ("arn", "TARGET_GROUP")
            };
            let given = properties
                .items("TargetGroupARNs")
                .filter(|arns| !is_classic && !arns.is_empty());
            for (index, arn) in given.unwrap_or_default().iter().enumerate() {
                let path = properties.path(&format!("TargetGroupARNs/{index}"));
                let arn = reference::resolve(arn, &path, generation.account).await?;
                balancers.push(json!({key: arn, "type": kind}));
            }
            for name in names.iter().filter(|_| given.is_none()) {
                let reference = match name {
                    Value::String(name) if !name.is_empty() => json!({"Ref": format!("{name}{suffix}")}),
                    function if is_function(function) => function.to_json(),
                    other => {
                        let wanted = "the name of a load balancer component, or a list of them";
                        return Err(properties.wrong(property, other, wanted));
                    }
                };
                balancers.push(json!({key: reference, "type": kind}));
            }
        }
        if !balancers.is_empty() {
            launch.insert("loadBalancersConfig".to_owned(), json!({"loadBalancers": balancers}));
        }
    }
    let check = properties.json("HealthCheckType").unwrap_or(json!(health_check));
    entry(launch, "healthCheckType", || check);
    let period = properties.json("HealthCheckGracePeriod").unwrap_or(json!(300));
    entry(launch, "healthCheckGracePeriod", || period);
    Ok(())
}

/// The instance profile of `IamRoles`, else the one that is named.
async fn iam_role(component: &Component, generation: &mut Generation<'_>) -> Result<Option<Json>, Error> {
    let properties = Properties::of(component);
    if properties.has("IamRoles") {
        let profile = instance_profile(component, generation).await?;
        return Ok(Some(json!({"name": {"Ref": profile}})));
    }
    let Some(profile) = properties.get("IamInstanceProfile") else {
        return Ok(None);
    };
    let profile = reference::resolve(profile, &properties.path("IamInstanceProfile"), generation.account).await?;
    let is_arn = profile.as_str().is_some_and(|text| text.starts_with("arn:"))
        || profile.pointer("/Fn::GetAtt/1").and_then(Json::as_str) == Some("Arn");
    let key = if is_arn { "arn" } else { "name" };
    Ok(Some(json!({key: profile})))
}
