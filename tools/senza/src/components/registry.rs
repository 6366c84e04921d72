//! Asking a Docker registry whether an image exists (OCI Distribution Specification 1.1, section "Pulling manifests").

mod token;

use std::time::Duration;

use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode, Url};
use stups_terminal::Terminal;

use super::docker_image::DockerImage;
use crate::{Error, http};

/// How long a registry may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No answer with a token is longer, in bytes.
const LONGEST_TOKEN_ANSWER: usize = 1 << 16;

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
        token::stored("pierone", terminal)
    } else {
        None
    };
    check_at(registry, image, path, token.as_deref()).await
}

/// Pier One is told by its host name: its images are for those who have a token.
fn is_pierone(registry: &str) -> bool {
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
    let url = format!("{base}/v2/{}/manifests/{}", image.repository, image.reference);
    let mut bearer = token.map(str::to_owned);
    let mut has_asked_for_token = false;
    let mut method = Method::HEAD;
    loop {
        let mut request = client.request(method.clone(), &url).header(ACCEPT, MANIFESTS);
        if let Some(bearer) = &bearer {
            request = request.bearer_auth(bearer);
        }
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Answer::Exists);
        }
        if status == StatusCode::UNAUTHORIZED && !has_asked_for_token {
            has_asked_for_token = true;
            if let Some(challenge) = challenge(&response, base)
                && let Some(issued) = issue_token(client, challenge, image, token).await?
            {
                bearer = Some(issued);
                continue;
            }
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(Answer::Refused(status)),
            _ if method == Method::HEAD => method = Method::GET,
            StatusCode::NOT_FOUND => return Ok(Answer::Missing),
            other => return Ok(Answer::Refused(other)),
        }
    }
}

/// Where a registry wants tokens to be got from.
#[derive(Debug)]
struct Challenge {
    realm: Url,
    service: Option<String>,
    /// the registry itself issues tokens
    is_own: bool,
}

/// The `Bearer` challenge of an answer. A realm without TLS counts only when the registry has none either.
fn challenge(response: &Response, base: &str) -> Option<Challenge> {
    let base = Url::parse(base).ok()?;
    let header = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let parameters = header
        .strip_prefix("Bearer ")
        .or_else(|| header.strip_prefix("bearer "))?;
    let parameter = |name: &str| {
        let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
        let value = parameters.get(start..)?;
        Some(value.split_once('"')?.0.to_owned())
    };
    let realm = Url::parse(&parameter("realm")?).ok()?;
    let is_safe = realm.scheme() == "https" || realm.scheme() == base.scheme();
    is_safe.then(|| Challenge {
        is_own: realm.host() == base.host() && realm.port_or_known_default() == base.port_or_known_default(),
        service: parameter("service"),
        realm,
    })
}

/// Gets a token that may pull the image. `token` identifies the user, and goes to the registry itself only.
async fn issue_token(
    client: &Client,
    challenge: Challenge,
    image: &DockerImage,
    token: Option<&str>,
) -> Result<Option<String>, reqwest::Error> {
    let mut url = challenge.realm;
    url.query_pairs_mut()
        .append_pair("scope", &format!("repository:{}:pull", image.repository));
    if let Some(service) = &challenge.service {
        url.query_pairs_mut().append_pair("service", service);
    }
    let mut request = client.get(url);
    if let Some(token) = token.filter(|_| challenge.is_own) {
        request = request.basic_auth("oauth2", Some(token));
    }
    let mut response = request.send().await?;
    if !response.status().is_success() {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_TOKEN_ANSWER {
            return Ok(None);
        }
    }
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let issued = answer.get("token").or_else(|| answer.get("access_token"));
    Ok(issued.and_then(serde_json::Value::as_str).map(str::to_owned))
}

#[cfg(test)]
mod tests;
