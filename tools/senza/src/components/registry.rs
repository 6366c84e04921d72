//! Asking a Docker registry whether an image exists (OCI Distribution Specification 1.1, section "Pulling manifests").

mod connection;
mod login;
mod look_up;
mod token;

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use stups_terminal::Terminal;

use super::docker_image::DockerImage;
use crate::{Error, http};
use connection::Connection;
pub(crate) use look_up::{Lookup, Manifest, look_up};

/// How long a registry may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Every form that an image can have.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws, */*;q=0.1";

/// What a registry says about an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Exists,
    Missing,
    Refused(StatusCode),
}

/// Makes sure that `image` exists. Images without a registry (Docker Hub) are not checked. `path` is where the image is named.
pub(crate) async fn check(image: &DockerImage, path: &str, terminal: &Terminal) -> Result<(), Error> {
    let Some(registry) = image.registry.as_deref() else {
        return Ok(());
    };
    let token = if is_pierone(registry) {
        stored_token(terminal)
    } else {
        None
    };
    check_at(registry, image, path, token.as_deref()).await
}

/// The person's token for Pier One.
pub(crate) fn stored_token(terminal: &Terminal) -> Option<String> {
    token::stored("pierone", terminal)
}

/// Pier One is told by its host name: its images are for those who have a token.
pub(crate) fn is_pierone(registry: &str) -> bool {
    registry.contains("pierone")
}

async fn check_at(registry: &str, image: &DockerImage, path: &str, token: Option<&str>) -> Result<(), Error> {
    let is_pierone = is_pierone(registry);
    if is_pierone && token.is_none() {
        return Err(cannot_check(
            image,
            path,
            "there is no OAuth access token for Pier One, get one with \"pierone login\"",
        ));
    }
    let client = http::client(TIMEOUT).map_err(|error| cannot_check(image, path, &http::cause(&error)))?;
    // A token goes over TLS only.
    let schemes: &[&str] = if is_pierone { &["https"] } else { &["https", "http"] };
    let mut reason = String::new();
    for scheme in schemes {
        match ask(&client, &format!("{scheme}://{registry}"), image, token).await {
            Ok(Answer::Exists) => return Ok(()),
            Ok(Answer::Missing) => {
                return Err(Error::Usage(format!(
                    "{path}: Docker image \"{image}\" does not exist (skip this check with --force)"
                )));
            }
            Ok(Answer::Refused(status)) => {
                return Err(cannot_check(image, path, &format!("the registry answered {status}")));
            }
            // What the encrypted connection says is of more use than that the other one failed too.
            Err(error) if reason.is_empty() => reason = http::cause(&error),
            Err(_) => {}
        }
    }
    Err(cannot_check(
        image,
        path,
        &format!("the registry can't be reached ({reason})"),
    ))
}

fn cannot_check(image: &DockerImage, path: &str, reason: &str) -> Error {
    Error::Usage(format!(
        "{path}: Cannot check whether Docker image \"{image}\" exists: {reason}; or skip this check with --force"
    ))
}

/// Asks `base` (scheme and host) for the image's manifest. With a HEAD request first; with GET where that does not find it,
/// since older registries know no HEAD.
async fn ask(client: &Client, base: &str, image: &DockerImage, token: Option<&str>) -> Result<Answer, reqwest::Error> {
    let mut connection = Connection::new(client, base, image, token);
    let mut method = Method::HEAD;
    loop {
        let response = connection
            .send(method.clone(), &format!("manifests/{}", image.reference), MANIFESTS)
            .await?;
        match response.status() {
            status if status.is_success() => return Ok(Answer::Exists),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => return Ok(Answer::Refused(status)),
            _ if method == Method::HEAD => method = Method::GET,
            StatusCode::NOT_FOUND => return Ok(Answer::Missing),
            other => return Ok(Answer::Refused(other)),
        }
    }
}

#[cfg(test)]
mod tests;
