use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::{Value, json};
use stups_server::Error;
use stups_store::Error as StoreError;

use super::{EMPTY_LAYER, clair_id};
use crate::manifest::{Manifest, stored};
use crate::names::{Digest, Repository};
use crate::{PierOne, sql};

/// An image as Clair is to look at it.
struct Submission {
    digest: String,
    clair_id: String,
    message: Value,
}

impl PierOne {
    /// Gives Clair an image, or the images that an index lists, once the transaction is committed. What it is sent, one message
    /// for each; none without a queue, or for what is no image.
    pub(crate) async fn submit(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        digest: &str,
    ) -> Result<Vec<Value>, Error> {
        if !self.outlets.has_clair() {
            return Ok(Vec::new());
        }
        let base = self.config.clair_callback_url.as_ref().unwrap_or(&self.public_url);
        let mut messages = Vec::new();
        for image in images(transaction, base.as_str(), repository, digest).await? {
            // By this its answer is recognised.
            sql::execute(
                transaction,
                "INSERT INTO scan_requests (clair_id, repository, digest) VALUES ($1, $2, $3)
                 ON CONFLICT (clair_id, repository, digest) DO NOTHING",
                [
                    image.clair_id.into(),
                    repository.as_str().into(),
                    image.digest.clone().into(),
                ],
            )
            .await?;
            let key = format!("{repository}@{}", image.digest);
            self.outlets
                .give_to_clair(transaction, key, image.message.clone())
                .await?;
            messages.push(image.message);
        }
        Ok(messages)
    }
}

async fn images(
    connection: &impl ConnectionTrait,
    base: &str,
    repository: &Repository,
    digest: &str,
) -> Result<Vec<Submission>, Error> {
    let mut found = Vec::new();
    let mut waiting = vec![digest.to_owned()];
    let mut seen = HashSet::new();
    while let Some(digest) = waiting.pop() {
        if !seen.insert(digest.clone()) {
            continue;
        }
        let Some(name) = Digest::read(&digest) else { continue };
        // What an index lists need not be here.
        let Some(manifest) = stored(connection, repository, &name).await? else {
            continue;
        };
        let parsed = Manifest::parse_old(&manifest.bytes)?;
        waiting.extend(targets(connection, repository, &digest, "manifest").await?);
        if parsed.is_of_files() {
            let layers = targets(connection, repository, &digest, "layer").await?;
            if let Some((clair_id, message)) = message(base, repository, &layers) {
                found.push(Submission {
                    digest,
                    clair_id,
                    message,
                });
            }
        }
    }
    Ok(found)
}

async fn targets(
    connection: &impl ConnectionTrait,
    repository: &Repository,
    digest: &str,
    kind: &str,
) -> Result<Vec<String>, StoreError> {
    sql::texts(
        connection,
        "SELECT target FROM manifest_refs WHERE repository = $1 AND digest = $2 AND kind = $3 ORDER BY position",
        [repository.as_str().into(), digest.into(), kind.into()],
    )
    .await
}

/// The name of an image for Clair, and what it is sent: its layers from the bottom up.
fn message(base: &str, repository: &Repository, layers: &[String]) -> Option<(String, Value)> {
    let layers: Vec<String> = layers.iter().filter(|layer| *layer != EMPTY_LAYER).cloned().collect();
    let base = base.trim_end_matches('/');
    let mut parent = None;
    let mut entries = Vec::new();
    for (place, layer) in layers.iter().enumerate() {
        let name = clair_id(&layers[..=place])?;
        entries.push(json!({"Layer": {
            "Name": name, "Path": format!("{base}/v2/{repository}/blobs/{layer}"), "ParentName": parent, "Format": "Docker",
        }}));
        parent = Some(name);
    }
    parent.map(|name| (name, Value::Array(entries)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_sent_from_the_root_each_with_its_parent() {
        let repository = Repository::parse("stups/kio").unwrap();
        let layer = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let layers = [layer("1"), EMPTY_LAYER.to_owned(), layer("2")];
        let (id, message) = message("https://pierone.example.org/", &repository, &layers).unwrap();
        let root = clair_id(&layers[..1]).unwrap();
        let top = clair_id(&layers).unwrap();
        assert_eq!(id, top);
        let path = |layer: &str| format!("https://pierone.example.org/v2/stups/kio/blobs/{layer}");
        assert_eq!(
            message.to_string(),
            json!([
                {"Layer": {"Name": root, "Path": path(&layers[0]), "ParentName": null, "Format": "Docker"}},
                {"Layer": {"Name": top, "Path": path(&layers[2]), "ParentName": root, "Format": "Docker"}},
            ])
            .to_string()
        );
        assert!(super::message("https://x", &repository, &[]).is_none());
        assert!(super::message("https://x", &repository, &[EMPTY_LAYER.to_owned()]).is_none());
    }
}
