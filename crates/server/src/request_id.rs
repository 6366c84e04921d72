//! The id of a request: the caller's when it is sane, else one of ours. It goes through logs, audit records and answers.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// How long an id of a caller may be.
const LIMIT: usize = 128;

/// The request's id.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    match headers.get(&HEADER) {
        Some(value) if is_sane(value.as_bytes()) => value.clone(),
        _ => new(),
    }
}

/// Letters, digits and `._-`: nothing that could break out of a log line or a URL.
fn is_sane(id: &[u8]) -> bool {
    (1..=LIMIT).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Different in every process by its first half, in every request by its second.
fn new() -> HeaderValue {
    static PROCESS: LazyLock<String> = LazyLock::new(|| {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        format!("{:016x}", high ^ low)
    });
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut id = String::with_capacity(25);
    id.push_str(&PROCESS);
    let _ = write!(id, "-{:08x}", COUNTER.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let long = "x".repeat(129);
        for (sent, kept) in [
            ("0190b5a4-7c3f-7000-8000-000000000000", true),
            ("a.b_c-D9", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("ü", false),
            (long.as_str(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&HEADER, HeaderValue::from_bytes(sent.as_bytes()).unwrap());
            assert_eq!(of(&headers).as_bytes() == sent.as_bytes(), kept, "{sent}");
        }
    }

    #[test]
    fn new_ids_differ_and_are_sane() {
        let (one, two) = (new(), new());
        assert_ne!(one, two);
        assert!(is_sane(one.as_bytes()));
    }
}
