//! Where images come from (contract pierone 2.9, 5.7): what a trusted caller says, else annotations of the manifest, else labels
//! of its configuration, else `scm-source.json` in the topmost layer that has one, else provenance that was attached to it.

mod provenance;
mod scan;
mod told;

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use sea_orm::FromQueryResult;
use serde_json::Value;
use stups_api::Timestamp;
use stups_api::pierone::{ScmSource, SourceOrigin};
use stups_server::Error;
use tokio::sync::Semaphore;

use crate::blobs;
use crate::manifest::Manifest;
use crate::names::{Digest, Repository};
use crate::storage::Storage;
use crate::{PierOne, errors, sql};

pub(crate) use provenance::Provenance;
pub(crate) use told::stated;

/// How many bytes of a configuration or an attestation are read.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// How long layers of one image are looked through; what is left is looked through when somebody asks.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many layers are looked through at once: it takes a processor each.
const PARALLEL: usize = 2;

/// Looks through layers, a few at a time.
#[derive(Clone)]
pub(crate) struct Scanner(Arc<Semaphore>);

impl Scanner {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PARALLEL)))
    }
}

#[derive(FromQueryResult)]
struct Scan {
    source: Option<String>,
}

impl PierOne {
    /// What an image that is being pushed tells of its source.
    pub(crate) async fn source_of(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<Option<ScmSource>, Error> {
        if let Some(source) = told::annotated(&manifest.annotations) {
            return Ok(Some(pushed_now(source, SourceOrigin::Annotations)));
        }
        if let Some(config) = manifest.config()
            && let Some(source) = self.labelled(repository, &config.digest).await?
        {
            return Ok(Some(pushed_now(source, SourceOrigin::Labels)));
        }
        let layers = tokio::time::timeout(PATIENCE, self.in_layers(repository, manifest));
        match layers.await {
            Ok(found) => Ok(found?.map(|source| pushed_now(source, SourceOrigin::File))),
            Err(_) => Ok(None),
        }
    }

    async fn labelled(&self, repository: &Repository, config: &Digest) -> Result<Option<ScmSource>, Error> {
        let Some(bytes) = self.document(repository, config).await? else {
            return Ok(None);
        };
        let config: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let labels = config.pointer("/config/Labels").and_then(Value::as_object);
        Ok(labels.and_then(told::annotated))
    }

    /// The bytes of a small blob; nothing of one that is not there, or is too large to be one.
    async fn document(&self, repository: &Repository, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let Some(blob) = blobs::linked(self.store.connection(), repository, digest).await? else {
            return Ok(None);
        };
        if blob.bytes() > LARGEST_DOCUMENT {
            return Ok(None);
        }
        let stream = self.storage.read(&Storage::blob(&blob.digest), 0..blob.bytes()).await;
        let bytes = stream
            .map_err(|error| errors::storage(&error))?
            .try_fold(Vec::new(), |mut all, bytes| async move {
                all.extend_from_slice(&bytes);
                Ok(all)
            })
            .await
            .map_err(|error| errors::storage(&error))?;
        Ok(Some(bytes))
    }

    /// From the top: what an image adds shadows what it stands on.
    async fn in_layers(&self, repository: &Repository, manifest: &Manifest) -> Result<Option<ScmSource>, Error> {
        for layer in manifest.layers().rev() {
            let Some(blob) = blobs::linked(self.store.connection(), repository, layer).await? else {
                continue;
            };
            let found = self.in_layer(&blob.digest, blob.bytes()).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What one layer has; it is looked through once.
    async fn in_layer(&self, digest: &str, size: u64) -> Result<Option<ScmSource>, Error> {
        let known: Option<Scan> = sql::row(
            self.store.connection(),
            "SELECT source FROM layer_scans WHERE digest = $1",
            [digest.into()],
        )
        .await?;
        if let Some(scan) = known {
            return Ok(scan.source.and_then(|text| serde_json::from_str(&text).ok()));
        }
        let _turn = self.scanner.0.acquire().await.map_err(|_| Error::internal())?;
        let stream = self.storage.read(&Storage::blob(digest), 0..size).await;
        let stream = stream.map_err(|error| errors::storage(&error))?;
        let found = scan::scan(stream).await.map_err(|reason| {
            tracing::warn!(%digest, %reason, "a layer could not be read");
            Error::unavailable("the storage does not answer as it should.")
        })?;
        let write = self.store.write().await?;
        let text = found.as_ref().and_then(|source| serde_json::to_string(source).ok());
        sql::execute(
            write.transaction(),
            "INSERT INTO layer_scans (digest, source, scanned_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING",
            [digest.into(), text.into(), Timestamp::now().0.into()],
        )
        .await?;
        write.commit_unaudited().await?;
        Ok(found)
    }
}

fn pushed_now(source: ScmSource, origin: SourceOrigin) -> ScmSource {
    ScmSource {
        created: Some(Timestamp::now()),
        origin: Some(origin),
        ..source
    }
}
