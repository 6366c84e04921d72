//! Uploads: sessions in the database, bytes in the storage (contract pierone 5.2).
//!
//! A request that appends writes its bytes to a part of its own, and makes them count in one statement: only if the upload still
//! has the length that the request found. Two at once never interleave, a request that dies leaves what was there before, and
//! any instance may continue.
//!
//! A power failure of the database's machine may undo what is not finished: then a client is told that its upload is unknown or where
//! it stands, and begins or continues there. A part is on the disk before it counts, and content before it is linked.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use sea_orm::FromQueryResult;
use serde_json::json;
use stups_api::Timestamp;
use stups_server::Error;
use stups_store::objects::object_store::path::Path;
use uuid::Uuid;

use crate::blobs::{self, Content};
use crate::names::{Algorithm, Digest, Repository};
use crate::principal::Principal;
use crate::storage::{Broken, Incoming, Received, Storage};
use crate::{PierOne, audit, errors, sql};

/// An upload that is not finished.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Upload {
    pub(crate) id: String,
    /// Which hash its sender announced, if another one than SHA-256.
    pub(crate) algorithm: Option<String>,
    /// How many bytes are there.
    pub(crate) size: i64,
    /// When it was last heard of: milliseconds since 1970 UTC.
    touched_at: i64,
}

/// A sign of life is noted no more often than this, in milliseconds: a push is many short requests.
const TOUCH_RESOLUTION: i64 = 60_000;

impl Upload {
    pub(crate) fn bytes(&self) -> u64 {
        self.size.unsigned_abs()
    }

    fn wants_sha512(&self) -> bool {
        self.algorithm.as_deref() == Some("sha512")
    }
}

/// What a request appends.
pub(crate) struct Chunk {
    pub(crate) body: Body,
    /// As announced.
    pub(crate) length: Option<u64>,
    /// First and last byte, where the request says which they are.
    pub(crate) range: Option<(u64, u64)>,
}

#[derive(Debug, FromQueryResult)]
struct Part {
    size: i64,
    object: String,
    sha256: String,
    sha512: Option<String>,
}

impl PierOne {
    /// Starts an upload to a repository.
    pub(crate) async fn start_upload(
        &self,
        who: &Principal,
        repository: &Repository,
        algorithm: Algorithm,
    ) -> Result<Upload, Error> {
        let now = Timestamp::now().0;
        let upload = Upload {
            id: Uuid::new_v4().to_string(),
            algorithm: (algorithm == Algorithm::Sha512).then(|| "sha512".to_owned()),
            size: 0,
            touched_at: now,
        };
        let write = self.store.write().await?;
        blobs::ensure_repository(write.transaction(), repository).await?;
        sql::execute(
            write.transaction(),
            "INSERT INTO uploads (id, repository, principal, algorithm, size, created_at, touched_at)
             VALUES ($1, $2, $3, $4, 0, $5, $5)",
            [
                upload.id.clone().into(),
                repository.as_str().into(),
                who.name().into(),
                upload.algorithm.clone().into(),
                now.into(),
            ],
        )
        .await?;
        write.commit_asynchronously().await?;
        Ok(upload)
    }

    /// An upload of this repository.
    pub(crate) async fn upload(&self, repository: &Repository, id: &str) -> Result<Upload, Error> {
        let upload = sql::row(
            self.store.connection(),
            "SELECT id, algorithm, size, touched_at FROM uploads WHERE id = $1 AND repository = $2",
            [id.into(), repository.as_str().into()],
        );
        upload.await?.ok_or_else(errors::upload_unknown)
    }

    /// Appends what a request brings. What arrived before it broke off is kept, and counts.
    pub(crate) async fn append(&self, repository: &Repository, upload: Upload, chunk: Chunk) -> Result<Upload, Error> {
        let start = upload.bytes();
        if let Some((first, last)) = chunk.range {
            if first != start || last < first {
                return Err(out_of_order(repository, &upload));
            }
            if chunk.length.is_some_and(|length| length != last - first + 1) {
                return Err(Error::oci(
                    StatusCode::BAD_REQUEST,
                    "SIZE_INVALID",
                    "Content-Length and Content-Range contradict each other",
                ));
            }
        }
        self.touch(&upload).await?;
        let limit = self.config.blob_bytes.saturating_sub(start);
        let limit = match chunk.range {
            Some((first, last)) => limit.min(last - first + 1),
            None => limit,
        };
        let mut body = Incoming::new(frames(chunk.body));
        let (upload, reason) = self.receive(repository, upload, &mut body, chunk.length, limit).await?;
        if let Some(reason) = reason {
            tracing::info!(upload = upload.id, %reason, "an upload broke off");
            return Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "BLOB_UPLOAD_INVALID",
                "the body broke off",
            ));
        }
        if chunk.range.is_some_and(|(_, last)| upload.bytes() != last + 1) {
            return Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "SIZE_INVALID",
                "the body is shorter than Content-Range says",
            ));
        }
        Ok(upload)
    }

    /// Writes a body, to as many objects as it needs, each of which counts when it is full. Why it broke off, if it did.
    async fn receive<S>(
        &self,
        repository: &Repository,
        mut upload: Upload,
        body: &mut Incoming<S>,
        length: Option<u64>,
        mut limit: u64,
    ) -> Result<(Upload, Option<String>), Error>
    where
        S: Stream<Item = Result<Bytes, axum::Error>> + Send,
    {
        loop {
            let object = Storage::part_of(&upload.id);
            let received = self
                .storage
                .receive(&object, body, length, limit, upload.wants_sha512())
                .await;
            let (received, reason) = match received {
                Ok(received) => (received, None),
                Err(Broken::Body(reason, None)) => return Ok((upload, Some(reason))),
                Err(Broken::Body(reason, Some(received))) => (received, Some(reason)),
                Err(Broken::TooLarge) => return Err(too_large(limit)),
                Err(Broken::Storage(error)) => return Err(errors::storage(&error)),
            };
            let more = received.more;
            limit = limit.saturating_sub(received.size);
            upload = self.count(repository, upload, &object, received).await?;
            if !more {
                return Ok((upload, reason));
            }
        }
    }

    /// Says that the upload is alive.
    async fn touch(&self, upload: &Upload) -> Result<(), Error> {
        let now = Timestamp::now().0;
        if (0..TOUCH_RESOLUTION).contains(&(now - upload.touched_at)) {
            return Ok(());
        }
        let write = self.store.write().await?;
        sql::execute(
            write.transaction(),
            "UPDATE uploads SET touched_at = $1 WHERE id = $2",
            [now.into(), upload.id.clone().into()],
        )
        .await?;
        Ok(write.commit_asynchronously().await?)
    }

    /// Makes a part count, unless another request was faster.
    async fn count(
        &self,
        repository: &Repository,
        upload: Upload,
        object: &Path,
        received: Received,
    ) -> Result<Upload, Error> {
        let size = received.size.cast_signed();
        let counted = async {
            let write = self.store.write().await?;
            let transaction = write.transaction();
            let moved = sql::execute(
                transaction,
                "UPDATE uploads SET size = $1, touched_at = $2 WHERE id = $3 AND size = $4",
                [
                    (upload.size + size).into(),
                    Timestamp::now().0.into(),
                    upload.id.clone().into(),
                    upload.size.into(),
                ],
            )
            .await?;
            if moved == 0 {
                return Ok(false);
            }
            if size > 0 {
                sql::execute(
                    transaction,
                    "INSERT INTO upload_parts (upload, start, size, object, sha256, sha512) VALUES ($1, $2, $3, $4, $5, $6)",
                    [
                        upload.id.clone().into(),
                        upload.size.into(),
                        size.into(),
                        object.to_string().into(),
                        received.sha256.as_str().into(),
                        received.sha512.as_ref().map(|digest| digest.as_str().to_owned()).into(),
                    ],
                )
                .await?;
            }
            write.commit_asynchronously().await?;
            Ok::<_, stups_store::Error>(true)
        };
        if counted.await? {
            if size == 0 {
                self.discard_object(object).await;
            }
            return Ok(Upload {
                size: upload.size + size,
                ..upload
            });
        }
        self.discard_object(object).await;
        Err(out_of_order(repository, &self.upload(repository, &upload.id).await?))
    }

    /// Ends an upload: its content has this digest and is linked to the repository, or the upload is gone and nothing is.
    pub(crate) async fn finish_upload(
        &self,
        who: &Principal,
        repository: &Repository,
        upload: &Upload,
        digest: &Digest,
    ) -> Result<(), Error> {
        let parts: Vec<Part> = sql::rows(
            self.store.connection(),
            "SELECT size, object, sha256, sha512 FROM upload_parts WHERE upload = $1 ORDER BY start",
            [upload.id.clone().into()],
        )
        .await?;
        let (object, content) = self.assemble(upload, &parts, digest).await?;
        let found = match digest.algorithm {
            Algorithm::Sha256 => content.sha256.as_str(),
            Algorithm::Sha512 => content.sha512.as_ref().map_or("", Digest::as_str),
        };
        if found != digest.as_str() {
            let mismatch = errors::digest_mismatch(digest, found);
            self.cancel_upload(upload).await?;
            self.discard_object(&object).await;
            return Err(mismatch);
        }
        let there = self.is_there(&content).await?;
        if !there {
            self.announce(&content).await?;
            let settled = self.storage.settle(&object, content.size, content.sha256.as_str());
            settled.await.map_err(|error| match error {
                // Somebody has cancelled it meanwhile.
                stups_store::objects::object_store::Error::NotFound { .. } => errors::upload_unknown(),
                error => errors::storage(&error),
            })?;
        }
        let write = self.store.write().await?;
        // The session first: of two requests that end it, one finds it gone and sees that the other has linked the content.
        remove_session(write.transaction(), &upload.id).await?;
        let linked = self.link(write.transaction(), repository, &content).await?;
        if linked {
            let details = json!({"size": content.size});
            let event = audit::content("blob.pushed", who.actor(), repository, content.sha256.as_str(), details);
            write.commit(event).await?;
        } else {
            write.commit_unaudited().await?;
        }
        for part in &parts {
            self.discard_object(&Path::from(part.object.as_str())).await;
        }
        if there {
            self.discard_object(&object).await;
        }
        Ok(())
    }

    /// The upload as one object, and what is in it. One part is that object already; several are joined.
    async fn assemble(&self, upload: &Upload, parts: &[Part], digest: &Digest) -> Result<(Path, Content), Error> {
        let wants_sha512 = digest.algorithm == Algorithm::Sha512;
        if let [part] = parts
            && (part.sha512.is_some() || !wants_sha512)
            && let Some(sha256) = Digest::read(&part.sha256)
        {
            let content = Content {
                sha256,
                sha512: part.sha512.as_deref().and_then(Digest::read),
                size: part.size.unsigned_abs(),
            };
            return Ok((Path::from(part.object.as_str()), content));
        }
        let object = Storage::part_of(&upload.id);
        let mut bytes = Incoming::new(self.joined(parts));
        let joined = self
            .storage
            .receive(&object, &mut bytes, Some(upload.bytes()), upload.bytes(), wants_sha512)
            .await;
        let received = joined.map_err(|broken| match broken {
            Broken::Storage(error) => errors::storage(&error),
            Broken::Body(reason, _) => {
                tracing::warn!(upload = upload.id, %reason, "the parts of an upload cannot be joined");
                Error::unavailable("the storage does not answer as it should.")
            }
            Broken::TooLarge => Error::internal(),
        })?;
        let content = Content {
            sha256: received.sha256,
            sha512: received.sha512,
            size: received.size,
        };
        Ok((object, content))
    }

    fn joined(&self, parts: &[Part]) -> impl Stream<Item = Result<Bytes, String>> + Send + 'static {
        let storage = self.storage.clone();
        let parts: Vec<(Path, u64)> = parts
            .iter()
            .map(|part| (Path::from(part.object.as_str()), part.size.unsigned_abs()))
            .collect();
        futures::stream::iter(parts).flat_map(move |(object, size)| {
            let storage = storage.clone();
            futures::stream::once(async move {
                match storage.read(&object, 0..size).await {
                    Ok(bytes) => bytes.map(|bytes| bytes.map_err(|error| error.to_string())).boxed(),
                    Err(error) => futures::stream::once(async move { Err(error.to_string()) }).boxed(),
                }
            })
            .flatten()
        })
    }

    /// Ends an upload without a result.
    pub(crate) async fn cancel_upload(&self, upload: &Upload) -> Result<(), Error> {
        let objects = sql::texts(
            self.store.connection(),
            "SELECT object FROM upload_parts WHERE upload = $1",
            [upload.id.clone().into()],
        )
        .await?;
        let write = self.store.write().await?;
        remove_session(write.transaction(), &upload.id).await?;
        write.commit_unaudited().await?;
        for object in objects {
            self.discard_object(&Path::from(object)).await;
        }
        Ok(())
    }

    /// Removes an object. What cannot be removed now, as false says, is found by the garbage collection.
    pub(crate) async fn discard_object(&self, object: &Path) -> bool {
        let removed = self.storage.remove(object).await;
        if let Err(error) = &removed {
            tracing::warn!(%error, %object, "a part of an upload stays in the storage");
        }
        removed.is_ok()
    }
}

async fn remove_session(transaction: &sea_orm::DatabaseTransaction, id: &str) -> Result<(), stups_store::Error> {
    for statement in [
        "DELETE FROM upload_parts WHERE upload = $1",
        "DELETE FROM uploads WHERE id = $1",
    ] {
        sql::execute(transaction, statement, [id.into()]).await?;
    }
    Ok(())
}

fn frames(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    body.into_data_stream()
}

/// 416: the request does not continue where the upload is. Nothing has changed.
fn out_of_order(repository: &Repository, upload: &Upload) -> Error {
    let error = Error::oci(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "BLOB_UPLOAD_INVALID",
        format!("the upload has {} bytes; the next chunk starts there", upload.size),
    );
    location_headers(repository, upload)
        .into_iter()
        .fold(error, |error, (name, value)| error.with_header(name, value))
}

fn too_large(limit: u64) -> Error {
    Error::oci(
        StatusCode::PAYLOAD_TOO_LARGE,
        "SIZE_INVALID",
        format!("the body is larger than {limit} bytes"),
    )
}

/// Where the upload is and how far it got.
pub(crate) fn location_headers(
    repository: &Repository,
    upload: &Upload,
) -> Vec<(axum::http::HeaderName, axum::http::HeaderValue)> {
    use axum::http::{HeaderName, HeaderValue, header};
    let last = upload.size.saturating_sub(1).max(0);
    // Names, ids and numbers are visible ASCII.
    let value = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    vec![
        (
            header::LOCATION,
            value(format!("/v2/{repository}/blobs/uploads/{}", upload.id)),
        ),
        (header::RANGE, value(format!("0-{last}"))),
        (HeaderName::from_static("docker-upload-uuid"), value(upload.id.clone())),
    ]
}
