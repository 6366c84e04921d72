use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::FromQueryResult;
use serde::Serialize;
use stups_api::Timestamp;
use stups_server::{Error, Job, JobResult};

use crate::manifest::{Manifest, stored};
use crate::names::{Digest, Repository};
use crate::{PierOne, sql};

/// After so many manifests it is written down how far they were looked through.
const BATCH: i64 = 100;

/// How many batches one run takes; what is left is for the next.
const BATCHES: usize = 100;

/// Reads what attestations say about sources that were pushed before that was read with the push (contract pierone 5.7): once, a
/// batch after the other, from where the last run of any instance has come to.
pub(crate) struct ReadProvenance(pub(crate) Arc<PierOne>);

/// What a run has come to.
#[derive(Debug, Default, Serialize)]
struct Looked {
    /// How many manifests were looked through.
    manifests: usize,
    /// How many of them say something about an image's source.
    attestations: usize,
    /// How many could not be read, and never will: the log names them.
    unreadable: usize,
    /// Whether all have been looked through.
    done: bool,
}

/// A manifest; the last one that was looked through.
#[derive(Clone, FromQueryResult)]
struct Key {
    repository: String,
    digest: String,
}

impl Job for ReadProvenance {
    fn name(&self) -> &'static str {
        "read-provenance"
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async {
            let looked = self.look().await.map_err(|error| error.to_string())?;
            serde_json::to_value(looked).map_err(|error| error.to_string())
        })
    }
}

impl ReadProvenance {
    async fn look(&self) -> Result<Looked, Error> {
        let mut looked = Looked::default();
        for _ in 0..BATCHES {
            let place = sql::row(
                self.0.store.connection(),
                "SELECT repository, digest FROM provenance_backlog",
                [],
            );
            let Some(place) = place.await? else {
                looked.done = true;
                break;
            };
            self.batch(&place, &mut looked).await?;
        }
        Ok(looked)
    }

    async fn batch(&self, place: &Key, looked: &mut Looked) -> Result<(), Error> {
        let next: Vec<Key> = sql::rows(
            self.0.store.connection(),
            "SELECT repository, digest FROM manifests WHERE repository > $1 OR (repository = $1 AND digest > $2)
             ORDER BY repository, digest LIMIT $3",
            [
                place.repository.clone().into(),
                place.digest.clone().into(),
                BATCH.into(),
            ],
        )
        .await?;
        for key in &next {
            self.manifest(key, looked).await?;
        }
        looked.manifests += next.len();
        self.advance(place, next.last()).await
    }

    /// What is read twice, by two instances or after a failure, is there already.
    async fn manifest(&self, key: &Key, looked: &mut Looked) -> Result<(), Error> {
        let pierone = &self.0;
        let (Ok(repository), Some(digest)) = (Repository::parse(&key.repository), Digest::read(&key.digest)) else {
            return Ok(());
        };
        let Some(row) = stored(pierone.store.connection(), &repository, &digest).await? else {
            return Ok(());
        };
        let Ok(manifest) = Manifest::parse_old(&row.bytes) else {
            return Ok(());
        };
        let found = match pierone.provenance_in(&repository, &manifest).await {
            Ok(found) => found,
            Err(_) if pierone.has_lost(&repository, &manifest).await? => {
                tracing::error!(%repository, digest = key.digest, "the storage has lost what an attestation says");
                looked.unreadable += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if found.is_empty() {
            return Ok(());
        }
        let write = pierone.store.write().await?;
        // It may have been purged meanwhile.
        if stored(write.transaction(), &repository, &digest).await?.is_none() {
            return Ok(());
        }
        for mut provenance in found {
            provenance.source.created = Some(Timestamp(row.pushed_at));
            provenance.insert(write.transaction(), &repository, &digest).await?;
        }
        write.commit_unaudited().await?;
        looked.attestations += 1;
        Ok(())
    }

    /// Writes down how far it has come, unless another instance has come further.
    async fn advance(&self, from: &Key, to: Option<&Key>) -> Result<(), Error> {
        let write = self.0.store.write().await?;
        let from = [from.repository.clone().into(), from.digest.clone().into()];
        match to {
            Some(to) => {
                let to = [to.repository.clone().into(), to.digest.clone().into()];
                sql::execute(
                    write.transaction(),
                    "UPDATE provenance_backlog SET repository = $3, digest = $4 WHERE repository = $1 AND digest = $2",
                    from.into_iter().chain(to),
                )
                .await?;
            }
            None => {
                sql::execute(
                    write.transaction(),
                    "DELETE FROM provenance_backlog WHERE repository = $1 AND digest = $2",
                    from,
                )
                .await?;
            }
        }
        Ok(write.commit_unaudited().await?)
    }
}
