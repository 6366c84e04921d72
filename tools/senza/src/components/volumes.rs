//! Volumes of launch templates: gp3 and encrypted unless the definition says otherwise.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::properties::Properties;
use super::resources::members;
use crate::Error;
use crate::account::Image;

/// The block devices of a launch template: those `given` for a launch configuration, and the image's own volumes.
pub(crate) fn mappings(given: Option<&Json>, image: Option<&Image>) -> Vec<Json> {
    let given = match given {
        Some(Json::Array(mappings)) => mappings.iter().map(mapping).collect(),
        Some(Json::Null) | None => Vec::new(),
        Some(other) => vec![mapping(other)],
    };
    let is_given = |device: &str| {
        given
            .iter()
            .any(|mapping: &Json| mapping.get("DeviceName").and_then(Json::as_str) == Some(device))
    };
    let own = image.map(Image::volumes).unwrap_or_default();
    let mut all: Vec<Json> = own
        .into_iter()
        .filter(|device| !is_given(device))
        .map(|device| json!({"DeviceName": device, "Ebs": volume(&JsonMap::new())}))
        .collect();
    all.extend(given);
    all
}

fn mapping(given: &Json) -> Json {
    let mut result = given.clone();
    if let Some(Json::Object(ebs)) = result.get("Ebs") {
        let volume = volume(ebs);
        result["Ebs"] = Json::Object(volume);
    }
    // Launch templates want the empty text where launch configurations wanted true.
    match result.get("NoDevice") {
        Some(Json::Bool(true)) => result["NoDevice"] = json!(""),
        Some(Json::Bool(false)) => {
            if let Json::Object(members) = &mut result {
                members.remove("NoDevice");
            }
        }
        _ => {}
    }
    result
}

/// An EBS volume: gp2 and no type become gp3. `Iops` was never valid for gp2, and what was meant for it is too little for gp3.
fn volume(given: &JsonMap<String, Json>) -> JsonMap<String, Json> {
    let mut volume = given.clone();
    let written_type = volume.get("VolumeType").cloned().unwrap_or(Json::Null);
    if written_type.is_null() || written_type == "gp2" {
        volume.insert("VolumeType".to_owned(), json!("gp3"));
        if written_type == "gp2" {
            volume.remove("Iops");
        }
    }
    if volume.get("Encrypted").is_none_or(Json::is_null) {
        volume.insert("Encrypted".to_owned(), json!(true));
    }
    volume
}

/// Members of an EBS volume and what Spot's API calls them.
const SPOT_NAMES: [(&str, &str); 8] = [
    ("DeleteOnTermination", "deleteOnTermination"),
    ("Encrypted", "encrypted"),
    ("Iops", "iops"),
    ("KmsKeyId", "kmsKeyId"),
    ("SnapshotId", "snapshotId"),
    ("Throughput", "throughput"),
    ("VolumeSize", "volumeSize"),
    ("VolumeType", "volumeType"),
];

/// The property `BlockDeviceMappings` in the words of Spot's API; nothing when it is absent or empty. senza 2.1 keeps names and
/// sizes only.
pub(crate) fn spot_mappings(properties: &Properties<'_>, is_current: bool) -> Result<Option<Json>, Error> {
    let mut mappings = Vec::new();
    for (index, given) in properties
        .list("BlockDeviceMappings")?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let place = format!("BlockDeviceMappings/{index}");
        let given = given.to_json();
        let device = given.get("DeviceName").cloned();
        let device = device.ok_or_else(|| properties.error(&place, "DeviceName is missing"))?;
        let mut mapping = JsonMap::from_iter([("deviceName".to_owned(), device)]);
        match (given.get("Ebs"), given.get("VirtualName")) {
            (Some(Json::Object(ebs)), _) => {
                mapping.insert("ebs".to_owned(), Json::Object(spot_volume(ebs, is_current)));
            }
            (None, Some(name)) if is_current => {
                mapping.insert("virtualName".to_owned(), name.clone());
            }
            _ => return Err(properties.error(&place, "Ebs is missing, give a map with VolumeSize")),
        }
        mappings.push(Json::Object(mapping));
    }
    Ok((!mappings.is_empty()).then_some(Json::Array(mappings)))
}

fn spot_volume(ebs: &JsonMap<String, Json>, is_current: bool) -> JsonMap<String, Json> {
    let mut result = members(json!({"deleteOnTermination": true}));
    if !is_current {
        result.insert("volumeType".to_owned(), json!("gp2"));
        result.extend(
            ebs.get("VolumeSize")
                .map(|size| ("volumeSize".to_owned(), size.clone())),
        );
        return result;
    }
    let volume = volume(ebs);
    for (from, to) in SPOT_NAMES {
        result.extend(volume.get(from).map(|value| (to.to_owned(), value.clone())));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::DeviceMapping;

    #[test]
    fn volumes_are_gp3_and_encrypted() {
        let image = Image {
            root_device: Some("/dev/sda1".to_owned()),
            devices: vec![DeviceMapping {
                name: "/dev/sdb".to_owned(),
                is_ebs: true,
            }],
            ..Image::default()
        };
        let given = json!([
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 10, "VolumeType": "gp2", "Iops": 300}},
            {"DeviceName": "/dev/sdc", "Ebs": {"VolumeType": "io1", "Iops": 300, "Encrypted": false}},
            {"DeviceName": "/dev/sdd", "VirtualName": "ephemeral0"},
            {"DeviceName": "/dev/sde", "NoDevice": true},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10, "Iops": 4000}},
        ]);
        assert_eq!(
            Json::Array(mappings(Some(&given), Some(&image))),
            json!([
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeType": "gp3", "Encrypted": true}},
                {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 10, "VolumeType": "gp3", "Encrypted": true}},
                {"DeviceName": "/dev/sdc", "Ebs": {"VolumeType": "io1", "Iops": 300, "Encrypted": false}},
                {"DeviceName": "/dev/sdd", "VirtualName": "ephemeral0"},
                {"DeviceName": "/dev/sde", "NoDevice": ""},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10, "Iops": 4000, "VolumeType": "gp3", "Encrypted": true}},
            ])
        );
        assert!(mappings(None, None).is_empty());
        assert_eq!(mappings(Some(&json!("odd")), None), [json!("odd")]);
    }
}
