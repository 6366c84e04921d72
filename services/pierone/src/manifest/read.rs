use sea_orm::{ConnectionTrait, FromQueryResult};
use stups_store::Error as StoreError;

use crate::names::{Algorithm, Digest, Repository};
use crate::sql;

/// A manifest as it was pushed.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Stored {
    /// Its SHA-256.
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) depth: i32,
    /// The digest of its configuration; an index' own.
    pub(crate) image: String,
    /// Where it was made from, as JSON.
    pub(crate) source: Option<String>,
    pub(crate) pushed_at: i64,
}

/// A tag and what it points to.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct TagRow {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    pub(crate) source: Option<String>,
    pub(crate) active: bool,
    pub(crate) reason: Option<String>,
}

const COLUMNS: &str = "digest, media_type, bytes, depth, image, source, pushed_at";

/// A manifest by either of its digests.
pub(crate) async fn stored(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    digest: &Digest,
) -> Result<Option<Stored>, StoreError> {
    let column = match digest.algorithm {
        Algorithm::Sha256 => "digest",
        Algorithm::Sha512 => "sha512",
    };
    sql::row(
        connection,
        &format!("SELECT {COLUMNS} FROM manifests WHERE repository = $1 AND {column} = $2"),
        [repository.as_str().into(), digest.as_str().into()],
    )
    .await
}

/// A tag of a repository. `latest` is computed: the newest active one.
pub(crate) async fn tag_row(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    name: &str,
) -> Result<Option<TagRow>, StoreError> {
    if name == "latest" {
        return super::latest_tag(connection, repository).await;
    }
    sql::row(
        connection,
        "SELECT name, digest, created_at, created_by, source, active, reason FROM tags WHERE repository = $1 AND name = $2",
        [repository.as_str().into(), name.into()],
    )
    .await
}
