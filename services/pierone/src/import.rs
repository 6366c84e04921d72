//! Taking over images of an original Pier One: its content, where that is in our storage already, and what its database knew
//! (contract pierone 2.11, 6.4).

use axum::body::Body;
use stups_api::Timestamp;
use stups_api::pierone::ScmSource;
use stups_server::Error;
use stups_store::objects::object_store::path::Path;

use crate::blobs::linked;
use crate::manifest::{Manifest, Past, Put};
use crate::names::{Algorithm, Digest, Repository};
use crate::principal::Principal;
use crate::uploads::Chunk;
use crate::{PierOne, errors};

/// A tag of the original.
pub(crate) struct Original<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) tag: &'a str,
    /// The manifest as the original serves it: clients know the digest of these bytes.
    pub(crate) manifest: &'a [u8],
    pub(crate) created: Timestamp,
    pub(crate) created_by: &'a str,
    pub(crate) source: Option<ScmSource>,
}

impl PierOne {
    /// Takes over a tag with its content; the digest of its manifest. The same again changes nothing. Errors: content is neither
    /// here nor where the original has it, or is not what its name says; the tag means something else here.
    pub(crate) async fn import(&self, who: &Principal, original: Original<'_>) -> Result<Digest, Error> {
        let manifest = Manifest::parse_old(original.manifest)?;
        for reference in &manifest.references {
            self.adopt(who, original.repository, &reference.digest).await?;
        }
        let source = self.source_of(original.repository, &manifest).await?;
        let put = Put {
            repository: original.repository,
            manifest: &manifest,
            bytes: original.manifest,
            tags: &[original.tag.to_owned()],
            sha512: false,
            source: source.map(|source| ScmSource {
                created: Some(original.created),
                ..source
            }),
            stated_source: original.source,
            provenance: self.provenance_in(original.repository, &manifest).await?,
            past: Some(Past {
                created_at: original.created.0,
                created_by: original.created_by.to_owned(),
            }),
        };
        Ok(self.put_manifest(who, &put).await?.sha256)
    }

    /// Links content that is in another repository, or at the root of the storage under its digest, where the original keeps it. That
    /// is hashed on its way to where content belongs here; the original's own object stays.
    async fn adopt(&self, who: &Principal, repository: &Repository, digest: &Digest) -> Result<(), Error> {
        if linked(self.store.connection(), repository, digest).await?.is_some()
            || self.mount(who, repository, digest, None).await?
        {
            return Ok(());
        }
        let old = Path::from(digest.as_str());
        let size = self.storage.size(&old).await.map_err(|error| errors::storage(&error))?;
        // Whether the manifest may do without it is not decided here.
        let Some(size) = size else { return Ok(()) };
        let bytes = self.storage.read(&old, 0..size).await;
        let chunk = Chunk {
            body: Body::from_stream(bytes.map_err(|error| errors::storage(&error))?),
            length: Some(size),
            range: None,
        };
        let upload = self.start_upload(who, repository, Algorithm::Sha256).await?;
        let ended = match self.append(repository, upload.clone(), chunk).await {
            Ok(upload) => self.finish_upload(who, repository, &upload, digest).await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.cancel_upload(&upload).await?;
        }
        ended
    }
}
