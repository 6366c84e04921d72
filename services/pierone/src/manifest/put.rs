//! Giving content a name: one decision, in one transaction (contract pierone 2.8, 5.3, 5.6).

use std::collections::HashSet;

use axum::http::StatusCode;
use sea_orm::DatabaseTransaction;
use serde_json::{Value, json};
use stups_api::Timestamp;
use stups_api::pierone::ScmSource;
use stups_server::Error;
use stups_store::Dialect;
use stups_store::audit::Event;

use super::parse::{Descriptor, Kind};
use super::{Change, Manifest, TagRow, history, stored, tag_row};
use crate::errors::manifest_invalid;
use crate::names::{Algorithm, Digest, Repository, TagClass, is_growing, matches};
use crate::principal::Principal;
use crate::source::Provenance;
use crate::{PierOne, audit, blobs, sql};

/// How deep indexes may be nested.
const DEEPEST: i32 = 8;

/// What is to be put.
pub(crate) struct Put<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) manifest: &'a Manifest,
    pub(crate) bytes: &'a [u8],
    pub(crate) tags: &'a [String],
    /// Whether the manifest was pushed by its SHA-512.
    pub(crate) sha512: bool,
    /// Where it was made from, as far as it tells itself.
    pub(crate) source: Option<ScmSource>,
    /// The same, as a trusted caller says.
    pub(crate) stated_source: Option<ScmSource>,
    /// What it says about the sources of other manifests.
    pub(crate) provenance: Vec<Provenance>,
    /// Of what is taken over from another registry: when it came there.
    pub(crate) past: Option<Past>,
}

/// When something was pushed to another registry, and by whom.
pub(crate) struct Past {
    /// In milliseconds since 1970 UTC.
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
}

impl Put<'_> {
    /// When it is pushed, or was, and by whom.
    fn pushed(&self, who: &Principal) -> (i64, String) {
        match &self.past {
            Some(past) => (past.created_at, past.created_by.clone()),
            None => (Timestamp::now().0, who.uid().to_owned()),
        }
    }
}

/// What came of it.
pub(crate) struct PutResult {
    pub(crate) sha256: Digest,
}

/// Why a tag stays where it is.
struct Refused {
    tag: String,
    rule: &'static str,
    existing: Option<String>,
}

impl PierOne {
    /// Puts a manifest and points the tags to it: all of them, or nothing happens. The same again changes nothing and succeeds.
    pub(crate) async fn put_manifest(&self, who: &Principal, put: &Put<'_>) -> Result<PutResult, Error> {
        let sha256 = Algorithm::Sha256.digest(put.bytes);
        let write = self.store.write().await?;
        let transaction = write.transaction();
        let mut events = Vec::new();
        let decided = self.decide(transaction, who, put, &sha256, &mut events).await?;
        match decided {
            Ok(()) => {}
            Err(refused) => {
                drop(write);
                let event = audit::tag_denied(who.actor(), put.repository, &refused.tag, sha256.as_str(), refused.rule);
                self.store.record(event).await?;
                return Err(refusal(&refused));
            }
        }
        if events.is_empty() {
            write.commit_unaudited().await?;
        } else {
            write.commit_all(events).await?;
        }
        Ok(PutResult { sha256 })
    }

    async fn decide(
        &self,
        transaction: &DatabaseTransaction,
        who: &Principal,
        put: &Put<'_>,
        sha256: &Digest,
        events: &mut Vec<Event>,
    ) -> Result<Result<(), Refused>, Error> {
        blobs::ensure_repository(transaction, put.repository).await?;
        refuse_purged(transaction, put.repository, sha256).await?;
        let depth = self.check_references(transaction, put.repository, put.manifest).await?;
        if self.insert_manifest(transaction, who, put, sha256, depth).await? {
            let details = json!({
                "media_type": put.manifest.media_type, "size": put.bytes.len(),
                "subject": put.manifest.subject.as_ref().map(Digest::as_str),
            });
            events.push(audit::content(
                "manifest.pushed",
                who.actor(),
                put.repository,
                sha256.as_str(),
                details,
            ));
        }
        for tag in put.tags {
            match self.point(transaction, who, put, sha256, tag).await? {
                Ok(None) => {}
                Ok(Some(event)) => events.push(event),
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(Ok(()))
    }

    /// Every reference has to be there, and to have the size that the manifest says. How deep the indexes are nested.
    async fn check_references(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<i32, Error> {
        let mut missing = Vec::new();
        let mut depth = 0;
        let mut seen = HashSet::new();
        let mut references: Vec<&Descriptor> = manifest.references.iter().collect();
        // Locks are taken in one order.
        references.sort_by(|left, right| left.digest.as_str().cmp(right.digest.as_str()));
        for reference in references {
            if !seen.insert((reference.digest.as_str(), reference.kind.name())) {
                continue;
            }
            let found = if reference.kind == Kind::Manifest {
                let child = stored(transaction, repository, &reference.digest).await?;
                depth = depth.max(child.as_ref().map_or(0, |child| child.depth + 1));
                child.map(|child| child.bytes.len() as u64)
            } else {
                self.hold(transaction, &reference.digest).await?;
                blobs::linked(transaction, repository, &reference.digest)
                    .await?
                    .map(|blob| blob.bytes())
            };
            let optional = reference.elsewhere || (reference.kind == Kind::Manifest && self.config.sparse_index);
            match (found, reference.size) {
                (Some(found), Some(stated)) if found != stated => {
                    return Err(manifest_invalid(format!(
                        "{} has {found} bytes, not {stated} as the manifest says",
                        reference.digest
                    )));
                }
                (None, _) if !optional => missing.push(&reference.digest),
                _ => {}
            }
        }
        if !missing.is_empty() {
            return Err(blob_missing(&missing));
        }
        if depth > DEEPEST {
            return Err(manifest_invalid(format!(
                "indexes may be nested {DEEPEST} deep; push children by digest"
            )));
        }
        Ok(depth)
    }

    /// Keeps the garbage collection from a blob until the reference to it is committed. SQLite's write has the whole database.
    async fn hold(&self, transaction: &DatabaseTransaction, digest: &Digest) -> Result<(), Error> {
        if self.store.dialect() == Dialect::PostgreSql {
            sql::texts(
                transaction,
                "SELECT digest FROM blobs WHERE digest = $1 OR sha512 = $1 FOR SHARE",
                [digest.as_str().into()],
            )
            .await?;
        }
        Ok(())
    }

    /// Whether the manifest is new.
    async fn insert_manifest(
        &self,
        transaction: &DatabaseTransaction,
        who: &Principal,
        put: &Put<'_>,
        sha256: &Digest,
        depth: i32,
    ) -> Result<bool, Error> {
        let manifest = put.manifest;
        let (pushed_at, pushed_by) = put.pushed(who);
        let sha512 = put
            .sha512
            .then(|| Algorithm::Sha512.digest(put.bytes).as_str().to_owned());
        let image = manifest.config().map_or(sha256, |config| &config.digest);
        let annotations =
            (!manifest.annotations.is_empty()).then(|| Value::Object(manifest.annotations.clone()).to_string());
        let inserted = sql::execute(
            transaction,
            "INSERT INTO manifests (repository, digest, sha512, media_type, bytes, size, depth, subject, artifact_type,
                 annotations, image, source, pushed_at, pushed_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (repository, digest) DO NOTHING",
            [
                put.repository.as_str().into(),
                sha256.as_str().into(),
                sha512.clone().into(),
                manifest.media_type.clone().into(),
                put.bytes.to_vec().into(),
                i64::try_from(put.bytes.len()).unwrap_or(i64::MAX).into(),
                depth.into(),
                manifest.subject.as_ref().map(|subject| subject.as_str().to_owned()).into(),
                manifest.artifact_type.clone().into(),
                annotations.into(),
                image.as_str().into(),
                put.source
                    .as_ref()
                    .and_then(|source| serde_json::to_string(source).ok())
                    .into(),
                pushed_at.into(),
                pushed_by.into(),
            ],
        )
        .await?;
        if inserted == 0 {
            if let Some(sha512) = sha512 {
                sql::execute(
                    transaction,
                    "UPDATE manifests SET sha512 = $1 WHERE repository = $2 AND digest = $3",
                    [sha512.into(), put.repository.as_str().into(), sha256.as_str().into()],
                )
                .await?;
            }
            return Ok(false);
        }
        for (position, reference) in (0_i32..).zip(&manifest.references) {
            let target = self.canonical(transaction, put.repository, reference).await?;
            sql::execute(
                transaction,
                "INSERT INTO manifest_refs (repository, digest, position, kind, target) VALUES ($1, $2, $3, $4, $5)",
                [
                    put.repository.as_str().into(),
                    sha256.as_str().into(),
                    position.into(),
                    reference.kind.name().into(),
                    target.into(),
                ],
            )
            .await?;
        }
        for provenance in &put.provenance {
            provenance.insert(transaction, put.repository, sha256).await?;
        }
        Ok(true)
    }

    /// What is referred to by its SHA-512 is kept under its SHA-256.
    async fn canonical(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        reference: &Descriptor,
    ) -> Result<String, Error> {
        let known = match (reference.digest.algorithm, reference.kind) {
            (Algorithm::Sha256, _) => None,
            (_, Kind::Manifest) => stored(transaction, repository, &reference.digest)
                .await?
                .map(|child| child.digest),
            _ => blobs::linked(transaction, repository, &reference.digest)
                .await?
                .map(|blob| blob.digest),
        };
        Ok(known.unwrap_or_else(|| reference.digest.as_str().to_owned()))
    }

    /// Points a tag to the manifest, if its class allows.
    async fn point(
        &self,
        transaction: &DatabaseTransaction,
        who: &Principal,
        put: &Put<'_>,
        sha256: &Digest,
        tag: &str,
    ) -> Result<Result<Option<Event>, Refused>, Error> {
        let refused = |rule, existing| {
            Ok(Err(Refused {
                tag: tag.to_owned(),
                rule,
                existing,
            }))
        };
        let class = self.class(put.repository, tag);
        if class == TagClass::Latest {
            return refused("latest", None);
        }
        let (now, by) = put.pushed(who);
        let stated = put
            .stated_source
            .as_ref()
            .and_then(|source| serde_json::to_string(source).ok());
        if burnt(transaction, put.repository, tag).await? && class == TagClass::Ordinary {
            return refused("purged", None);
        }
        let inserted = sql::execute(
            transaction,
            "INSERT INTO tags (repository, name, digest, created_at, created_by, source, active)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repository, name) DO NOTHING",
            [
                put.repository.as_str().into(),
                tag.into(),
                sha256.as_str().into(),
                now.into(),
                by.clone().into(),
                stated.clone().into(),
                true.into(),
            ],
        )
        .await?;
        if inserted > 0 {
            return Ok(Ok(Some(self.tagged(transaction, who, put, sha256, tag, None).await?)));
        }
        // Whoever was first has committed: on PostgreSQL the insert has waited for it.
        let lock = match self.store.dialect() {
            Dialect::PostgreSql => "SELECT name FROM tags WHERE repository = $1 AND name = $2 FOR UPDATE",
            Dialect::Sqlite => "SELECT name FROM tags WHERE repository = $1 AND name = $2",
        };
        sql::texts(transaction, lock, [put.repository.as_str().into(), tag.into()]).await?;
        let Some(existing) = tag_row(transaction, put.repository, tag).await? else {
            return Err(Error::conflict("the tag was just purged"));
        };
        if existing.digest == sha256.as_str() {
            return Ok(Ok(None));
        }
        match class {
            TagClass::Ordinary | TagClass::Latest => return refused("immutable", Some(existing.digest)),
            TagClass::Growing => {
                if !keeps_everything(transaction, put.repository, &existing, sha256).await? {
                    return refused("growing", Some(existing.digest));
                }
            }
            TagClass::Movable => {}
        }
        sql::execute(
            transaction,
            "UPDATE tags SET digest = $1, created_at = $2, created_by = $3, source = $4 WHERE repository = $5 AND name = $6",
            [
                sha256.as_str().into(),
                now.into(),
                by.into(),
                stated.into(),
                put.repository.as_str().into(),
                tag.into(),
            ],
        )
        .await?;
        Ok(Ok(Some(
            self.tagged(transaction, who, put, sha256, tag, Some(&existing.digest))
                .await?,
        )))
    }

    /// Writes the history, has those told who want to know, and says what auditors are told.
    async fn tagged(
        &self,
        transaction: &DatabaseTransaction,
        who: &Principal,
        put: &Put<'_>,
        sha256: &Digest,
        tag: &str,
        previous: Option<&str>,
    ) -> Result<Event, Error> {
        let action = if previous.is_some() { "moved" } else { "created" };
        let change = Change {
            action,
            digest: sha256.as_str(),
            previous,
            reason: None,
            by: &who.name(),
        };
        history(transaction, put.repository, tag, &change).await?;
        let source = put.stated_source.as_ref().or(put.source.as_ref());
        let mut details = json!({
            "digest": sha256.as_str(), "media_type": put.manifest.media_type, "scm_source": source,
        });
        if let Some(previous) = previous {
            details["previous_digest"] = previous.into();
        }
        if let Some(past) = &put.past {
            details["created"] = Timestamp(past.created_at).to_string().into();
            details["created_by"] = past.created_by.clone().into();
        }
        // What happened elsewhere is no news; signatures are no images that anybody runs.
        if put.past.is_none() && !is_growing(tag) {
            if previous.is_none() {
                let registry = self.config.registry.as_deref();
                self.outlets
                    .tell_of_tag(transaction, registry, put.repository, tag)
                    .await?;
            }
            self.submit(transaction, put.repository, sha256.as_str()).await?;
        }
        let action = match (&put.past, previous) {
            (Some(_), _) => audit::IMPORTED,
            (None, Some(_)) => audit::UPDATED,
            (None, None) => audit::UPLOADED,
        };
        Ok(audit::tag(action, who.actor(), put.repository, tag, details))
    }

    /// How a tag of this repository may move.
    pub(crate) fn class(&self, repository: &Repository, tag: &str) -> TagClass {
        let class = TagClass::of(tag);
        let movable = class != TagClass::Latest
            && self.config.mutable_tags.iter().any(|policy| {
                policy.split_once(':').is_some_and(|(repositories, tags)| {
                    matches(repositories, repository.as_str()) && matches(tags, tag)
                })
            });
        if movable { TagClass::Movable } else { class }
    }
}

/// The name of a purged image stays burnt.
async fn burnt(transaction: &DatabaseTransaction, repository: &Repository, tag: &str) -> Result<bool, Error> {
    Ok(sql::exists(
        transaction,
        "SELECT 1 FROM tag_history WHERE repository = $1 AND tag = $2 AND action = 'purged'",
        [repository.as_str().into(), tag.into()],
    )
    .await?)
}

async fn refuse_purged(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    digest: &Digest,
) -> Result<(), Error> {
    let purged = sql::exists(
        transaction,
        "SELECT 1 FROM tombstones WHERE repository = $1 AND digest = $2 AND approved_at IS NOT NULL",
        [repository.as_str().into(), digest.as_str().into()],
    )
    .await?;
    if purged {
        return Err(crate::errors::denied(
            "this image was purged; it cannot be pushed again",
        ));
    }
    Ok(())
}

/// Whether the new manifest has every layer and every manifest that the tag had.
async fn keeps_everything(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    existing: &TagRow,
    sha256: &Digest,
) -> Result<bool, Error> {
    let lost = sql::exists(
        transaction,
        "SELECT 1 FROM manifest_refs o WHERE o.repository = $1 AND o.digest = $2 AND o.kind <> 'config'
         AND NOT EXISTS (SELECT 1 FROM manifest_refs n WHERE n.repository = $1 AND n.digest = $3 AND n.target = o.target)",
        [
            repository.as_str().into(),
            existing.digest.clone().into(),
            sha256.as_str().into(),
        ],
    );
    Ok(!lost.await?)
}

fn blob_missing(missing: &[&Digest]) -> Error {
    let errors: Vec<Value> = missing
        .iter()
        .take(100)
        .map(|digest| {
            json!({
                "code": "MANIFEST_BLOB_UNKNOWN",
                "message": format!("image blob {digest} does not exist"),
                "detail": {"Digest": digest.as_str()},
            })
        })
        .collect();
    Error::oci(
        StatusCode::BAD_REQUEST,
        "MANIFEST_BLOB_UNKNOWN",
        "the manifest refers to content that is not in the repository",
    )
    .with_details(Value::Array(errors))
}

/// DENIED: with any other code clients convert the manifest and push it again in other formats (contract pierone 5.4).
fn refusal(refused: &Refused) -> Error {
    let message = match refused.rule {
        "latest" => "tag latest is not allowed",
        "purged" => "the image of this name was purged; the name cannot be used again",
        "growing" => "tag already exists, and moves only to what keeps all of its entries",
        _ => "tag already exists",
    };
    let mut detail = json!({"Tag": refused.tag});
    if let Some(existing) = &refused.existing {
        detail["existingDigest"] = existing.as_str().into();
        detail["hint"] = "tags do not move; push children of an index by digest".into();
    }
    Error::oci(StatusCode::CONFLICT, "DENIED", message).with_details(detail)
}
