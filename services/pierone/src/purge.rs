//! Removing an image for good: two people, a tombstone, and the bytes some hours later (contract pierone 5.6).

use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult};
use serde_json::json;
use stups_api::Timestamp;
use stups_api::pierone::{Purge, Tombstone};
use stups_server::{Authenticated, Error};
use stups_store::{Dialect, Error as StoreError};

use crate::manifest::{Change, history, stored};
use crate::names::{Digest, Repository};
use crate::{PierOne, audit, sql};

#[derive(FromQueryResult)]
struct Row {
    repository: String,
    digest: String,
    tags: String,
    blobs: String,
    size: i64,
    reason: String,
    ticket: String,
    requested_by: String,
    requested_at: i64,
    approved_by: Option<String>,
    approved_at: Option<i64>,
}

impl From<Row> for Tombstone {
    fn from(row: Row) -> Self {
        let list = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            tags: list(&row.tags),
            blobs: list(&row.blobs),
            repository: row.repository,
            digest: row.digest,
            size: row.size,
            reason: row.reason,
            ticket: row.ticket,
            requested_by: row.requested_by,
            requested_at: Timestamp(row.requested_at),
            approved_by: row.approved_by,
            approved_at: row.approved_at.map(Timestamp),
        }
    }
}

const COLUMNS: &str =
    "repository, digest, tags, blobs, size, reason, ticket, requested_by, requested_at, approved_by, approved_at";

/// What is left of an image, or asked for about it.
pub(crate) async fn tombstone(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    digest: &str,
) -> Result<Option<Tombstone>, StoreError> {
    let row: Option<Row> = sql::row(
        connection,
        &format!("SELECT {COLUMNS} FROM tombstones WHERE repository = $1 AND digest = $2"),
        [repository.as_str().into(), digest.into()],
    )
    .await?;
    Ok(row.map(Tombstone::from))
}

/// The purged image that content was removed with.
pub(crate) async fn of_blob(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    digest: &str,
) -> Result<Option<Tombstone>, StoreError> {
    let row: Option<Row> = sql::row(
        connection,
        &format!(
            "SELECT {COLUMNS} FROM tombstones WHERE repository = $1 AND approved_at IS NOT NULL AND blobs LIKE $2"
        ),
        [repository.as_str().into(), format!("%\"{digest}\"%").into()],
    )
    .await?;
    Ok(row.map(Tombstone::from))
}

/// All of them, the newest first.
pub(crate) async fn list(connection: &impl ConnectionTrait) -> Result<Vec<Tombstone>, StoreError> {
    let rows: Vec<Row> = sql::rows(
        connection,
        &format!("SELECT {COLUMNS} FROM tombstones ORDER BY requested_at DESC, repository, digest LIMIT 1000"),
        [],
    )
    .await?;
    Ok(rows.into_iter().map(Tombstone::from).collect())
}

impl PierOne {
    /// The first who asks leaves a request; the second, who has to be somebody else, carries it out.
    pub(crate) async fn purge(&self, caller: &Authenticated, purge: &Purge) -> Result<Tombstone, Error> {
        let repository = Repository::parse(&purge.repository)?;
        let digest = Digest::parse(&purge.digest)?;
        let write = self.store.write().await?;
        let transaction = write.transaction();
        self.hold_pushes(transaction, &repository).await?;
        let Some(manifest) = stored(transaction, &repository, &digest).await? else {
            return match tombstone(transaction, &repository, digest.as_str()).await? {
                Some(done) if done.approved_by.is_some() => Ok(done),
                _ => Err(Error::not_found("There is no such image.")),
            };
        };
        let name = caller.caller().name();
        match tombstone(transaction, &repository, &manifest.digest).await? {
            None => {
                request(transaction, &repository, &manifest.digest, purge, &name).await?;
                let details = json!({"reason": purge.reason, "ticket": purge.ticket});
                let event = audit::content(
                    "image.purge_requested",
                    caller.actor(),
                    &repository,
                    &manifest.digest,
                    details,
                );
                write.commit(event).await?;
            }
            Some(asked) if asked.requested_by == name => {
                return Err(Error::conflict("You have asked for it: somebody else has to agree."));
            }
            Some(asked) if asked.reason != purge.reason || asked.ticket != purge.ticket => {
                return Err(Error::conflict(format!(
                    "{} asked for it with the ticket {} because of: {}. Agree to exactly that.",
                    asked.requested_by, asked.ticket, asked.reason
                )));
            }
            Some(asked) => {
                let done = self.carry_out(transaction, &repository, asked, &name).await?;
                let details = json!({"tombstone": done});
                let event = audit::content("image.purged", caller.actor(), &repository, &manifest.digest, details);
                write.commit(event).await?;
            }
        }
        let left = tombstone(self.store.connection(), &repository, &manifest.digest).await?;
        left.ok_or_else(Error::internal)
    }

    /// Waits for pushes to the repository that have begun, and lets others begin when the purge is done: none of them is to name
    /// what goes. SQLite's write has the whole database.
    async fn hold_pushes(&self, transaction: &DatabaseTransaction, repository: &Repository) -> Result<(), StoreError> {
        if self.store.dialect() == Dialect::PostgreSql {
            let question = "SELECT name FROM repositories WHERE name = $1 FOR UPDATE";
            sql::texts(transaction, question, [repository.as_str().into()]).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        asked: Tombstone,
        approver: &str,
    ) -> Result<Tombstone, Error> {
        let key = || [repository.as_str().into(), asked.digest.clone().into()];
        let listed = sql::texts(
            transaction,
            "SELECT digest FROM manifest_refs WHERE repository = $1 AND target = $2 AND kind = 'manifest'",
            key(),
        )
        .await?;
        if !listed.is_empty() {
            return Err(Error::conflict(format!(
                "It is listed by {}: purge that first.",
                listed.join(", ")
            )));
        }
        let now = Timestamp::now().0;
        let tags = sql::texts(
            transaction,
            "SELECT name FROM tags WHERE repository = $1 AND digest = $2 ORDER BY name",
            key(),
        )
        .await?;
        for tag in &tags {
            let change = Change {
                action: "purged",
                digest: &asked.digest,
                previous: None,
                reason: Some(&asked.reason),
                by: approver,
            };
            history(transaction, repository, tag, &change).await?;
        }
        if self.store.dialect() == Dialect::PostgreSql {
            // Pushes to other repositories may be about to refer to the same content, and hold it in this order.
            let question = "SELECT digest FROM blobs WHERE digest IN
                 (SELECT target FROM manifest_refs WHERE repository = $1 AND digest = $2) ORDER BY digest FOR UPDATE";
            sql::texts(transaction, question, key()).await?;
        }
        // Content that this image alone refers to.
        let blobs = sql::texts(
            transaction,
            "SELECT DISTINCT r.target FROM manifest_refs r WHERE r.repository = $1 AND r.digest = $2 AND r.kind <> 'manifest'
             AND NOT EXISTS (SELECT 1 FROM manifest_refs o WHERE o.target = r.target
                             AND (o.repository <> r.repository OR o.digest <> r.digest))
             ORDER BY r.target",
            key(),
        )
        .await?;
        let mut size = 0;
        for blob in &blobs {
            size += sql::number(
                transaction,
                "SELECT size FROM blobs WHERE digest = $1",
                [blob.clone().into()],
            )
            .await?
            .unwrap_or_default();
        }
        for statement in [
            "DELETE FROM tags WHERE repository = $1 AND digest = $2",
            "DELETE FROM vulnerability_reports WHERE repository = $1 AND digest = $2",
            "DELETE FROM scan_requests WHERE repository = $1 AND digest = $2",
            "DELETE FROM provenance WHERE repository = $1 AND digest = $2",
            "DELETE FROM manifest_refs WHERE repository = $1 AND digest = $2",
            "DELETE FROM manifests WHERE repository = $1 AND digest = $2",
        ] {
            sql::execute(transaction, statement, key()).await?;
        }
        let due = now + i64::from(self.config.purge_delay_hours) * 3_600_000;
        for blob in &blobs {
            sql::execute(
                transaction,
                "DELETE FROM blob_links WHERE digest = $1",
                [blob.clone().into()],
            )
            .await?;
            sql::execute(
                transaction,
                "UPDATE blobs SET collecting = $1 WHERE digest = $2",
                [due.into(), blob.clone().into()],
            )
            .await?;
        }
        let done = Tombstone {
            tags,
            blobs,
            size,
            approved_by: Some(approver.to_owned()),
            approved_at: Some(Timestamp(now)),
            ..asked
        };
        sql::execute(
            transaction,
            "UPDATE tombstones SET tags = $1, blobs = $2, size = $3, approved_by = $4, approved_at = $5
             WHERE repository = $6 AND digest = $7",
            [
                json!(done.tags).to_string().into(),
                json!(done.blobs).to_string().into(),
                done.size.into(),
                approver.into(),
                now.into(),
                repository.as_str().into(),
                done.digest.clone().into(),
            ],
        )
        .await?;
        Ok(done)
    }
}

async fn request(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    digest: &str,
    purge: &Purge,
    name: &str,
) -> Result<(), StoreError> {
    sql::execute(
        transaction,
        "INSERT INTO tombstones (repository, digest, tags, blobs, size, reason, ticket, requested_by, requested_at)
         VALUES ($1, $2, '[]', '[]', 0, $3, $4, $5, $6)",
        [
            repository.as_str().into(),
            digest.into(),
            purge.reason.clone().into(),
            purge.ticket.clone().into(),
            name.into(),
            Timestamp::now().0.into(),
        ],
    )
    .await?;
    Ok(())
}
