//! Verified content and where it is linked (contract pierone 5.6, 5.9).
//!
//! Content is visible in a repository exactly when there is a link. The row of a blob says `collecting` before its bytes come to their
//! place, and again before they go: whose bytes are there has a row, whoever dies in between. Without it the row says that the
//! bytes are in their place.

use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult};
use serde_json::json;
use stups_api::Timestamp;
use stups_server::Error;
use stups_store::{Dialect, Error as StoreError};

use crate::names::{Algorithm, Digest, Repository};
use crate::principal::Principal;
use crate::storage::Storage;
use crate::{PierOne, audit, errors, sql};

/// What nobody goes on with for so long is given up, in milliseconds: uploads, and content that came to its place without a link.
pub(crate) const EXPIRY: i64 = 24 * 3_600_000;

/// What is known about content.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Blob {
    /// The SHA-256 under which it is kept.
    pub(crate) digest: String,
    pub(crate) size: i64,
    /// When its bytes are removed, unless somebody links it before: milliseconds since 1970 UTC.
    pub(crate) collecting: Option<i64>,
}

impl Blob {
    pub(crate) fn bytes(&self) -> u64 {
        self.size.unsigned_abs()
    }
}

/// Content that is about to be linked.
pub(crate) struct Content {
    pub(crate) sha256: Digest,
    pub(crate) sha512: Option<Digest>,
    pub(crate) size: u64,
}

/// The content of a repository by either of its digests.
pub(crate) async fn linked(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    digest: &Digest,
) -> Result<Option<Blob>, StoreError> {
    let column = match digest.algorithm {
        Algorithm::Sha256 => "b.digest",
        Algorithm::Sha512 => "b.sha512",
    };
    sql::row(
        connection,
        &format!(
            "SELECT b.digest, b.size, b.collecting FROM blobs b JOIN blob_links l ON l.digest = b.digest
             WHERE l.repository = $1 AND {column} = $2 AND b.collecting IS NULL"
        ),
        [repository.as_str().into(), digest.as_str().into()],
    )
    .await
}

/// Content wherever it is linked.
pub(crate) async fn anywhere(connection: &impl ConnectionTrait, digest: &str) -> Result<Option<Blob>, StoreError> {
    sql::row(
        connection,
        "SELECT digest, size, collecting FROM blobs WHERE digest = $1",
        [digest.into()],
    )
    .await
}

/// Repositories that have the content, by name.
pub(crate) async fn repositories_with(
    connection: &impl ConnectionTrait,
    digest: &Digest,
) -> Result<Vec<String>, StoreError> {
    let column = match digest.algorithm {
        Algorithm::Sha256 => "b.digest",
        Algorithm::Sha512 => "b.sha512",
    };
    sql::texts(
        connection,
        &format!(
            "SELECT l.repository FROM blobs b JOIN blob_links l ON l.digest = b.digest
             WHERE {column} = $1 AND b.collecting IS NULL ORDER BY l.repository LIMIT 1000"
        ),
        [digest.as_str().into()],
    )
    .await
}

/// Makes the repository known, and keeps a purge from it until the write ends.
pub(crate) async fn ensure_repository(
    transaction: &DatabaseTransaction,
    repository: &Repository,
) -> Result<(), StoreError> {
    // SQLite's write has the whole database.
    let lock = match transaction.get_database_backend() {
        DbBackend::Sqlite => "",
        _ => " FOR KEY SHARE",
    };
    let question = format!("SELECT 1 FROM repositories WHERE name = $1{lock}");
    if sql::exists(transaction, &question, [repository.as_str().into()]).await? {
        return Ok(());
    }
    sql::execute(
        transaction,
        "INSERT INTO repositories (name, team, artifact, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        [
            repository.as_str().into(),
            repository.team().into(),
            repository.artifact().into(),
            Timestamp::now().0.into(),
        ],
    )
    .await?;
    Ok(())
}

impl PierOne {
    /// Says that bytes are about to come to their place. When nobody links them, because the process dies or the team would exceed its
    /// quota, the garbage collection finds them by this. Refuses when the same content is being removed this very moment.
    pub(crate) async fn announce(&self, content: &Content) -> Result<(), Error> {
        let now = Timestamp::now().0;
        let write = self.store.write().await?;
        let announced = sql::execute(
            write.transaction(),
            "INSERT INTO blobs (digest, size, created_at, confirmed_at, collecting) VALUES ($1, $2, $3, $3, $4)
             ON CONFLICT (digest) DO UPDATE SET collecting = excluded.collecting WHERE blobs.collecting > $3",
            [
                content.sha256.as_str().into(),
                content.size.cast_signed().into(),
                now.into(),
                (now + EXPIRY).into(),
            ],
        )
        .await?;
        if announced == 0 {
            // Somebody has linked it meanwhile, or it goes.
            let blob = anywhere(write.transaction(), content.sha256.as_str()).await?;
            return match blob {
                Some(blob) if blob.collecting.is_none() => Ok(()),
                _ => Err(being_removed()),
            };
        }
        Ok(write.commit_unaudited().await?)
    }

    /// Whether the bytes are in their place; then they stay for a while. Refuses when they are being removed this very moment.
    pub(crate) async fn is_there(&self, content: &Content) -> Result<bool, Error> {
        let digest = content.sha256.as_str();
        let Some(blob) = anywhere(self.store.connection(), digest).await? else {
            return Ok(false);
        };
        if blob.collecting.is_some() {
            // They were announced, or are to go: the storage knows.
            let size = self.storage.size(&Storage::blob(digest)).await;
            if size.map_err(|error| errors::storage(&error))? != Some(content.size) {
                return Ok(false);
            }
        }
        if !self.confirm(&blob).await? {
            return Err(being_removed());
        }
        Ok(true)
    }

    /// Tells a client that it is there: for a while the garbage collection keeps it, whether something refers to it or not.
    pub(crate) async fn confirm(&self, blob: &Blob) -> Result<bool, Error> {
        let write = self.store.write().await?;
        let confirmed = sql::execute(
            write.transaction(),
            "UPDATE blobs SET confirmed_at = $1, collecting = NULL
             WHERE digest = $2 AND (collecting IS NULL OR collecting > $1)",
            [Timestamp::now().0.into(), blob.digest.clone().into()],
        )
        .await?;
        write.commit_unaudited().await?;
        Ok(confirmed > 0)
    }

    /// Confirms content that nothing refers to yet, and whose confirmation is getting old. What is referred to stays anyway.
    pub(crate) async fn confirm_seldom(&self, blob: &Blob) -> Result<(), Error> {
        let old = Timestamp::now().0 - 3_600_000;
        let due = sql::exists(
            self.store.connection(),
            "SELECT 1 FROM blobs b WHERE b.digest = $1 AND b.confirmed_at < $2
             AND NOT EXISTS (SELECT 1 FROM manifest_refs r WHERE r.target = b.digest)",
            [blob.digest.clone().into(), old.into()],
        )
        .await?;
        if due {
            self.confirm(blob).await?;
        }
        Ok(())
    }

    /// Links content to a repository as part of a write. Its bytes have to be in their place.
    ///
    /// Refuses when the team's quota would be exceeded, and when the content is being removed this very moment.
    pub(crate) async fn link(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        content: &Content,
    ) -> Result<bool, Error> {
        let now = Timestamp::now().0;
        ensure_repository(transaction, repository).await?;
        let sha512 = content.sha512.as_ref().map(|digest| digest.as_str().to_owned());
        sql::execute(
            transaction,
            "INSERT INTO blobs (digest, sha512, size, created_at, confirmed_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (digest) DO UPDATE SET confirmed_at = excluded.confirmed_at,
                 sha512 = COALESCE(blobs.sha512, excluded.sha512)",
            [
                content.sha256.as_str().into(),
                sha512.into(),
                content.size.cast_signed().into(),
                now.into(),
            ],
        )
        .await?;
        self.keep(transaction, content.sha256.as_str(), now).await?;
        let linked = sql::execute(
            transaction,
            "INSERT INTO blob_links (repository, digest, linked_at) VALUES ($1, $2, $3)
             ON CONFLICT (repository, digest) DO NOTHING",
            [repository.as_str().into(), content.sha256.as_str().into(), now.into()],
        )
        .await?
            > 0;
        if linked {
            self.within_quota(transaction, repository).await?;
        }
        Ok(linked)
    }

    /// Keeps content that was to be removed later, as a purge does; refuses when it is being removed now.
    async fn keep(&self, transaction: &DatabaseTransaction, digest: &str, now: i64) -> Result<(), Error> {
        sql::execute(
            transaction,
            "UPDATE blobs SET collecting = NULL WHERE digest = $1 AND collecting > $2",
            [digest.into(), now.into()],
        )
        .await?;
        match anywhere(transaction, digest).await? {
            Some(blob) if blob.collecting.is_none() => Ok(()),
            _ => Err(being_removed()),
        }
    }

    /// Refuses when the team has more than it may. What several of its repositories share counts once.
    async fn within_quota(&self, transaction: &DatabaseTransaction, repository: &Repository) -> Result<(), Error> {
        let team = repository.team();
        let own = self.config.team_quotas.get(team).copied();
        let Some(quota) = own.or(self.config.team_quota_bytes) else {
            return Ok(());
        };
        if self.store.dialect() == Dialect::PostgreSql {
            // Two pushes at once would each see only itself.
            sql::execute(
                transaction,
                "SELECT pg_advisory_xact_lock(hashtext($1))",
                [format!("quota of {team}").into()],
            )
            .await?;
        }
        let used = sql::number(
            transaction,
            "SELECT CAST(SUM(size) AS BIGINT) FROM blobs WHERE digest IN
                 (SELECT l.digest FROM blob_links l JOIN repositories r ON r.name = l.repository WHERE r.team = $1)",
            [team.into()],
        )
        .await?
        .unwrap_or_default();
        if used.unsigned_abs() <= quota {
            return Ok(());
        }
        Err(errors::denied(format!(
            "the team {team} would have more than its quota of {quota} bytes"
        ))
        .with_details(json!({"team": team, "quota": quota, "needed": used})))
    }

    /// Links content of another repository, if it is there and the caller may pull it from there.
    pub(crate) async fn mount(
        &self,
        who: &Principal,
        repository: &Repository,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<bool, Error> {
        let candidates = match from {
            Some(from) => vec![from.clone()],
            None => repositories_with(self.store.connection(), digest)
                .await?
                .iter()
                .filter_map(|name| Repository::parse(name).ok())
                .collect(),
        };
        for from in candidates.iter().filter(|from| self.permissions.may_pull(who, from)) {
            let Some(blob) = linked(self.store.connection(), from, digest).await? else {
                continue;
            };
            let Some(sha256) = Digest::read(&blob.digest) else {
                continue;
            };
            let content = Content {
                sha512: (digest.algorithm == Algorithm::Sha512).then(|| digest.clone()),
                size: blob.bytes(),
                sha256,
            };
            let write = self.store.write().await?;
            // It may have been withdrawn from there since.
            if linked(write.transaction(), from, digest).await?.is_none() {
                continue;
            }
            if self.link(write.transaction(), repository, &content).await? {
                let details = json!({"from": from.as_str(), "size": content.size});
                let event = audit::content(
                    "blob.mounted",
                    who.actor(),
                    repository,
                    content.sha256.as_str(),
                    details,
                );
                write.commit(event).await?;
            } else {
                write.commit_unaudited().await?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// The garbage collection has it in its hands; a moment later it can be pushed anew.
pub(crate) fn being_removed() -> Error {
    Error::oci(
        StatusCode::SERVICE_UNAVAILABLE,
        "UNAVAILABLE",
        "the same content is being removed at this moment; push it again",
    )
    .retry_after(std::time::Duration::from_secs(2))
}
