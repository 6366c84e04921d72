//! Launch templates: the group gets a new version.

use stups_aws::Session;
use stups_aws::autoscaling::types::{
    AutoScalingGroup, LaunchTemplate, LaunchTemplateSpecification, MixedInstancesPolicy,
};
use stups_aws::ec2::types::{InstanceType, RequestLaunchTemplateData};

use super::Properties;
use crate::Error;
use crate::launch::{TemplateVersion, mixed_policy, specification_of};

/// Makes a version of the group's launch template with `properties` and points the group to it; no when its version has them.
pub(super) async fn patch(session: &Session, group: &AutoScalingGroup, properties: &Properties) -> Result<bool, Error> {
    let name = group.auto_scaling_group_name().unwrap_or_default();
    refuse_overrides(name, mixed_policy(group), properties)?;
    let specification = specification_of(group)
        .ok_or_else(|| Error::Fatal(format!("Auto Scaling Group {name} has no launch template")))?;
    let current = TemplateVersion::resolve(session, specification).await?;
    let Some(version) = new_version(session, &current, properties).await? else {
        return Ok(false);
    };
    if specification.version() == Some("$Latest") {
        return Ok(true);
    }
    let specification = LaunchTemplateSpecification::builder()
        .launch_template_id(&current.id)
        .version(version)
        .build();
    let update = session
        .autoscaling()
        .update_auto_scaling_group()
        .auto_scaling_group_name(name);
    match mixed_policy(group) {
        None => update.launch_template(specification).send().await?,
        Some(policy) => {
            let mut policy = policy.clone();
            if let Some(template) = &mut policy.launch_template {
                template.launch_template_specification = Some(specification);
            }
            update.mixed_instances_policy(policy).send().await?
        }
    };
    Ok(true)
}

/// Where a mixed group says otherwise for some of its instances, the template alone would change nothing.
fn refuse_overrides(name: &str, policy: Option<&MixedInstancesPolicy>, properties: &Properties) -> Result<(), Error> {
    let template = policy.and_then(MixedInstancesPolicy::launch_template);
    let overrides = template.map(LaunchTemplate::overrides).unwrap_or_default();
    let have_types = overrides
        .iter()
        .any(|other| other.instance_type().is_some() || other.instance_requirements().is_some());
    if properties.instance_type.is_some() && have_types {
        return Err(Error::Fatal(format!(
            "Auto Scaling Group {name} takes its instance types from a list of its mixed instances policy: change that in \
             the definition, and update the stack"
        )));
    }
    if overrides
        .iter()
        .any(|other| other.launch_template_specification().is_some())
    {
        return Err(Error::Fatal(format!(
            "Auto Scaling Group {name} has several launch templates: change them in the definition, and update the stack"
        )));
    }
    Ok(())
}

/// The number of the new version; nothing when the current one is as it should be.
async fn new_version(
    session: &Session,
    current: &TemplateVersion,
    properties: &Properties,
) -> Result<Option<String>, Error> {
    let ec2 = session.ec2();
    let answer = ec2
        .describe_launch_template_versions()
        .launch_template_id(&current.id)
        .versions(&current.version)
        .send()
        .await?;
    let found = answer.launch_template_versions.unwrap_or_default().into_iter().next();
    let data = found.and_then(|version| version.launch_template_data).ok_or_else(|| {
        Error::Fatal(format!(
            "Launch template {} has no version {}",
            current.id, current.version
        ))
    })?;
    let instance_type = data.instance_type().map(InstanceType::as_str);
    if !properties.differ_from(data.image_id(), instance_type) {
        return Ok(None);
    }
    let user_data = match &properties.user_data {
        Some(patch) => Some(patch.merged_into(data.user_data())?),
        None => None,
    };
    let changes = RequestLaunchTemplateData::builder()
        .set_image_id(properties.image.clone())
        .set_instance_type(properties.instance_type.as_deref().map(InstanceType::from))
        .set_user_data(user_data)
        .build();
    // Everything else is that of the source version.
    let created = ec2
        .create_launch_template_version()
        .launch_template_id(&current.id)
        .source_version(&current.version)
        .version_description("patched by senza")
        .launch_template_data(changes)
        .send()
        .await?;
    let number = created
        .launch_template_version
        .and_then(|version| version.version_number);
    let number = number.ok_or_else(|| Error::Fatal("EC2 does not say the new version's number".to_owned()))?;
    Ok(Some(number.to_string()))
}
