//! Machine images.

use serde::{Deserialize, Serialize};
use stups_aws::ec2;

use super::Account;
use super::network::filter;
use crate::Error;

/// A release channel of Taupage: what its images are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    /// the key below `Mappings.Images.<region>`
    pub(crate) mapping: &'static str,
    /// how names of an organisation's own images begin
    pub(crate) private_prefix: &'static str,
    /// how names of public images begin
    pub(crate) public_prefix: &'static str,
    /// whether a definition can't do without it
    pub(crate) is_required: bool,
}

impl Channel {
    /// All channels.
    pub(crate) const ALL: [Self; 3] = [
        Self {
            mapping: "LatestTaupageImage",
            private_prefix: "Taupage-AMI-",
            public_prefix: "Taupage-Public-AMI-",
            is_required: true,
        },
        Self {
            mapping: "LatestTaupageStagingImage",
            private_prefix: "TaupageStaging-AMI-",
            public_prefix: "TaupageStaging-Public-AMI-",
            is_required: false,
        },
        Self {
            mapping: "LatestTaupageDevImage",
            private_prefix: "TaupageDev-AMI-",
            public_prefix: "TaupageDev-Public-AMI-",
            is_required: false,
        },
    ];

    /// What EC2 is to look for to find the images of all channels.
    pub(crate) fn wildcards() -> Vec<String> {
        Self::ALL
            .iter()
            .flat_map(|channel| [channel.private_prefix, channel.public_prefix])
            .map(|prefix| format!("{prefix}*"))
            .collect()
    }
}

/// A machine image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// `ami-...`
    pub(crate) id: String,
    /// its name
    pub(crate) name: String,
    /// the AWS account that owns it
    pub(crate) owner: String,
    /// whether everybody may launch it
    pub(crate) is_public: bool,
    /// whether it is for arm64 (Graviton), else x86
    pub(crate) is_arm64: bool,
    /// the device of the root volume: `/dev/sda1`
    pub(crate) root_device: Option<String>,
    /// the volumes it brings
    pub(crate) devices: Vec<DeviceMapping>,
}

/// A device of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceMapping {
    /// `/dev/sdb`
    pub(crate) name: String,
    /// whether it is an EBS volume
    pub(crate) is_ebs: bool,
}

impl Image {
    /// The devices that are EBS volumes, the root volume first.
    pub(crate) fn volumes(&self) -> Vec<&str> {
        let others = self
            .devices
            .iter()
            .filter(|device| device.is_ebs)
            .map(|device| device.name.as_str())
            .filter(|name| Some(*name) != self.root_device.as_deref());
        self.root_device.as_deref().into_iter().chain(others).collect()
    }
}

impl Account {
    /// The available, EBS-backed Taupage images of all channels.
    pub(crate) async fn taupage_images(&self) -> Result<&[Image], Error> {
        let images = self
            .taupage_images
            .get_or_try_init(|| {
                Box::pin(async {
                    let names = Channel::wildcards();
                    let filters = vec![
                        filter("name", names.iter().map(String::as_str)),
                        filter("state", ["available"]),
                        filter("root-device-type", ["ebs"]),
                    ];
                    self.describe_images(filters).await
                })
            })
            .await?;
        Ok(images)
    }

    /// The image with this id, if this account can see it.
    pub(crate) async fn image(&self, id: &str) -> Result<Option<Image>, Error> {
        if let Some(image) = self
            .taupage_images
            .get()
            .and_then(|images| images.iter().find(|image| image.id == id))
        {
            return Ok(Some(image.clone()));
        }
        self.images
            .get(
                id,
                Box::pin(async {
                    let images = self.describe_images(vec![filter("image-id", [id])]).await?;
                    Ok(images.into_iter().next())
                }),
            )
            .await
    }

    /// The image in the list at `url`, found by `look_up` unless it is known.
    pub(crate) async fn coreos_image(
        &self,
        url: &str,
        look_up: impl Future<Output = Result<String, Error>>,
    ) -> Result<String, Error> {
        self.coreos_images.get(url, look_up).await
    }

    async fn describe_images(&self, filters: Vec<ec2::types::Filter>) -> Result<Vec<Image>, Error> {
        let pages = self
            .online()?
            .ec2()
            .describe_images()
            .set_filters(Some(filters))
            .into_paginator()
            .items()
            .send();
        let found: Vec<ec2::types::Image> = pages.collect::<Result<_, _>>().await?;
        Ok(found
            .into_iter()
            .map(|image| Image {
                devices: image
                    .block_device_mappings()
                    .iter()
                    .filter_map(|mapping| {
                        Some(DeviceMapping {
                            name: mapping.device_name.clone()?,
                            is_ebs: mapping.ebs.is_some(),
                        })
                    })
                    .collect(),
                id: image.image_id.unwrap_or_default(),
                name: image.name.unwrap_or_default(),
                owner: image.owner_id.unwrap_or_default(),
                is_public: image.public.unwrap_or_default(),
                is_arm64: image.architecture == Some(ec2::types::ArchitectureValues::Arm64),
                root_device: image.root_device_name,
            })
            .collect())
    }
}

/// The image of `channel` whose name sorts last: of the private ones, else of the public ones.
pub(crate) fn newest_taupage_image(images: &[Image], channel: Channel) -> Option<&Image> {
    let newest = |is_public: bool, prefix: &str| {
        images
            .iter()
            .filter(|image| image.is_public == is_public && image.name.starts_with(prefix))
            .max_by(|left, right| left.name.cmp(&right.name))
    };
    newest(false, channel.private_prefix).or_else(|| newest(true, channel.public_prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, name: &str, is_public: bool) -> Image {
        Image {
            id: id.to_owned(),
            name: name.to_owned(),
            is_public,
            ..Image::default()
        }
    }

    #[test]
    fn private_images_come_before_public_ones_and_names_decide() {
        let images = [
            image("old", "Taupage-AMI-20240101-000000", false),
            image("new", "Taupage-AMI-20250101-000000", false),
            image("leaked", "Taupage-AMI-20260101-000000", true),
            image("public", "Taupage-Public-AMI-20260101-000000", true),
            image("staging", "TaupageStaging-Public-AMI-20250101-000000", true),
            image("hidden", "TaupageDev-Public-AMI-20250101-000000", false),
        ];
        let ids = Channel::ALL.map(|channel| newest_taupage_image(&images, channel).map(|image| image.id.as_str()));
        assert_eq!(ids, [Some("new"), Some("staging"), None]);
        assert_eq!(
            newest_taupage_image(&images[3..], Channel::ALL[0]).map(|image| image.id.as_str()),
            Some("public")
        );
    }

    #[test]
    fn volumes_are_the_root_and_the_other_ebs_devices() {
        let device = |name: &str, is_ebs| DeviceMapping {
            name: name.to_owned(),
            is_ebs,
        };
        let image = Image {
            root_device: Some("/dev/sda1".to_owned()),
            devices: vec![
                device("/dev/sdb", false),
                device("/dev/sda1", true),
                device("/dev/sdc", true),
            ],
            ..Image::default()
        };
        assert_eq!(image.volumes(), ["/dev/sda1", "/dev/sdc"]);
        assert!(Image::default().volumes().is_empty());
    }
}
