//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use stups_server::Error;

/// The tag of the revision of an application.
pub(crate) fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Whether the caller has what has this tag already: 304.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    lists(headers, &IF_NONE_MATCH).any(|listed| matches(&listed, Some(tag), true))
}

/// What a write demands of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preconditions {
    if_match: Option<Vec<String>>,
    if_none_match: Option<Vec<String>>,
}

impl Preconditions {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = |name: &HeaderName| headers.contains_key(name).then(|| lists(headers, name).collect());
        Self {
            if_match: given(&IF_MATCH),
            if_none_match: given(&IF_NONE_MATCH),
        }
    }

    /// Refuses with 412 when what is stored (nothing: none) is not what the caller takes it for.
    pub(crate) fn check(&self, stored: Option<i64>) -> Result<(), Error> {
        let tag = stored.map(tag);
        let any = |listed: &[String], weak| listed.iter().any(|listed| matches(listed, tag.as_deref(), weak));
        if self.if_match.as_deref().is_some_and(|listed| !any(listed, false)) {
            return Err(failed(
                "The application is not what it was when you read it. Read it again.",
            ));
        }
        if self.if_none_match.as_deref().is_some_and(|listed| any(listed, true)) {
            return Err(failed("The application exists already."));
        }
        Ok(())
    }
}

fn failed(message: &str) -> Error {
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
            let result = Preconditions::of(&headers(name.clone(), value)).check(stored);
            assert_eq!(result.is_ok(), fulfilled, "{name}: {value} for {stored:?}");
        }
        assert!(Preconditions::of(&HeaderMap::new()).check(None).is_ok());
        assert!(is_known(&headers(IF_NONE_MATCH, "\"1\", W/\"3\""), "\"3\""));
        assert!(!is_known(&HeaderMap::new(), "\"3\""));
    }
}
