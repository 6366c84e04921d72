//! Instances that are started in advance and wait, so that a group grows faster.

use serde_json::{Map as JsonMap, json};

use super::properties::Properties;
use super::resources::{add as add_resource, members};
use super::{Generation, reference};
use crate::Error;

/// Adds the pool that the property `WarmPool` asks for, if it does.
pub(super) async fn add(
    group: &str,
    properties: &Properties<'_>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let Some(given) = properties.map("WarmPool")? else {
        return Ok(());
    };
    if [
        "SpotPrice",
        "SpotAlternatives",
        "SpotPercentage",
        "OnDemandBase",
        "InstanceRequirements",
    ]
    .iter()
    .any(|name| properties.has(name))
    {
        let message = "AWS has no warm pools for groups with spot instances or several instance types";
        return Err(properties.error("WarmPool", message));
    }
    let mut pool: JsonMap<_, _> = members(json!({"AutoScalingGroupName": {"Ref": group}}));
    for (name, value) in given.iter() {
        let value = reference::resolve(value, &given.path(&name), generation.account).await?;
        pool.insert(name, value);
    }
    add_resource(
        generation.template,
        &format!("{group}WarmPool"),
        "AWS::AutoScaling::WarmPool",
        pool,
    )
}
