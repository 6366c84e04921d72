//! What a tag or a digest means, and what is said about it: read once for all who ask at the same moment, as when a deployment
//! starts many instances.

use std::sync::Arc;

use bytes::Bytes;
use stups_server::Error;

use super::read::{Stored, TagRow, stored, tag_row};
use crate::names::{Digest, Reference, Repository};
use crate::status::Compliance;
use crate::{PierOne, errors};

/// What a reference means at this moment.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) means: Means,
}

/// How it was asked for.
#[derive(Debug)]
pub(crate) enum Means {
    /// By a tag, with what is said about it.
    Tag { row: TagRow, compliance: Box<Compliance> },
    /// By its digest; why all tags that point to it were withdrawn, if they were.
    Digest { withdrawn: Option<String> },
}

impl PierOne {
    /// What a reference means. Errors: there is no such manifest. Whether the caller may have it is not asked here.
    pub(crate) async fn named(
        self: &Arc<Self>,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Arc<Named>, Error> {
        let pierone = Arc::clone(self);
        let question = (repository.clone(), reference.clone());
        let answer = self.names.ask(question, move |(repository, reference)| {
            let pierone = Arc::clone(&pierone);
            async move { pierone.look_up(&repository, &reference).await.map(Arc::new) }
        });
        answer.await
    }

    async fn look_up(&self, repository: &Repository, reference: &Reference) -> Result<Named, Error> {
        let connection = self.store.connection();
        let (row, digest) = match reference {
            Reference::Digest(digest) => (None, digest.clone()),
            Reference::Tag(tag) => {
                let row = tag_row(connection, repository, tag).await?;
                let row = row.ok_or_else(|| errors::manifest_unknown(repository, reference))?;
                let digest = Digest::parse(&row.digest)?;
                (Some(row), digest)
            }
        };
        let Some(mut manifest) = stored(connection, repository, &digest).await? else {
            return Err(self.unknown_manifest(repository, reference, &digest).await?);
        };
        let bytes = Bytes::from(std::mem::take(&mut manifest.bytes));
        let means = self.means(repository, row, &manifest).await?;
        Ok(Named {
            digest,
            media_type: manifest.media_type,
            bytes,
            means,
        })
    }

    async fn means(&self, repository: &Repository, row: Option<TagRow>, manifest: &Stored) -> Result<Means, Error> {
        Ok(match row {
            Some(row) => Means::Tag {
                compliance: Box::new(self.compliance(repository, &row, manifest).await?),
                row,
            },
            None => Means::Digest {
                withdrawn: self.withdrawn(repository, &manifest.digest).await?,
            },
        })
    }
}
