//! What requests may carry, for [`crate::strict`].

use crate::essentials::{RESOURCE_TYPE_ID, SCOPE_ID};
use crate::strict::{Attribute, Kind};

/// The body of a PUT of an application's configuration.
pub const CONFIGURATION: &[Attribute] = &[
    Attribute::required("is_client_confidential", Kind::Boolean),
    Attribute::optional("is_client_key", Kind::Boolean),
    Attribute::optional(
        "redirect_url",
        Kind::Pattern(is_redirect_url, "an https URL: ^https:\\/\\/.*$"),
    ),
    Attribute::optional(
        "s3_buckets",
        Kind::Texts(
            is_bucket,
            "a bucket: ^(gs://)?[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]$, or a URL with s3, secretsmanager or ssm",
        ),
    ),
    Attribute::optional(
        "kubernetes_clusters",
        Kind::Texts(is_cluster, "a cluster: ^[a-z][a-z0-9-:]*[a-z0-9]$"),
    ),
    Attribute::optional("scopes", Kind::Objects(&[RESOURCE_TYPE_ID, SCOPE_ID])),
];

/// The body of a PATCH of an application.
pub const STATUS: &[Attribute] = &[
    Attribute::optional("client_id", Kind::String),
    Attribute::optional("last_password_rotation", Kind::DateTime),
    Attribute::optional("last_client_rotation", Kind::DateTime),
    Attribute::optional("last_synced", Kind::DateTime),
    Attribute::optional("has_problems", Kind::Boolean),
    Attribute::optional("message", Kind::String),
    Attribute::optional("s3_errors", Kind::Integer(0, i32::MAX as i64)),
];

/// An empty text is none (contract mint-berry 2.2).
fn is_redirect_url(text: &str) -> bool {
    text.is_empty() || text.starts_with("https://")
}

/// Whether it looks like a place for secrets: the name of a bucket as the originals have it, or one of our URLs, of which more is to
/// be checked.
pub fn is_bucket(text: &str) -> bool {
    let name = text.strip_prefix("gs://").unwrap_or(text);
    let is_url = ["s3://", "secretsmanager://", "ssm://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    is_url || is_bucket_name(name)
}

fn is_bucket_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match name.as_bytes() {
        [first, middle @ .., last] => {
            (1..=61).contains(&middle.len())
                && plain(*first)
                && plain(*last)
                && middle.iter().all(|byte| plain(*byte) || b"-.".contains(byte))
        }
        _ => false,
    }
}

fn is_cluster(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [first, middle @ .., last] => {
            first.is_ascii_lowercase() && middle.iter().all(|byte| plain(*byte) || b"-:".contains(byte)) && plain(*last)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_names_and_urls() {
        for bucket in [
            "abc",
            "my-stups-mint-123-eu-west-1",
            "gs://bucket.example",
            "s3://b",
            "ssm://stups/mint",
            "1.2",
        ] {
            assert!(is_bucket(bucket), "{bucket}");
        }
        for bucket in [
            "",
            "ab",
            "-abc",
            "abc-",
            "Abc",
            "a_c",
            "gs://",
            "gs://A",
            "http://abc",
            "a/c",
            "../c",
            "abc\n",
        ] {
            assert!(!is_bucket(bucket), "{bucket}");
        }
        assert!(is_bucket(&"a".repeat(63)) && !is_bucket(&"a".repeat(64)));
    }

    #[test]
    fn clusters_and_redirect_urls() {
        assert!(is_cluster("aws:123123123123:eu-central-1:kube-1"));
        for cluster in ["", "a", "1a", ":a", "a:", "a_b"] {
            assert!(!is_cluster(cluster), "{cluster}");
        }
        assert!(is_redirect_url("") && is_redirect_url("https://kio.example.org/"));
        assert!(!is_redirect_url("http://kio.example.org") && !is_redirect_url("x"));
    }
}
