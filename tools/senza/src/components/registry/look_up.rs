//! What a registry has under an image's name.

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value as Json;

use super::connection::Connection;
use super::{MANIFESTS, TIMEOUT};
use crate::components::docker_image::DockerImage;
use crate::digest::sha256;
use crate::http;

/// Manifests and configurations are small; 4 MiB is the least that registries have to take (OCI Distribution Specification).
const LONGEST: usize = 4 << 20;

/// What a registry says about an image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    Found(Manifest),
    Missing,
    Refused(StatusCode),
}

/// An image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// `sha256:...`, of what the registry answered
    pub(crate) digest: String,
    /// the annotations of the manifest, and the labels of the configuration where an annotation is missing
    pub(crate) labels: Vec<(String, String)>,
}

impl Manifest {
    /// The annotation or label with this name.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(key, _)| key == name);
        label.map(|(_, value)| value.as_str())
    }
}

/// Looks `image` up at one of `bases` (scheme and host), the first that can be reached. The error says why none can be.
pub(crate) async fn look_up(bases: &[String], image: &DockerImage, token: Option<&str>) -> Result<Lookup, String> {
    let client = http::client(TIMEOUT).map_err(|error| http::cause(&error))?;
    let mut reason = None;
    for base in bases {
        match at(&client, base, image, token).await {
            Ok(found) => return Ok(found),
            Err(error) => reason = reason.or_else(|| Some(http::cause(&error))),
        }
    }
    Err(reason.unwrap_or_else(|| "it has no address".to_owned()))
}

async fn at(client: &Client, base: &str, image: &DockerImage, token: Option<&str>) -> Result<Lookup, reqwest::Error> {
    let mut connection = Connection::new(client, base, image, token);
    let path = format!("manifests/{}", image.reference);
    let response = connection.send(Method::GET, &path, MANIFESTS).await?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(Lookup::Missing),
        status if !status.is_success() => return Ok(Lookup::Refused(status)),
        _ => {}
    }
    let body = bounded(response).await?;
    let digest = format!("sha256:{}", sha256(&body));
    let mut manifest: Json = serde_json::from_slice(&body).unwrap_or_default();
    let mut labels = texts(manifest.get("annotations"));
    // An index has a manifest per platform; all are built from the same source.
    if let Some(child) = manifest.pointer("/manifests/0/digest").and_then(Json::as_str) {
        manifest = document(&mut connection, &format!("manifests/{child}"), MANIFESTS).await?;
        add_missing(&mut labels, texts(manifest.get("annotations")));
    }
    if let Some(config) = manifest.pointer("/config/digest").and_then(Json::as_str) {
        let config = document(&mut connection, &format!("blobs/{config}"), "*/*").await?;
        add_missing(&mut labels, texts(config.pointer("/config/Labels")));
    }
    Ok(Lookup::Found(Manifest { digest, labels }))
}

/// A further document of the image; null when there is none.
async fn document(connection: &mut Connection<'_>, path: &str, accept: &str) -> Result<Json, reqwest::Error> {
    let response = connection.send(Method::GET, path, accept).await?;
    if !response.status().is_success() {
        return Ok(Json::Null);
    }
    Ok(serde_json::from_slice(&bounded(response).await?).unwrap_or_default())
}

/// The beginning of an answer: nothing sensible is longer.
async fn bounded(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            body.truncate(LONGEST);
            break;
        }
    }
    Ok(body)
}

fn texts(map: Option<&Json>) -> Vec<(String, String)> {
    let entries = map.and_then(Json::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn add_missing(labels: &mut Vec<(String, String)>, more: Vec<(String, String)>) {
    for (key, value) in more {
        if !labels.iter().any(|(known, _)| *known == key) {
            labels.push((key, value));
        }
    }
}
