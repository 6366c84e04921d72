//! What an image of several platforms has for one of them.

use serde_json::Value;

/// `os/architecture[/variant]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// As `--platform` has it.
pub(crate) fn platform(text: &str) -> Result<Platform, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [os, architecture, variant @ ..] if parts.len() <= 3 && parts.iter().all(|part| !part.is_empty()) => {
            Ok(Platform {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: variant.first().map(|variant| (*variant).to_owned()),
            })
        }
        _ => Err("a platform is <os>/<architecture>, as in linux/arm64".to_owned()),
    }
}

impl Platform {
    /// The digest of the image for this platform; `index` is an OCI index or a manifest list.
    pub(crate) fn of_index<'a>(&self, index: &'a Value) -> Option<&'a str> {
        let images = index["manifests"].as_array()?;
        let found = images.iter().find(|image| self.is_that_of(&image["platform"]))?;
        found["digest"].as_str()
    }

    fn is_that_of(&self, platform: &Value) -> bool {
        platform["os"] == *self.os
            && platform["architecture"] == *self.architecture
            && self
                .variant
                .as_ref()
                .is_none_or(|variant| platform["variant"] == **variant)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_image_of_a_platform_is_found() {
        let of = |os: &str, architecture: &str, variant: Value, digest: &str| json!({"digest": digest, "platform": {"os": os, "architecture": architecture, "variant": variant}});
        let index = json!({"manifests": [
            {"digest": "sha256:0"},
            of("linux", "amd64", Value::Null, "sha256:1"),
            of("linux", "arm", json!("v6"), "sha256:2"),
            of("linux", "arm", json!("v7"), "sha256:3"),
        ]});
        for (text, digest) in [
            ("linux/amd64", Some("sha256:1")),
            ("linux/arm", Some("sha256:2")),
            ("linux/arm/v7", Some("sha256:3")),
            ("linux/arm/v8", None),
            ("windows/amd64", None),
        ] {
            assert_eq!(platform(text).unwrap().of_index(&index), digest, "{text}");
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            assert!(platform(text).is_err(), "{text}");
        }
    }
}
