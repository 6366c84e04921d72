//! end-4, end-5, end-6, end-11, end-13, end-14.

use axum::body::{Body, HttpBody as _};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use stups_server::Error;

use super::Call;
use super::blobs::{DIGEST, value};
use crate::blobs::linked;
use crate::names::{Algorithm, Digest, Repository};
use crate::uploads::{Chunk, Upload, location_headers};

impl Call<'_> {
    pub(super) async fn start(&self, name: &Repository, headers: &HeaderMap, body: Body) -> Result<Response, Error> {
        self.may_push(name).await?;
        if let Some(digest) = self.query.digest("mount")? {
            // A source that is no repository has nothing to mount.
            let from = self.query.first("from").map(Repository::parse);
            let mounted = match from {
                Some(Err(_)) => false,
                Some(Ok(from)) => self.pierone.mount(self.who, name, &digest, Some(&from)).await?,
                None => self.pierone.mount(self.who, name, &digest, None).await?,
            };
            if mounted {
                return created(name, &digest);
            }
        }
        let digest = self.query.digest("digest")?;
        let algorithm = match (&digest, self.query.first("digest-algorithm")) {
            (Some(digest), _) => digest.algorithm,
            (None, Some(name)) => Algorithm::parse(name).ok_or_else(|| {
                let message = format!("{name:?} is no algorithm for digests: sha256 and sha512 are");
                Error::oci(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
            })?,
            (None, None) => Algorithm::Sha256,
        };
        let upload = self.pierone.start_upload(self.who, name, algorithm).await?;
        let Some(digest) = digest else {
            return Ok(with_location(StatusCode::ACCEPTED, name, &upload));
        };
        let appended = self.pierone.append(name, upload.clone(), whole(headers, body)?).await;
        let ended = match appended {
            Ok(upload) => self.pierone.finish_upload(self.who, name, &upload, &digest).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            // Nobody knows where it is: there was no answer that said so.
            self.pierone.cancel_upload(&upload).await?;
            return Err(error);
        }
        created(name, &digest)
    }

    pub(super) async fn progress(&self, name: &Repository, id: &str) -> Result<Response, Error> {
        self.may_push(name).await?;
        let upload = self.pierone.upload(name, id).await?;
        Ok(with_location(StatusCode::NO_CONTENT, name, &upload))
    }

    pub(super) async fn append(
        &self,
        name: &Repository,
        id: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Error> {
        self.may_push(name).await?;
        let upload = self.pierone.upload(name, id).await?;
        let upload = self.pierone.append(name, upload, chunk(headers, body)?).await?;
        Ok(with_location(StatusCode::ACCEPTED, name, &upload))
    }

    pub(super) async fn finish(
        &self,
        name: &Repository,
        id: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Error> {
        self.may_push(name).await?;
        let digest = self.query.digest("digest")?.ok_or_else(|| {
            let message = "the parameter digest says which content it is";
            Error::oci(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
        })?;
        let mut upload = match self.pierone.upload(name, id).await {
            Ok(upload) => upload,
            // The answer to the first attempt was lost: it is there.
            Err(unknown) => match linked(self.pierone.store.connection(), name, &digest).await? {
                Some(_) => return created(name, &digest),
                None => return Err(unknown),
            },
        };
        if !body.is_end_stream() {
            upload = self.pierone.append(name, upload, chunk(headers, body)?).await?;
        }
        self.pierone.finish_upload(self.who, name, &upload, &digest).await?;
        created(name, &digest)
    }

    pub(super) async fn cancel(&self, name: &Repository, id: &str) -> Result<Response, Error> {
        self.may_push(name).await?;
        let upload = self.pierone.upload(name, id).await?;
        self.pierone.cancel_upload(&upload).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

fn with_location(status: StatusCode, name: &Repository, upload: &Upload) -> Response {
    let mut response = status.into_response();
    for (header, value) in location_headers(name, upload) {
        response.headers_mut().insert(header, value);
    }
    if status != StatusCode::NO_CONTENT {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

fn created(name: &Repository, digest: &Digest) -> Result<Response, Error> {
    let location = value(&format!("/v2/{name}/blobs/{digest}"))?;
    let headers: [(HeaderName, HeaderValue); 2] = [(LOCATION, location), (DIGEST, value(digest.as_str())?)];
    Ok((StatusCode::CREATED, headers, Body::empty()).into_response())
}

/// A body that is everything.
fn whole(headers: &HeaderMap, body: Body) -> Result<Chunk, Error> {
    Ok(Chunk {
        length: length(headers)?,
        range: None,
        body,
    })
}

/// A body that is the next piece.
fn chunk(headers: &HeaderMap, body: Body) -> Result<Chunk, Error> {
    let range = match headers.get(CONTENT_RANGE) {
        None => None,
        Some(text) => Some(text.to_str().ok().and_then(content_range).ok_or_else(|| {
            let message = "Content-Range is <first>-<last>, the places of the body's first and last byte";
            Error::oci(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
        })?),
    };
    Ok(Chunk {
        range,
        ..whole(headers, body)?
    })
}

fn length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    match headers.get(CONTENT_LENGTH) {
        None => Ok(None),
        Some(text) => {
            let length = text.to_str().ok().and_then(|text| text.parse().ok());
            length.map(Some).ok_or_else(|| {
                Error::oci(
                    StatusCode::BAD_REQUEST,
                    "SIZE_INVALID",
                    "Content-Length is not a number",
                )
            })
        }
    }
}

/// `0-99`, as the protocol has it; `bytes 0-99/200`, as HTTP has it, means the same.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let text = text.trim();
    let text = text
        .strip_prefix("bytes")
        .map_or(text, |rest| rest.trim_start_matches(['=', ' ']));
    let (range, _) = text.split_once('/').unwrap_or((text, ""));
    let (first, last) = range.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return None;
    }
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (last < i64::MAX.unsigned_abs()).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_chunk_is_read() {
        for (text, range) in [
            ("0-99", Some((0, 99))),
            ("bytes 0-99/200", Some((0, 99))),
            ("bytes=0-99", Some((0, 99))),
            ("5-4", Some((5, 4))),
            ("", None),
            ("0", None),
            ("-5", None),
            ("5-", None),
            ("0-99999999999999999999", None),
            ("0-18446744073709551615", None),
            ("a-b", None),
            ("0-1,2-3", None),
        ] {
            assert_eq!(content_range(text), range, "{text}");
        }
    }
}
