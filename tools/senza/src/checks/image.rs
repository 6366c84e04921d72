//! The image in its registry.

use reqwest::Url;

use super::services::Services;
use super::{Outcome, Subject};
use crate::components::docker_image::DockerImage;
use crate::components::registry::{self, Lookup, Manifest};

/// The image of an application, as far as it is known.
pub(super) enum Image {
    Known {
        image: DockerImage,
        host: String,
        /// the Pier One that it is in, if it is in one
        pierone: Option<Url>,
    },
    /// why nothing can be asked about it
    Unknown(Outcome),
}

impl Image {
    /// The image that the subject runs, and where it is.
    pub(super) fn of(services: &Services, subject: &Subject) -> Self {
        let Some(source) = &subject.source else {
            let reason = "the image is not known before the stack is there".to_owned();
            return Self::Unknown(Outcome::Unknown(reason));
        };
        let Some(image) = DockerImage::parse(source) else {
            return Self::Unknown(Outcome::Failed(format!("\"{source}\" is not a Docker image")));
        };
        let Some(host) = image.registry.clone() else {
            let reason = "images without a registry, which means Docker Hub, are not asked for".to_owned();
            return Self::Unknown(Outcome::Skipped(reason));
        };
        let configured = services.pierone.clone().filter(|url| host_of(url) == host);
        let pierone = configured.or_else(|| {
            let url = registry::is_pierone(&host).then(|| Url::parse(&format!("https://{host}")));
            url?.ok()
        });
        Self::Known { image, host, pierone }
    }

    /// Whether the registry has it, and what it has.
    pub(super) async fn exists(&self, services: &Services) -> (Outcome, Option<Manifest>) {
        let (image, host, pierone) = match self {
            Self::Known { image, host, pierone } => (image, host, pierone),
            Self::Unknown(outcome) => return (outcome.clone(), None),
        };
        let token = services.pierone_token().filter(|_| pierone.is_some());
        let bases = match pierone {
            // A token goes where the configuration says, or over TLS only.
            Some(url) => vec![url.as_str().trim_end_matches('/').to_owned()],
            None => vec![format!("https://{host}"), format!("http://{host}")],
        };
        match registry::look_up(&bases, image, token).await {
            Ok(Lookup::Found(manifest)) => match image.reference.strip_prefix("sha256:") {
                Some(_) if manifest.digest != image.reference => (
                    Outcome::Failed(format!("the registry answered another image, {}", manifest.digest)),
                    None,
                ),
                _ => (Outcome::Passed, Some(manifest)),
            },
            Ok(Lookup::Missing) => (Outcome::Failed("it does not exist".to_owned()), None),
            Ok(Lookup::Refused(status)) if pierone.is_some() && token.is_none() => {
                let reason = format!(
                    "the registry answered {status}; there is no token for Pier One, get one with \"pierone login\""
                );
                (Outcome::Failed(reason), None)
            }
            Ok(Lookup::Refused(status)) => (Outcome::Failed(format!("the registry answered {status}")), None),
            Err(reason) => (
                Outcome::Failed(format!("the registry can't be reached ({reason})")),
                None,
            ),
        }
    }

    /// Whether the name can't mean another image tomorrow. Pier One never moves a tag, but for snapshots and `latest`.
    pub(super) fn is_immutable(&self) -> Outcome {
        let (image, pierone) = match self {
            Self::Known { image, pierone, .. } => (image, pierone),
            Self::Unknown(outcome) => return outcome.clone(),
        };
        let tag = image.reference.as_str();
        if tag.contains(':') {
            return Outcome::Passed;
        }
        let moves = tag == "latest" || tag.ends_with("-SNAPSHOT");
        match (moves, pierone) {
            (true, _) => Outcome::Failed(format!("the tag {tag} moves with every new image")),
            (false, Some(_)) => Outcome::Passed,
            (false, None) => Outcome::Unknown(
                "the registry does not say whether its tags can move; name the image by its digest to be sure"
                    .to_owned(),
            ),
        }
    }
}

/// Host and port, as they stand in an image's name.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
