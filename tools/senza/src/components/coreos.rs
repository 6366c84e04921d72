//! Senza::CoreosAutoConfiguration: subnets, and the image of the system that CoreOS lives on in: Flatcar Container Linux.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::properties::Properties;
use super::property_table::{Property, text};
use super::resources::section;
use super::{Component, Generation, subnets};
use crate::{Error, http};

/// What it has beside the properties of Senza::SubnetAutoConfiguration.
pub(super) const ADDITIONS: &[Property] = &[
    text("ReleaseChannel", "release channel of the image")
        .one_of(&["stable", "beta", "alpha", "lts"])
        .default("stable"),
    text("Architecture", "architecture of the image")
        .one_of(&["amd64", "arm64"])
        .default("amd64")
        .since_3(),
];

/// How long the feed may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The feed has some 5 KB.
const MAXIMUM_SIZE: usize = 1024 * 1024;

/// Applies the component.
pub(super) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let channel = word(&properties, "ReleaseChannel", "stable")?;
    let architecture = word(&properties, "Architecture", "amd64")?;
    let url = generation
        .account
        .endpoints()
        .coreos_feed
        .replace("{channel}", &channel)
        .replace("{architecture}", &architecture);
    let region = generation.arguments.region.clone();
    let look_up = async {
        let image = find_image(&url, &region).await;
        image.map_err(|reason| Error::Fatal(format!("{}: {reason}", properties.path("ReleaseChannel"))))
    };
    let image = generation.account.coreos_image(&url, look_up).await?;
    subnets::apply(component, generation).await?;
    section(generation.template, &["Mappings", "Images", &region])?
        .insert("LatestCoreOSImage".to_owned(), json!(image));
    Ok(())
}

/// A word that becomes part of a URL.
fn word(properties: &Properties<'_>, name: &str, default: &str) -> Result<String, Error> {
    let word = properties.filled_text(name)?.unwrap_or_else(|| default.to_owned());
    if !word
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || character == '-')
    {
        return Err(properties.error(name, &format!("must be a word, not \"{word}\"")));
    }
    Ok(word)
}

/// The region's image in the feed at `url`; an error in words.
async fn find_image(url: &str, region: &str) -> Result<String, String> {
    let body = http::get_limited(url, &[], TIMEOUT, MAXIMUM_SIZE)
        .await
        .map_err(|reason| format!("the list of Flatcar images ({url}) can't be read: {reason}"))?;
    let feed: Json = serde_json::from_slice(&body)
        .map_err(|error| format!("the list of Flatcar images ({url}) is not JSON: {error}"))?;
    image_in(&feed, region).ok_or_else(|| format!("the list of Flatcar images ({url}) has none for {region}"))
}

/// Flatcar lists `{amis: [{name: <region>, hvm: <image>}]}`; CoreOS had `{<region>: {hvm: <image>}}`.
fn image_in(feed: &Json, region: &str) -> Option<String> {
    let listed = feed.get("amis").and_then(Json::as_array).and_then(|images| {
        images
            .iter()
            .find(|image| image.get("name").and_then(Json::as_str) == Some(region))
    });
    let entry = listed.or_else(|| feed.get(region))?;
    entry.get("hvm").and_then(Json::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_feed_are_read() {
        let flatcar = json!({"amis": [{"name": "us-east-1", "hvm": "ami-us"}, {"name": "eu-west-1", "hvm": "ami-eu"}]});
        assert_eq!(image_in(&flatcar, "eu-west-1").as_deref(), Some("ami-eu"));
        assert_eq!(image_in(&flatcar, "xx-west-1"), None);
        let coreos = json!({"eu-west-1": {"hvm": "ami-eu", "pv": "ami-pv"}, "release_info": {}});
        assert_eq!(image_in(&coreos, "eu-west-1").as_deref(), Some("ami-eu"));
        assert_eq!(image_in(&json!([]), "eu-west-1"), None);
    }
}
