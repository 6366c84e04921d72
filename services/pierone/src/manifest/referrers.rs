use sea_orm::{ConnectionTrait, FromQueryResult};
use serde_json::{Map, Value, json};
use stups_store::Error as StoreError;

use crate::names::{Digest, Repository};
use crate::sql;

#[derive(FromQueryResult)]
struct Row {
    digest: String,
    sha512: Option<String>,
    media_type: String,
    size: i64,
    artifact_type: Option<String>,
    annotations: Option<String>,
}

/// Descriptors of the manifests whose subject this is, by digest, after the digest `last`; whether there are more.
///
/// They end before they have more than `limit` bytes of JSON together.
pub(crate) async fn referrers(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    subject: &Digest,
    artifact_type: Option<&str>,
    last: &str,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>), StoreError> {
    let rows: Vec<Row> = sql::rows(
        connection,
        "SELECT digest, sha512, media_type, size, artifact_type, annotations FROM manifests
         WHERE repository = $1 AND subject = $2 AND digest > $3 AND ($4 = '' OR artifact_type = $4)
         ORDER BY digest LIMIT 10000",
        [
            repository.as_str().into(),
            subject.as_str().into(),
            last.into(),
            artifact_type.unwrap_or_default().into(),
        ],
    )
    .await?;
    let mut list = Vec::new();
    let mut length = 0;
    let mut previous = String::new();
    for row in rows {
        let digest = row.digest.clone();
        let descriptor = descriptor(row);
        length += descriptor.to_string().len() + 1;
        if length > limit && !list.is_empty() {
            return Ok((list, Some(previous)));
        }
        list.push(descriptor);
        previous = digest;
    }
    Ok((list, None))
}

fn descriptor(row: Row) -> Value {
    let mut descriptor = json!({
        "mediaType": row.media_type,
        "size": row.size,
        // Whoever pushed it by its SHA-512 asks for it by that.
        "digest": row.sha512.unwrap_or(row.digest),
    });
    if let Some(kind) = row.artifact_type {
        descriptor["artifactType"] = kind.into();
    }
    let annotations = row
        .annotations
        .and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
    if let Some(mut annotations) = annotations {
        // One that is no text would keep clients from reading all the others.
        annotations.retain(|_, value| value.is_string());
        descriptor["annotations"] = annotations.into();
    }
    descriptor
}
