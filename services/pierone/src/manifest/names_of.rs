use sea_orm::{ConnectionTrait, DatabaseTransaction};
use stups_api::Timestamp;
use stups_store::Error as StoreError;

use super::TagRow;
use crate::names::{Repository, is_growing};
use crate::sql;

/// The newest active tag that a person gave, ties by name (contract pierone 5.6).
pub(crate) async fn latest_tag(
    connection: &impl ConnectionTrait,
    repository: &Repository,
) -> Result<Option<TagRow>, StoreError> {
    // Tags of signatures look like tags that people give; there are few of them beside each.
    let rows: Vec<TagRow> = sql::rows(
        connection,
        "SELECT name, digest, created_at, created_by, source, active, reason FROM tags
         WHERE repository = $1 AND active AND name NOT LIKE 'sha256-%' ORDER BY created_at DESC, name DESC LIMIT 1",
        [repository.as_str().into()],
    )
    .await?;
    if let Some(row) = rows.into_iter().next() {
        return Ok(Some(row));
    }
    // Only tags that start like those of signatures.
    let rows: Vec<TagRow> = sql::rows(
        connection,
        "SELECT name, digest, created_at, created_by, source, active, reason FROM tags
         WHERE repository = $1 AND active ORDER BY created_at DESC, name DESC",
        [repository.as_str().into()],
    )
    .await?;
    Ok(rows.into_iter().find(|row| !is_growing(&row.name)))
}

/// What changed about a tag.
pub(crate) struct Change<'a> {
    pub(crate) action: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) previous: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) by: &'a str,
}

/// Appends to the history of a tag, which nobody can change.
pub(crate) async fn history(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    tag: &str,
    change: &Change<'_>,
) -> Result<(), StoreError> {
    sql::execute(
        transaction,
        "INSERT INTO tag_history (repository, tag, action, digest, previous, reason, changed_at, changed_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            repository.as_str().into(),
            tag.into(),
            change.action.into(),
            change.digest.into(),
            change.previous.map(str::to_owned).into(),
            change.reason.map(str::to_owned).into(),
            Timestamp::now().0.into(),
            change.by.into(),
        ],
    )
    .await?;
    Ok(())
}
