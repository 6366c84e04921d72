//! A client of the registry protocol: pushes as docker does, several layers at once, and pulls so, without keeping what it gets.

use std::future::Future;

use anyhow::{Context as _, Result, bail};
use futures::{FutureExt, StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Response, StatusCode};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;

use crate::layers::{Layer, sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &[u8] = b"{}";

/// How many layers docker uploads at once (`max-concurrent-uploads`, dockerd(8)).
const UPLOADS: usize = 5;

/// How many it downloads at once (`max-concurrent-downloads`).
const DOWNLOADS: usize = 3;

/// One client with connections and a repository of its own.
pub(crate) struct Client {
    http: reqwest::Client,
    repository: Url,
}

/// Runs `make(0)`, `make(1)` and so on at once; their results in any order.
pub(crate) async fn in_parallel<T, F>(count: usize, make: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let running: JoinSet<Result<T>> = (0..count).map(make).collect();
    running.join_all().await.into_iter().collect()
}

impl Client {
    pub(crate) fn new(registry: &Url, number: usize) -> Result<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        Ok(Self {
            http: reqwest::Client::builder().build()?,
            repository: registry.join(&format!("v2/bench/app-{number}/"))?,
        })
    }

    fn url(&self, path: &str) -> Result<Url> {
        Ok(self.repository.join(path)?)
    }

    /// Pushes an image with these layers, gives it these tags, and returns how many bytes the layers have.
    pub(crate) async fn push_image(&self, layers: &[Layer], tags: &[String]) -> Result<u64> {
        let pushes = layers.iter().map(|layer| {
            let body = Body::wrap_stream(layer.bytes());
            self.push_blob(body, layer.size, &layer.digest)
        });
        let pushes: Vec<_> = pushes.map(FutureExt::boxed).collect();
        let mut pushes = stream::iter(pushes).buffer_unordered(UPLOADS);
        while pushes.try_next().await?.is_some() {}
        let mut hash = Context::new(&SHA256);
        hash.update(CONFIG);
        let config = sha256(hash);
        self.push_blob(Body::from(CONFIG), CONFIG.len() as u64, &config).await?;
        let descriptors: Vec<Value> = layers
            .iter()
            .map(|layer| {
                json!({
                    "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.digest, "size": layer.size,
                })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": CONFIG.len(),
            },
            "layers": descriptors,
        })
        .to_string();
        for tag in tags {
            let request = self.http.put(self.url(&format!("manifests/{tag}"))?);
            let answer = request.header(CONTENT_TYPE, MANIFEST).body(manifest.clone()).send();
            expect(answer.await?, StatusCode::CREATED).await?;
        }
        Ok(layers.iter().map(|layer| layer.size).sum())
    }

    async fn push_blob(&self, body: Body, size: u64, digest: &str) -> Result<()> {
        let start = self.http.post(self.url("blobs/uploads/")?).send().await?;
        let upload = location(&expect(start, StatusCode::ACCEPTED).await?)?;
        let request = self.http.patch(upload).header(CONTENT_LENGTH, size);
        let sent = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body)
            .send();
        let mut upload = location(&expect(sent.await?, StatusCode::ACCEPTED).await?)?;
        upload.query_pairs_mut().append_pair("digest", digest);
        let end = self.http.put(upload).header(CONTENT_LENGTH, 0).send();
        expect(end.await?, StatusCode::CREATED).await?;
        Ok(())
    }

    /// Pulls the layers of an image, and returns how many bytes they had.
    pub(crate) async fn pull_image(&self, tag: &str) -> Result<u64> {
        let request = self.http.get(self.url(&format!("manifests/{tag}"))?);
        let answer = expect(request.header(ACCEPT, MANIFEST).send().await?, StatusCode::OK).await?;
        let manifest: Value = answer.json().await?;
        let layers = manifest["layers"].as_array().context("a manifest without layers")?;
        let pulls = layers.iter().map(|layer| self.pull_blob(layer));
        let pulls: Vec<_> = pulls.map(FutureExt::boxed).collect();
        let mut pulls = stream::iter(pulls).buffer_unordered(DOWNLOADS);
        let mut bytes = 0;
        while let Some(pulled) = pulls.try_next().await? {
            bytes += pulled;
        }
        Ok(bytes)
    }

    async fn pull_blob(&self, layer: &Value) -> Result<u64> {
        let digest = layer["digest"].as_str().context("a layer without a digest")?;
        let url = self.url(&format!("blobs/{digest}"))?;
        let mut answer = expect(self.http.get(url).send().await?, StatusCode::OK).await?;
        let mut bytes = 0;
        while let Some(piece) = answer.chunk().await? {
            bytes += piece.len() as u64;
        }
        Ok(bytes)
    }
}

/// Where the answer says that its upload is, which may be relative.
fn location(answer: &Response) -> Result<Url> {
    let location = answer.headers().get(LOCATION).context("no Location")?;
    Ok(answer.url().join(location.to_str()?)?)
}

async fn expect(answer: Response, status: StatusCode) -> Result<Response> {
    if answer.status() == status {
        return Ok(answer);
    }
    let (found, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    bail!("{url}: {found}: {text}")
}
