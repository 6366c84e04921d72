//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::{Error, with_headers};

/// The strong tag of a revision, for the header `ETag`.
pub fn revision_tag(revision: i64) -> HeaderValue {
    // Digits between quotes are a header value always.
    HeaderValue::from_str(&tag(revision)).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Whether the caller has what has this tag already (`If-None-Match`): 304.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    lists(headers, &IF_NONE_MATCH).any(|listed| matches(&listed, Some(tag), true))
}

/// A strong tag made of a content: who reads the same again and again is told that nothing has changed.
pub fn content_tag(content: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(content);
    let hex = digest
        .iter()
        .take(12)
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    HeaderValue::from_str(&format!("\"{hex}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// JSON with its tag; 304 without it when the caller has it already.
pub fn json_unless_known(headers: &HeaderMap, tag: HeaderValue, json: Bytes) -> Response {
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let content_type = HeaderValue::from_static("application/json");
    with_headers(StatusCode::OK, [(CONTENT_TYPE, content_type), (ETAG, tag)], json)
}

/// What a write demands of what is stored (`If-Match`, `If-None-Match`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Vec<String>>,
    if_none_match: Option<Vec<String>>,
}

impl Preconditions {
    /// Those of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = |name: &HeaderName| headers.contains_key(name).then(|| lists(headers, name).collect());
        Self {
            if_match: given(&IF_MATCH),
            if_none_match: given(&IF_NONE_MATCH),
        }
    }

    /// Refuses with 412 when the stored revision of `what` (nothing: there is none) is not what the caller takes it for.
    pub fn check(&self, what: &str, stored: Option<i64>) -> Result<(), Error> {
        let tag = stored.map(tag);
        let any = |listed: &[String], weak| listed.iter().any(|listed| matches(listed, tag.as_deref(), weak));
        if self.if_match.as_deref().is_some_and(|listed| !any(listed, false)) {
            return Err(failed(format!(
                "The {what} is not what it was when you read it. Read it again."
            )));
        }
        if self.if_none_match.as_deref().is_some_and(|listed| any(listed, true)) {
            return Err(failed(format!("The {what} exists already.")));
        }
        Ok(())
    }
}

fn failed(message: String) -> Error {
    Error::new(StatusCode::PRECONDITION_FAILED, message)
}

/// The tags in all headers of the name.
fn lists<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> + 'a {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().to_owned())
}

/// `*` is whatever is there. Weak tags never match strongly.
fn matches(listed: &str, stored: Option<&str>, weak: bool) -> bool {
    let listed = if weak {
        listed.strip_prefix("W/").unwrap_or(listed)
    } else {
        listed
    };
    stored.is_some_and(|stored| listed == "*" || listed == stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn tags_are_compared() {
        for (name, value, stored, fulfilled) in [
            (IF_MATCH, "\"3\"", Some(3), true),
            (IF_MATCH, "\"2\", \"3\"", Some(3), true),
            (IF_MATCH, "*", Some(3), true),
            (IF_MATCH, "\"2\"", Some(3), false),
            (IF_MATCH, "W/\"3\"", Some(3), false),
            (IF_MATCH, "*", None, false),
            (IF_MATCH, "\"3\"", None, false),
            (IF_NONE_MATCH, "*", Some(3), false),
            (IF_NONE_MATCH, "*", None, true),
            (IF_NONE_MATCH, "\"2\"", Some(3), true),
            (IF_NONE_MATCH, "W/\"3\"", Some(3), false),
        ] {
            let result = Preconditions::of(&headers(name.clone(), value)).check("thing", stored);
            assert_eq!(result.is_ok(), fulfilled, "{name}: {value} for {stored:?}");
        }
        assert!(Preconditions::of(&HeaderMap::new()).check("thing", None).is_ok());
        assert!(is_known(&headers(IF_NONE_MATCH, "\"1\", W/\"3\""), &revision_tag(3)));
        assert!(!is_known(&HeaderMap::new(), &revision_tag(3)));
    }
}
