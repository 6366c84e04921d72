use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use metrics::counter;
use sea_orm::FromQueryResult;
use serde::Serialize;
use serde_json::json;
use stups_api::Timestamp;
use stups_server::{Error, Job, JobResult};
use stups_store::Dialect;
use stups_store::audit::Actor;

use crate::blobs::EXPIRY;
use crate::storage::Storage;
use crate::uploads::Upload;
use crate::{PierOne, audit, sql};

/// Clocks of several machines differ by less, in milliseconds.
const CLOCK_SKEW: i64 = 60_000;

const REMOVED: &str = "stups_pierone_collected_objects_total";
const REFUSED: &str = "stups_pierone_collect_refused_total";

/// How many are taken at once.
const BATCH: i64 = 1000;

/// Removes what nothing refers to: uploads that were given up, content that no manifest ever named (contract pierone 5.6). What
/// was ever named is never touched.
pub(crate) struct CollectGarbage(pub(crate) Arc<PierOne>);

/// What was removed, or would be.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Collected {
    dry_run: bool,
    expired_uploads: usize,
    blobs: Vec<String>,
    bytes: u64,
    objects: usize,
    /// Content whose bytes went: taken out of sight by an earlier run, purged, or never linked.
    removed: usize,
    /// Objects that the storage did not let go. They are tried again.
    refused: usize,
}

#[derive(FromQueryResult)]
struct Candidate {
    digest: String,
    size: i64,
}

impl Job for CollectGarbage {
    fn name(&self) -> &'static str {
        "collect-garbage"
    }

    fn interval(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async {
            let collected = collect(&self.0, false, &Actor::service()).await;
            let collected = collected.map_err(|error| error.to_string())?;
            serde_json::to_value(collected).map_err(|error| error.to_string())
        })
    }
}

/// Collects, or only says what it would.
///
/// Content goes in two steps: first its links, in the transaction that has seen that nothing refers to it; at a later run its
/// bytes. A push in between finds that it is being removed, and is told to come again.
pub(crate) async fn collect(pierone: &PierOne, dry_run: bool, actor: &Actor) -> Result<Collected, Error> {
    let now = Timestamp::now().0;
    let mut collected = Collected {
        dry_run,
        ..Collected::default()
    };
    let expired: Vec<Upload> = sql::rows(
        pierone.store.connection(),
        "SELECT id, algorithm, size, touched_at FROM uploads WHERE touched_at < $1 ORDER BY touched_at LIMIT $2",
        [(now - EXPIRY).into(), BATCH.into()],
    )
    .await?;
    collected.expired_uploads = expired.len();
    if !dry_run {
        for upload in &expired {
            pierone.cancel_upload(upload).await?;
        }
    }
    (collected.removed, collected.refused) = remove_bytes(pierone, now, dry_run).await?;
    let cutoff = now - i64::from(pierone.config.garbage_grace_days) * 24 * 3_600_000;
    let candidates: Vec<Candidate> = sql::rows(
        pierone.store.connection(),
        "SELECT digest, size FROM blobs WHERE confirmed_at < $1 AND collecting IS NULL
         AND NOT EXISTS (SELECT 1 FROM manifest_refs WHERE target = blobs.digest) ORDER BY confirmed_at LIMIT $2",
        [cutoff.into(), BATCH.into()],
    )
    .await?;
    for candidate in candidates {
        if dry_run || unlink(pierone, &candidate, cutoff, now, actor).await? {
            collected.bytes += candidate.size.unsigned_abs();
            collected.blobs.push(candidate.digest);
        }
    }
    let (objects, refused) = orphans(pierone, now, dry_run).await?;
    collected.objects = objects;
    collected.refused += refused;
    if !dry_run {
        counter!(REMOVED).increment((collected.removed + collected.objects) as u64);
        counter!(REFUSED).increment(collected.refused as u64);
    }
    Ok(collected)
}

/// Takes content out of sight, if nothing refers to it by now. False when something does.
async fn unlink(pierone: &PierOne, candidate: &Candidate, cutoff: i64, now: i64, actor: &Actor) -> Result<bool, Error> {
    let write = pierone.store.write().await?;
    let transaction = write.transaction();
    // The lock first: a push that holds the row to refer to it is waited for, and seen by the question after it.
    let lock = match pierone.store.dialect() {
        Dialect::PostgreSql => " FOR UPDATE",
        Dialect::Sqlite => "",
    };
    let question = format!("SELECT 1 FROM blobs WHERE digest = $1 AND confirmed_at < $2 AND collecting IS NULL{lock}");
    if !sql::exists(transaction, &question, [candidate.digest.clone().into(), cutoff.into()]).await? {
        return Ok(false);
    }
    let referred = sql::exists(
        transaction,
        "SELECT 1 FROM manifest_refs WHERE target = $1",
        [candidate.digest.clone().into()],
    );
    if referred.await? {
        return Ok(false);
    }
    sql::execute(
        transaction,
        "DELETE FROM blob_links WHERE digest = $1",
        [candidate.digest.clone().into()],
    )
    .await?;
    sql::execute(
        transaction,
        "UPDATE blobs SET collecting = $1 WHERE digest = $2",
        [now.into(), candidate.digest.clone().into()],
    )
    .await?;
    let details = json!({"size": candidate.size});
    let event = audit::event("blob.collected", &candidate.digest, actor.clone(), details);
    write.commit(event).await?;
    Ok(true)
}

/// Removes the bytes of what an earlier run took out of sight, of what was purged some hours ago, and of what came to its place
/// and was never linked; says of how many, and how many the storage did not let go.
async fn remove_bytes(pierone: &PierOne, now: i64, dry_run: bool) -> Result<(usize, usize), Error> {
    let due = sql::texts(
        pierone.store.connection(),
        "SELECT digest FROM blobs WHERE collecting < $1 ORDER BY collecting LIMIT $2",
        [(now - CLOCK_SKEW).into(), BATCH.into()],
    )
    .await?;
    if dry_run {
        return Ok((due.len(), 0));
    }
    let (mut removed, mut refused) = (0, 0);
    for digest in due {
        if let Err(error) = pierone.storage.remove(&Storage::blob(&digest)).await {
            tracing::warn!(%error, digest, "content cannot be removed");
            refused += 1;
            continue;
        }
        let write = pierone.store.write().await?;
        sql::execute(
            write.transaction(),
            "DELETE FROM layer_scans WHERE digest = $1",
            [digest.clone().into()],
        )
        .await?;
        sql::execute(
            write.transaction(),
            "DELETE FROM blobs WHERE digest = $1 AND collecting IS NOT NULL",
            [digest.into()],
        )
        .await?;
        write.commit_unaudited().await?;
        removed += 1;
    }
    Ok((removed, refused))
}

/// Parts that no upload has, of requests that died before their part counted: how many went, or would, and how many the storage did
/// not let go.
async fn orphans(pierone: &PierOne, now: i64, dry_run: bool) -> Result<(usize, usize), Error> {
    let mut parts = pierone.storage.list(&Storage::uploads());
    let (mut count, mut refused) = (0, 0);
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| crate::errors::storage(&error))?;
        if part.last_modified.timestamp_millis() > now - EXPIRY {
            continue;
        }
        let counts = sql::exists(
            pierone.store.connection(),
            "SELECT 1 FROM upload_parts WHERE object = $1",
            [part.location.to_string().into()],
        );
        if counts.await? {
            continue;
        }
        if dry_run || pierone.discard_object(&part.location).await {
            count += 1;
        } else {
            refused += 1;
        }
    }
    Ok((count, refused))
}
