//! Senza::TaupageAutoScalingGroup: a group of Taupage instances, which are told by user data which Docker image to run.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use stups_yaml::{Map, Value};

use super::auto_scaling_group::{self, Launch};
use super::docker_image::DockerImage;
use super::group_properties::{
    BESIDE, GROUP_ADDITIONS, GROUP_OVERRIDES, LAUNCH_OVERRIDES, LAUNCH_TEMPLATE, NEW_GROUP_ADDITIONS, TAUPAGE_EVALUATED,
};
use super::properties::{Properties, is_function};
use super::property_table::Property;
use super::resources::mapped;
use super::{Component, Generation, reference, registry};
use crate::Error;
use crate::user_data::user_data;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[
    TAUPAGE_EVALUATED,
    LAUNCH_OVERRIDES,
    LAUNCH_TEMPLATE,
    GROUP_ADDITIONS,
    NEW_GROUP_ADDITIONS,
    GROUP_OVERRIDES,
    BESIDE,
];

/// The image that instances are launched from unless `Image` says otherwise.
pub(super) const DEFAULT_IMAGE: &str = "LatestTaupageImage";

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let config = config(component, generation).await?;
    let default_image = Value::from(DEFAULT_IMAGE);
    let launch = Launch {
        image: Some(properties.get("Image").unwrap_or(&default_image)),
        user_data: Some(json!({"Fn::Base64": user_data(&config, generation.compatibility)})),
    };
    auto_scaling_group::build(component, launch, generation).await
}

/// The checked `TaupageConfig` with everything that Senza adds to it.
async fn config(component: &Component, generation: &Generation<'_>) -> Result<Value, Error> {
    let properties = Properties::of(component);
    let mut config = checked_config(component, generation).await?;
    let gateways = nat_gateways(&properties, generation).await?;
    if !gateways.is_empty() {
        config.insert("nat_gateways".into(), Value::Map(gateways));
    }
    Ok(Value::Map(config))
}

/// The checked `TaupageConfig` with what the instances need to know of the stack.
pub(super) async fn checked_config(component: &Component, generation: &Generation<'_>) -> Result<Map, Error> {
    let properties = Properties::of(component);
    let given = properties.required("TaupageConfig", "a map with at least runtime and source")?;
    let path = properties.path("TaupageConfig");
    let Value::Map(given_map) = given else {
        return Err(properties.wrong("TaupageConfig", given, "a map"));
    };
    let outputs_only = !generation.is_current();
    let mut config = Map::new();
    for (key, value) in given_map {
        let value = reference::resolve_all(value, &format!("{path}/{key}"), generation.account, outputs_only).await?;
        config.insert(key.clone(), value);
    }
    if !config.contains_key("notify_cfn") {
        let mut notify = Map::new();
        notify.insert("stack".into(), Value::from(generation.stack_id()?));
        notify.insert("resource".into(), Value::from(component.name.as_str()));
        config.insert("notify_cfn".into(), Value::Map(notify));
    }
    for (key, default) in [
        ("application_id", generation.stack_name()?),
        ("application_version", generation.stack_version()?),
    ] {
        if !config.contains_key(key) {
            config.insert(key.into(), Value::from(default));
        }
    }
    check_names(&config, &path)?;
    check_image(&config, &path, generation).await?;
    Ok(config)
}

/// Application id and version are Kio's: they name the application in every other system.
fn check_names(config: &Map, path: &str) -> Result<(), Error> {
    let text = |name: &str| {
        let value = config.get(name).unwrap_or(&Value::Null);
        value.as_str().ok_or_else(|| {
            let hint = if matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)) {
                " (put it in quotes)"
            } else {
                ""
            };
            Error::Usage(format!("{path}/{name}: must be text, not {}{hint}", value.kind()))
        })
    };
    if !is_application_id(text("application_id")?) {
        return Err(Error::Usage(format!(
            "{path}/application_id: Application id must satisfy regular expression pattern \"^[a-z][a-z0-9-]*[a-z0-9]$\""
        )));
    }
    if !is_application_version(text("application_version")?) {
        return Err(Error::Usage(format!(
            "{path}/application_version: Application version must satisfy regular expression pattern \
             \"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$\""
        )));
    }
    if config.get("runtime").and_then(Value::as_str) != Some("Docker") {
        return Err(Error::Usage(format!(
            "{path}/runtime: must be \"Docker\", the only runtime of Taupage"
        )));
    }
    Ok(())
}

/// `^[a-z][a-z0-9-]*[a-z0-9]$`
fn is_application_id(text: &str) -> bool {
    let is_end = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(is_end)
        && text.chars().all(|character| is_end(character) || character == '-')
}

/// `^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`
fn is_application_version(text: &str) -> bool {
    let is_end = |character: char| character.is_ascii_alphanumeric();
    text.starts_with(is_end)
        && text.ends_with(is_end)
        && text
            .chars()
            .all(|character| is_end(character) || "._-".contains(character))
}

/// The Docker image must exist before a stack is made that would wait for it in vain.
async fn check_image(config: &Map, path: &str, generation: &Generation<'_>) -> Result<(), Error> {
    let path = format!("{path}/source");
    let source = match config.get("source") {
        Some(Value::String(text)) if !text.is_empty() => text,
        Some(function) if is_function(function) => return Ok(()),
        Some(other) if !matches!(other, Value::Null | Value::String(_)) => {
            return Err(Error::Usage(format!(
                "{path}: must be a Docker image, not {}",
                other.kind()
            )));
        }
        _ => {
            return Err(Error::Usage(format!(
                "{path}: must be specified, give the Docker image to run"
            )));
        }
    };
    if generation.force {
        return Ok(());
    }
    let image = DockerImage::parse(source).ok_or_else(|| {
        Error::Usage(format!(
            "{path}: \"{source}\" is not a Docker image, use registry/team/artifact:tag"
        ))
    })?;
    registry::check(&image, &path, generation.terminal).await
}

/// The private address of the NAT gateway of each subnet, where instances without a public address stand in subnets with
/// their own gateway.
async fn nat_gateways(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Map, Error> {
    let subnets = |mapping: &str| -> BTreeSet<String> {
        mapped(generation.template, mapping, &generation.arguments.region, "Subnets")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect()
    };
    let servers = subnets("ServerSubnets");
    if servers.is_empty() || has_public_address(properties) || servers != subnets("LoadBalancerInternalSubnets") {
        return Ok(Map::new());
    }
    if generation
        .account
        .stack_network()
        .is_some_and(|network| !network.has_internal_subnets)
    {
        // The two are the same only because there are no others, as in AWS's default VPC.
        return Ok(Map::new());
    }
    let gateways = generation.account.nat_gateways().await?;
    Ok(gateways
        .iter()
        .filter(|gateway| servers.contains(&gateway.subnet_id))
        // senza 2.1 takes deleted ones as well.
        .filter(|gateway| gateway.usable || !generation.is_current())
        .map(|gateway| {
            let key = gateway.subnet_id.as_str().into();
            (key, Value::from(gateway.private_ip.as_str()))
        })
        .collect())
}

/// Whether instances get a public address.
pub(crate) fn has_public_address(properties: &Properties<'_>) -> bool {
    match properties.get("AssociatePublicIpAddress") {
        None | Some(Value::Bool(false) | Value::Int(0)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_ids_and_versions() {
        for (id, expected) in [
            ("hello-world", true),
            ("ab", true),
            ("a1", true),
            ("a", false),
            ("42yolo", false),
            ("test-APP", false),
            ("test-", false),
            ("", false),
            ("a\n", false),
        ] {
            assert_eq!(is_application_id(id), expected, "{id}");
        }
        for (version, expected) in [
            ("1.0", true),
            ("MyVersion", true),
            ("1", true),
            ("1.0-SNAPSHOT_2", true),
            ("1.", false),
            (".1", false),
            ("", false),
            ("a/b", false),
        ] {
            assert_eq!(is_application_version(version), expected, "{version}");
        }
    }
}
