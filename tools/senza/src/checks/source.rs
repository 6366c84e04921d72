//! The source that an image was built from.

use reqwest::Url;
use serde::Deserialize;
use stups_api::client::Client;

use super::Outcome;
use super::image::Image;
use super::services::{Services, TIMEOUT};
use crate::components::docker_image::DockerImage;
use crate::components::registry::Manifest;

/// The annotations of the OCI Image Specification.
const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";

/// What Pier One knows of an image's `scm-source.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ScmSource {
    #[serde(default)]
    url: String,
    #[serde(default)]
    revision: String,
    #[serde(default)]
    status: String,
}

/// Whether the image was built from committed source, and the commit. Pier One is asked for its `scm-source.json`; elsewhere
/// annotations and labels say it, or nobody knows.
pub(super) async fn is_clean(
    services: &Services,
    image: &Image,
    manifest: Option<&Manifest>,
) -> (Outcome, Option<String>) {
    let (image, pierone) = match image {
        Image::Known { image, pierone, .. } => (image, pierone),
        Image::Unknown(outcome) => return (outcome.clone(), None),
    };
    if let Some(pierone) = pierone {
        return match of_pierone(services, pierone, image).await {
            Ok(Some(source)) => judge(&source),
            Ok(None) => (Outcome::Failed("the image has no scm-source.json".to_owned()), None),
            Err(reason) => (Outcome::Failed(reason), None),
        };
    }
    let Some(manifest) = manifest else {
        return (Outcome::Unknown("the image was not read".to_owned()), None);
    };
    let label = |name: &str| manifest.label(name).unwrap_or_default().to_owned();
    let source = ScmSource {
        url: label(SOURCE),
        revision: label(REVISION),
        status: String::new(),
    };
    if source.url.is_empty() || source.revision.is_empty() {
        let reason = format!("the image has no labels {SOURCE} and {REVISION}");
        return (Outcome::Unknown(reason), None);
    }
    judge(&source)
}

async fn of_pierone(services: &Services, pierone: &Url, image: &DockerImage) -> Result<Option<ScmSource>, String> {
    let Some((team, artifact)) = image.repository.split_once('/') else {
        return Err(format!("\"{}\" is not team/artifact", image.repository));
    };
    let mut client = Client::new(pierone.clone())
        .map_err(|error| error.to_string())?
        .with_timeout(TIMEOUT);
    if let Some(token) = &services.pierone_token {
        client = client.on_behalf_of(token);
    }
    let path = [
        "teams",
        team,
        "artifacts",
        artifact,
        "tags",
        &image.reference,
        "scm-source",
    ];
    let answer: Result<Option<Option<ScmSource>>, _> = client.get(&path).optional().await;
    answer.map(Option::flatten).map_err(|error| error.to_string())
}

/// `scm-source` marks a revision with changes on top, and lists the changes.
fn judge(source: &ScmSource) -> (Outcome, Option<String>) {
    let revision = source.revision.trim();
    let commit = revision.split(' ').next().unwrap_or_default();
    let is_modified = revision.contains("locally modified") || revision.ends_with("-dirty");
    let outcome = if source.url.is_empty() || commit.is_empty() {
        Outcome::Failed("scm-source.json has no url or no revision".to_owned())
    } else if is_modified || !source.status.trim().is_empty() {
        Outcome::Failed(format!(
            "it was built from {commit} with changes that are not committed"
        ))
    } else {
        Outcome::Passed
    };
    (outcome, (!commit.is_empty()).then(|| commit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modified_source_is_not_clean() {
        let judged = |url: &str, revision: &str, status: &str| {
            let source = ScmSource {
                url: url.to_owned(),
                revision: revision.to_owned(),
                status: status.to_owned(),
            };
            let (outcome, commit) = judge(&source);
            (outcome == Outcome::Passed, commit)
        };
        let abc = || Some("abc".to_owned());
        assert_eq!(judged("git:x", "abc", ""), (true, abc()));
        assert_eq!(judged("git:x", "abc", "\n"), (true, abc()));
        assert_eq!(judged("git:x", "abc (locally modified)", ""), (false, abc()));
        assert_eq!(judged("git:x", "abc", " M src/main.rs"), (false, abc()));
        assert!(!judged("git:x", "abc-dirty", "").0);
        assert_eq!(judged("", "abc", ""), (false, abc()));
        assert_eq!(judged("git:x", "", ""), (false, None));
    }
}
