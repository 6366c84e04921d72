//! Elastigroups.

use serde_json::{Map, Value as Json, json};

use super::Properties;
use crate::Error;
use crate::context::Context;
use crate::scaling_groups::StackGroup;
use crate::spotinst::Spotinst;

/// Changes what differs; no when nothing does.
pub(super) async fn patch(context: &Context, group: &StackGroup, properties: &Properties) -> Result<bool, Error> {
    let spotinst = Spotinst::of_stack(&context.session, &group.stack.stack_id).await?;
    let action = context.terminal.action(&format!(
        "Patching ElastiGroup {} (ID: {})..",
        group.stack.stack_name, group.id
    ));
    let patch = async {
        let described = spotinst.group(&group.id).await?;
        let compute = changes(&described, properties)?;
        if compute.is_empty() {
            return Ok(false);
        }
        spotinst.set_compute(&group.id, Json::Object(compute)).await?;
        Ok(true)
    };
    match patch.await {
        Ok(changed) => {
            action.done(if changed { "OK" } else { "NO CHANGES" });
            Ok(changed)
        }
        Err(error) => {
            let error: Error = error;
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

/// The parts of `compute` that differ.
fn changes(group: &Json, properties: &Properties) -> Result<Map<String, Json>, Error> {
    let current = |path: &str| group.pointer(&format!("/compute/{path}")).and_then(Json::as_str);
    let mut compute = Map::new();
    if let Some(wanted) = properties.instance_type.as_deref()
        && current("instanceTypes/ondemand") != Some(wanted)
    {
        compute.insert("instanceTypes".to_owned(), json!({"ondemand": wanted}));
    }
    let mut specification = Map::new();
    if let Some(wanted) = properties.image.as_deref()
        && current("launchSpecification/imageId") != Some(wanted)
    {
        specification.insert("imageId".to_owned(), wanted.into());
    }
    if let Some(patch) = &properties.user_data {
        let merged = patch.merged_into(current("launchSpecification/userData"))?;
        specification.insert("userData".to_owned(), merged.into());
    }
    if !specification.is_empty() {
        compute.insert("launchSpecification".to_owned(), Json::Object(specification));
    }
    Ok(compute)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::commands::patch::user_data::UserDataPatch;

    #[test]
    fn only_what_differs_is_sent() {
        let group = json!({"compute": {
            "instanceTypes": {"ondemand": "m1.micro", "spot": ["m1.micro"]},
            "launchSpecification": {"imageId": "ami-1", "userData": STANDARD.encode("#x\na: 1\n")}}});
        let changes = |image: &str, instance_type: &str, user_data: &str| {
            let properties = Properties {
                image: Some(image.to_owned()),
                instance_type: Some(instance_type.to_owned()),
                user_data: UserDataPatch::new(user_data).unwrap(),
            };
            super::changes(&group, &properties).map(Json::Object)
        };
        assert_eq!(changes("ami-1", "m1.micro", "~").unwrap(), json!({}));
        assert_eq!(
            changes("ami-2", "m1.large", "b: 2").unwrap(),
            json!({
                "instanceTypes": {"ondemand": "m1.large"},
                "launchSpecification": {"imageId": "ami-2", "userData": STANDARD.encode("#x\na: 1\nb: 2\n")},
            })
        );
        assert_eq!(
            changes("ami-1", "m1.micro", "text").unwrap_err().to_string(),
            "Current user data is a map but provided user data is a string."
        );
    }
}
