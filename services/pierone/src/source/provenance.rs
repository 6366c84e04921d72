//! Provenance (SLSA 0.2 and 1) in statements of in-toto, as BuildKit attaches them to images: as a manifest beside them in their
//! index (`vnd.docker.reference.type: attestation-manifest`), or as one whose subject they are (contract pierone 5.7).
//!
//! Which image a statement is about, it says itself: its `subject` is the image's digest, wherever the statement is found. Its
//! signature, if it has one, is not verified: who may push to a repository is believed about it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sea_orm::DatabaseTransaction;
use serde_json::Value;
use stups_api::Timestamp;
use stups_api::pierone::{MODIFIED, ScmSource, SourceOrigin};
use stups_server::Error;
use stups_store::Error as StoreError;
use url::Url;

use crate::manifest::Manifest;
use crate::names::{Digest, Repository};
use crate::storage::Storage;
use crate::{PierOne, blobs, errors, sql};

/// A statement as it is.
const STATEMENT: &str = "application/vnd.in-toto+json";
/// A statement in an envelope with signatures.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// What predicates of provenance are called, with a version behind it.
const PREDICATE: &str = "https://slsa.dev/provenance/";

/// How many statements of one manifest are read.
const MOST_STATEMENTS: usize = 8;
/// How many images one statement may be about.
const MOST_SUBJECTS: usize = 64;
/// How many dependencies of a build are looked through.
const MOST_DEPENDENCIES: usize = 1_000;
/// Longer places and revisions are not kept.
const LONGEST: usize = 2_048;

/// What an attestation says about an image.
pub(crate) struct Provenance {
    /// The image's digest.
    pub(crate) subject: Digest,
    /// Where it was made from.
    pub(crate) source: ScmSource,
}

impl PierOne {
    /// What a manifest that is being pushed says about the sources of others.
    pub(crate) async fn provenance_in(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<Vec<Provenance>, Error> {
        let mut all = Vec::new();
        for layer in statements(manifest) {
            if let Some(bytes) = self.document(repository, layer).await? {
                all.extend(told(&bytes));
            }
        }
        Ok(all)
    }

    /// Whether a statement of the manifest is linked, and its bytes are not there.
    pub(crate) async fn has_lost(&self, repository: &Repository, manifest: &Manifest) -> Result<bool, Error> {
        for layer in statements(manifest) {
            let Some(blob) = blobs::linked(self.store.connection(), repository, layer).await? else {
                continue;
            };
            let size = self.storage.size(&Storage::blob(&blob.digest)).await;
            if size.map_err(|error| errors::storage(&error))? != Some(blob.bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What of a manifest is read.
fn statements(manifest: &Manifest) -> impl Iterator<Item = &Digest> {
    manifest.layers_of_type(&[STATEMENT, ENVELOPE]).take(MOST_STATEMENTS)
}

impl Provenance {
    /// Keeps it with the attestation that says it.
    pub(crate) async fn insert(
        &self,
        transaction: &DatabaseTransaction,
        repository: &Repository,
        attestation: &Digest,
    ) -> Result<(), StoreError> {
        sql::execute(
            transaction,
            "INSERT INTO provenance (repository, digest, subject, source) VALUES ($1, $2, $3, $4)
             ON CONFLICT (repository, digest, subject) DO NOTHING",
            [
                repository.as_str().into(),
                attestation.as_str().into(),
                self.subject.as_str().into(),
                serde_json::to_string(&self.source).unwrap_or_default().into(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// What a statement says about each of its subjects; nothing when it is no provenance, or does not know a commit.
fn told(bytes: &[u8]) -> Vec<Provenance> {
    let Some(statement) = statement(bytes) else {
        return Vec::new();
    };
    let is_provenance = text(&statement, "/predicateType").is_some_and(|kind| kind.starts_with(PREDICATE));
    let source = statement.get("predicate").filter(|_| is_provenance).and_then(source);
    let Some(source) = source else { return Vec::new() };
    let subjects = statement.get("subject").and_then(Value::as_array);
    let digests = subjects
        .into_iter()
        .flatten()
        .take(MOST_SUBJECTS)
        .filter_map(|subject| {
            let hash = text(subject, "/digest/sha256")?;
            Digest::read(&format!("sha256:{hash}"))
        });
    digests
        .map(|subject| Provenance {
            subject,
            source: source.clone(),
        })
        .collect()
}

fn statement(bytes: &[u8]) -> Option<Value> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    match text(&document, "/payload") {
        Some(payload) => serde_json::from_slice(&BASE64_STANDARD.decode(payload).ok()?).ok(),
        None => Some(document),
    }
}

/// The commit that was built: the one that the builder fetched itself, else what its client said of its directory.
fn source(predicate: &Value) -> Option<ScmSource> {
    let fetched = [
        "/invocation/configSource",
        "/buildDefinition/externalParameters/configSource",
    ];
    let fetched = fetched.into_iter().find_map(|place| commit(predicate.pointer(place)?));
    let directory = [
        "/metadata/https:~1~1mobyproject.org~1buildkit@v1#metadata/vcs",
        "/runDetails/metadata/buildkit_metadata/vcs",
    ];
    let directory = directory.into_iter().filter_map(|place| predicate.pointer(place));
    let mut directory = directory.filter_map(|vcs| Some((text(vcs, "/source")?, text(vcs, "/revision")?)));
    // Other builders than BuildKit name it among what they used, as SLSA 1 has it.
    let used = || {
        let used = predicate.pointer("/buildDefinition/resolvedDependencies")?.as_array()?;
        let mut used = used.iter().take(MOST_DEPENDENCIES);
        used.find_map(|used| commit(used).filter(|(place, _)| place.starts_with("git+")))
    };
    let (place, revision) = fetched.or_else(|| directory.next()).or_else(used)?;
    // As BuildKit's clients mark changed files.
    let revision = match revision.strip_suffix("-dirty") {
        Some(commit) => format!("{commit}{MODIFIED}"),
        None => revision.to_owned(),
    };
    Some(ScmSource {
        url: location(place)?,
        revision,
        author: String::new(),
        status: String::new(),
        created: Some(Timestamp::now()),
        valid: None,
        origin: Some(SourceOrigin::Provenance),
    })
}

/// A place with the commit that it had; none when it was no repository.
fn commit(resource: &Value) -> Option<(&str, &str)> {
    let commit = text(resource, "/digest/sha1").or_else(|| text(resource, "/digest/gitCommit"))?;
    Some((text(resource, "/uri")?, commit))
}

/// Where the repository is, without the branch, and without what somebody logs in with there.
fn location(place: &str) -> Option<String> {
    let place = place.strip_prefix("git+").unwrap_or(place);
    let place = place.split('#').next().unwrap_or_default();
    let place = place.split("@refs/").next().unwrap_or_default();
    match Url::parse(place) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            url.set_username("").ok()?;
            url.set_password(None).ok()?;
            url.set_query(None);
            Some(url.to_string())
        }
        _ if place.is_empty() => None,
        _ => Some(place.to_owned()),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    let text = value.pointer(pointer)?.as_str()?;
    let bounded = pointer == "/payload" || text.len() <= LONGEST;
    Some(text.trim()).filter(|text| bounded && !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "4b220de5058abfd01ff619c9d2ff6b09a049bea0";
    const IMAGE: &str = "e8275b2b76280af67e26f068e5d585eb905f8dfd2f1918b3229db98133cb4862";

    fn statement_of(version: &str, predicate: &Value) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": format!("{PREDICATE}{version}"),
            "subject": [{"name": "pkg:docker/app@1", "digest": {"sha256": IMAGE}}],
            "predicate": predicate,
        })
    }

    fn told_by(statement: &Value) -> Option<(String, String)> {
        let told = told(statement.to_string().as_bytes());
        let only = told.into_iter().next()?;
        assert_eq!(only.subject.as_str(), format!("sha256:{IMAGE}"));
        assert_eq!(only.source.origin, Some(SourceOrigin::Provenance));
        Some((only.source.url, only.source.revision))
    }

    #[test]
    fn what_was_built_is_told_by_both_versions() {
        let fetched = json!({"uri": "https://github.com/o/r.git#refs/tags/v1", "digest": {"sha1": COMMIT}});
        let said = json!({"source": "git@github.com:o/fork.git", "revision": format!("{COMMIT}-dirty")});
        let secret = json!({"source": "https://jdoe:secret@github.com/o/r?token=secret", "revision": COMMIT});
        let modified = format!("{COMMIT}{MODIFIED}");
        let metadata = |vcs: &Value| json!({"https://mobyproject.org/buildkit@v1#metadata": {"vcs": vcs}});
        for (version, predicate, url, revision) in [
            (
                "v0.2",
                json!({"invocation": {"configSource": fetched}, "metadata": metadata(&said)}),
                "https://github.com/o/r.git",
                COMMIT,
            ),
            (
                "v0.2",
                json!({"invocation": {"configSource": {"entryPoint": "Dockerfile"}}, "metadata": metadata(&said)}),
                "git@github.com:o/fork.git",
                &modified,
            ),
            (
                "v0.2",
                json!({"metadata": metadata(&secret)}),
                "https://github.com/o/r",
                COMMIT,
            ),
            (
                "v1",
                json!({"buildDefinition": {"externalParameters": {"configSource": fetched}}}),
                "https://github.com/o/r.git",
                COMMIT,
            ),
            (
                "v1",
                json!({"runDetails": {"metadata": {"buildkit_metadata": {"vcs": said}}}}),
                "git@github.com:o/fork.git",
                &modified,
            ),
            (
                "v1",
                json!({"buildDefinition": {"resolvedDependencies": [
                    {"uri": "pkg:docker/debian", "digest": {"sha256": IMAGE}},
                    {"uri": "git+https://github.com/o/r@refs/heads/main", "digest": {"gitCommit": COMMIT}},
                ]}}),
                "https://github.com/o/r",
                COMMIT,
            ),
        ] {
            let expected = (url.to_owned(), revision.to_owned());
            let statement = statement_of(version, &predicate);
            assert_eq!(told_by(&statement), Some(expected.clone()), "{predicate}");
            let envelope = json!({"payload": BASE64_STANDARD.encode(statement.to_string()), "signatures": []});
            assert_eq!(told_by(&envelope), Some(expected), "{predicate}");
        }
    }

    #[test]
    fn what_is_no_provenance_or_knows_no_commit_tells_nothing() {
        let fetched = json!({"invocation": {"configSource": {"uri": "https://x/r.git", "digest": {"sha1": COMMIT}}}});
        let mut materials = statement_of("v0.2", &fetched);
        materials["predicateType"] = "https://spdx.dev/Document".into();
        let mut nobody = statement_of("v0.2", &fetched);
        nobody["subject"] = json!([{"digest": {"sha256": "../x"}}, {"digest": {"sha512": IMAGE}}, 1]);
        let long = "x".repeat(LONGEST + 1);
        let tarball = json!({"invocation": {"configSource": {"uri": "https://x/a.tar", "digest": {"sha256": IMAGE}}}});
        let local =
            json!({"metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"revision": COMMIT}}}});
        let endless = json!({"invocation": {"configSource": {"uri": long, "digest": {"sha1": COMMIT}}}});
        for statement in [
            materials,
            nobody,
            statement_of("v0.2", &tarball),
            statement_of("v0.2", &local),
            statement_of("v0.2", &endless),
            json!({"payload": "no base64"}),
            json!([]),
        ] {
            assert_eq!(told_by(&statement), None, "{statement}");
        }
        assert!(told(b"no JSON").is_empty());
        assert!(told("[".repeat(1 << 20).as_bytes()).is_empty());
    }

    #[test]
    fn one_statement_is_not_about_everything() {
        let mut statement = statement_of(
            "v1",
            &json!({"runDetails": {"metadata": {"buildkit_metadata": {"vcs": {"source": "git:x", "revision": COMMIT}}}}}),
        );
        let subject = statement["subject"][0].clone();
        statement["subject"] = Value::Array(vec![subject; MOST_SUBJECTS + 1]);
        assert_eq!(told(statement.to_string().as_bytes()).len(), MOST_SUBJECTS);
    }
}
