//! Launch configurations: they can't be changed, so the group gets a changed copy.

use jiff::Timestamp;
use stups_aws::Session;
use stups_aws::autoscaling::types::{AutoScalingGroup, LaunchConfiguration};

use super::Properties;
use crate::Error;

/// A copy's name begins with this many characters of the old name.
const KEPT_NAME: usize = 64;

/// Points the group to a copy of its launch configuration `name` with `properties`; no when it has them already.
pub(super) async fn patch(
    session: &Session,
    group: &AutoScalingGroup,
    name: &str,
    properties: &Properties,
) -> Result<bool, Error> {
    let client = session.autoscaling();
    let answer = client
        .describe_launch_configurations()
        .launch_configuration_names(name)
        .send()
        .await?;
    let found = answer.launch_configurations.unwrap_or_default().into_iter().next();
    let current = found.ok_or_else(|| Error::Fatal(format!("Launch configuration {name} not found")))?;
    if !properties.differ_from(current.image_id(), current.instance_type()) {
        return Ok(false);
    }
    let new_name = copy_name(name, Timestamp::now());
    create_copy(session, &new_name, current, properties).await?;
    let update = client
        .update_auto_scaling_group()
        .set_auto_scaling_group_name(group.auto_scaling_group_name.clone())
        .launch_configuration_name(&new_name);
    if let Err(error) = update.send().await {
        // Nobody uses the copy. If it stays after all, it does no harm.
        let request = client.delete_launch_configuration();
        let _ = request.launch_configuration_name(&new_name).send().await;
        return Err(error.into());
    }
    Ok(true)
}

async fn create_copy(
    session: &Session,
    name: &str,
    current: LaunchConfiguration,
    properties: &Properties,
) -> Result<(), Error> {
    let user_data = match &properties.user_data {
        Some(patch) => Some(patch.merged_into(current.user_data())?),
        None => current.user_data,
    };
    // Empty ones are as good as none, and refused.
    let text = |value: Option<String>| value.filter(|value| !value.is_empty());
    let list = |value: Option<Vec<String>>| value.filter(|value| !value.is_empty());
    session
        .autoscaling()
        .create_launch_configuration()
        .launch_configuration_name(name)
        .set_image_id(properties.image.clone().or(text(current.image_id)))
        .set_instance_type(properties.instance_type.clone().or(text(current.instance_type)))
        .set_user_data(text(user_data))
        .set_key_name(text(current.key_name))
        .set_security_groups(list(current.security_groups))
        .set_classic_link_vpc_id(text(current.classic_link_vpc_id))
        .set_classic_link_vpc_security_groups(list(current.classic_link_vpc_security_groups))
        .set_kernel_id(text(current.kernel_id))
        .set_ramdisk_id(text(current.ramdisk_id))
        .set_block_device_mappings(current.block_device_mappings.filter(|devices| !devices.is_empty()))
        .set_instance_monitoring(current.instance_monitoring)
        .set_spot_price(text(current.spot_price))
        .set_iam_instance_profile(text(current.iam_instance_profile))
        .set_ebs_optimized(current.ebs_optimized)
        .set_associate_public_ip_address(current.associate_public_ip_address)
        .set_placement_tenancy(text(current.placement_tenancy))
        .set_metadata_options(current.metadata_options)
        .send()
        .await?;
    Ok(())
}

/// `<old name, cut>-<time>`.
fn copy_name(name: &str, now: Timestamp) -> String {
    let kept: String = name.chars().take(KEPT_NAME).collect();
    format!("{kept}-{}", now.strftime("%Y%m%dT%H%M%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_named_by_the_time_it_was_made() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(copy_name("app", now), "app-20260102T030405");
        let long = "x".repeat(100);
        assert_eq!(copy_name(&long, now), format!("{}-20260102T030405", "x".repeat(64)));
    }
}
