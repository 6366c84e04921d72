//! end-2, and the answer to deletions.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use stups_server::{Error, Verbatim};

use super::{Call, not_allowed};
use crate::blobs::linked;
use crate::errors;
use crate::names::{Digest, Repository};
use crate::storage::Storage;

pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Call<'_> {
    pub(super) async fn blob(&self, name: &Repository, digest: &str, parts: &Parts) -> Result<Response, Error> {
        let pierone = self.pierone;
        pierone.permissions.pull(self.who, name)?;
        let digest = digest_in_path(digest)?;
        let blob = linked(pierone.store.connection(), name, &digest).await?;
        let Some(blob) = blob else {
            return Err(pierone.unknown_blob(name, &digest).await?);
        };
        let head = parts.method == Method::HEAD;
        if head {
            // The client may rely on it for as long as its push takes.
            pierone.confirm_seldom(&blob).await?;
        }
        let etag = format!("\"{digest}\"");
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Verbatim);
        let headers = response.headers_mut();
        headers.insert(DIGEST, value(digest.as_str())?);
        headers.insert(ETAG, value(&etag)?);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if known(&parts.headers, &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        let size = blob.bytes();
        if head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
            return Ok(response);
        }
        let sha256 = Digest::parse(&blob.digest)?;
        let signed = pierone.storage.signed(&sha256).await;
        if let Some(url) = signed.map_err(|error| errors::storage(&error))? {
            headers.insert(LOCATION, value(url.as_str())?);
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            return Ok(response);
        }
        let wanted = if is_another(&parts.headers, &etag) {
            None
        } else {
            wanted(&parts.headers, size)?
        };
        let range = match &wanted {
            Some(range) => {
                let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                headers.insert(CONTENT_RANGE, value(&text)?);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                range.clone()
            }
            None => 0..size,
        };
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        let bytes = pierone.storage.read(&Storage::blob(&blob.digest), range).await;
        *response.body_mut() = Body::from_stream(bytes.map_err(|error| errors::storage(&error))?);
        Ok(response)
    }

    /// Content is never removed by a request: withdrawal and purge are what there is (contract pierone 5.6).
    pub(super) async fn delete_blob(&self, name: &Repository, digest: &str) -> Result<Response, Error> {
        self.known()?;
        self.pierone.permissions.pull(self.who, name)?;
        let digest = digest_in_path(digest)?;
        match linked(self.pierone.store.connection(), name, &digest).await? {
            Some(_) => Err(not_allowed(&Method::DELETE, "GET, HEAD")),
            None => Err(errors::blob_unknown(&digest)),
        }
    }
}

/// Clients that encode the colon mean the same.
pub(super) fn digest_in_path(text: &str) -> Result<Digest, Error> {
    Digest::parse(&text.replace("%3A", ":").replace("%3a", ":"))
}

pub(super) fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::internal())
}

pub(super) fn known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH);
    tags.iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == "*" || tag == etag)
    })
}

/// Whether the client has a part of something else, and wants all of this instead (`If-Range`, RFC 9110).
fn is_another(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(IF_RANGE)
        .is_some_and(|part| part.as_bytes() != etag.as_bytes())
}

/// The single range that a request wants. What is no range of bytes is ignored, as RFC 9110 says.
fn wanted(headers: &HeaderMap, size: u64) -> Result<Option<Range<u64>>, Error> {
    let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    match parse_range(text, size) {
        Wanted::All => Ok(None),
        Wanted::Part(range) => Ok(Some(range)),
        Wanted::Unsatisfiable => {
            let error = Error::oci(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "UNSUPPORTED",
                format!("the blob has {size} bytes"),
            );
            Err(error.with_header(CONTENT_RANGE, value(&format!("bytes */{size}"))?))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Unsatisfiable,
}

fn parse_range(text: &str, size: u64) -> Wanted {
    let Some(range) = text.trim().strip_prefix("bytes=") else {
        return Wanted::All;
    };
    let Some((first, last)) = range.split_once('-') else {
        return Wanted::All;
    };
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse::<u64>().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) => {
            let last = last.unwrap_or(u64::MAX).min(size.saturating_sub(1));
            if first >= size || first > last {
                return Wanted::Unsatisfiable;
            }
            Wanted::Part(first..last + 1)
        }
        (Some(None), Some(Some(count))) => {
            if count == 0 || size == 0 {
                return Wanted::Unsatisfiable;
            }
            Wanted::Part(size.saturating_sub(count)..size)
        }
        // Several ranges, or none that can be read.
        _ => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, wanted) in [
            ("bytes=500-1499", Wanted::Part(500..1500)),
            ("bytes=500-", Wanted::Part(500..3000)),
            ("bytes=-500", Wanted::Part(2500..3000)),
            ("bytes=-5000", Wanted::Part(0..3000)),
            ("bytes=2000-5000", Wanted::Part(2000..3000)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=500-0", Wanted::Unsatisfiable),
            ("bytes=5000-10000", Wanted::Unsatisfiable),
            ("bytes=3000-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=0-1,5-6", Wanted::All),
            ("bytes=x-1", Wanted::All),
            ("bytes=-", Wanted::All),
            ("items=0-1", Wanted::All),
        ] {
            assert_eq!(parse_range(text, 3000), wanted, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Wanted::Unsatisfiable);
    }
}
