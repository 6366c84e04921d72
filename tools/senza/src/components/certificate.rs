//! Which certificate a listener gets.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;
use stups_yaml::Value;

use super::{Generation, reference};
use crate::account::{Account, AcmCertificate, ServerCertificate};
use crate::{Compatibility, Error};

/// The host that a certificate must be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// the hosted zone's name
    pub(crate) zone: String,
    /// the full name, with or without trailing dot
    pub(crate) name: String,
}

/// The certificate's ARN. `written` is what the definition says: an ARN, the name of a server certificate in IAM, or nothing,
/// which chooses one for `host`.
pub(crate) async fn resolve(
    written: Option<&Value>,
    host: Option<&Host>,
    path: &str,
    generation: &Generation<'_>,
) -> Result<Json, Error> {
    let account = generation.account;
    match (written, host) {
        (Some(Value::String(text)), _) if is_acm_arn(text) => {
            account.describe_certificate(text).await.map_err(|error| match error {
                Error::Aws(aws) if aws.has_code("ResourceNotFoundException") => {
                    Error::Fatal(format!("{path}: {}", aws.message))
                }
                other => other,
            })?;
            Ok(Json::from(text.as_str()))
        }
        (Some(Value::String(text)), _) if is_iam_arn(text) => Ok(Json::from(text.as_str())),
        (Some(Value::String(name)), _) if !name.is_empty() => by_name(name, path, account).await.map(Json::from),
        (Some(map @ Value::Map(_)), _) => reference::resolve(map, path, account).await,
        (Some(other), _) => Err(Error::Usage(format!(
            "{path}: must be a certificate's ARN or the name of a server certificate, not {}",
            if other.as_str().is_some() {
                "empty"
            } else {
                other.kind()
            }
        ))),
        (None, Some(host)) => choose(host, path, generation).await.map(Json::from),
        (None, None) if generation.is_current() => Err(Error::Usage(format!(
            "{path}: is missing: without a weighted domain no certificate can be chosen, give a certificate's ARN"
        ))),
        (None, None) => Ok(Json::Null),
    }
}

/// `arn:aws:acm:...`, in every partition.
pub(crate) fn is_acm_arn(text: &str) -> bool {
    text.strip_prefix("arn:aws")
        .and_then(|rest| rest.split(':').nth(1))
        .is_some_and(|service| service == "acm")
}

fn is_iam_arn(text: &str) -> bool {
    text.strip_prefix("arn:aws")
        .and_then(|rest| rest.split(':').nth(1))
        .is_some_and(|service| service == "iam")
        && text.contains("server-certificate")
}

/// The server certificate with exactly this name, else the newest valid one whose name begins with it.
async fn by_name(name: &str, path: &str, account: &Account) -> Result<String, Error> {
    let certificates = account.server_certificates().await?;
    let exact = certificates.iter().find(|certificate| certificate.name == name);
    exact
        .or_else(|| newest_server_certificate(certificates, name, now()))
        .map(|certificate| certificate.arn.clone())
        .ok_or_else(|| {
            Error::Fatal(format!(
                "{path}: The Server Certificate with name {name} cannot be found, and no valid one has a name that begins with it"
            ))
        })
}

/// The newest valid certificate for `host`: from Certificate Manager, else from IAM by the zone's name.
async fn choose(host: &Host, path: &str, generation: &Generation<'_>) -> Result<String, Error> {
    let name = host.name.trim_end_matches('.');
    let certificates = generation.account.acm_certificates().await?;
    if let Some(certificate) = newest_matching(certificates, name, now()) {
        return Ok(certificate.arn.clone());
    }
    let certificates = generation.account.server_certificates().await?;
    let prefix = host.zone.trim_end_matches('.').to_lowercase().replace('.', "-");
    let mut found = newest_server_certificate(certificates, &prefix, now());
    if generation.compatibility == Compatibility::Senza2 && found.is_none() {
        // senza 2.1 takes any certificate rather than none.
        found = newest_server_certificate(certificates, "", now());
    }
    found.map(|certificate| certificate.arn.clone()).ok_or_else(|| {
        Error::Fatal(format!(
            "{path}: Could not find any matching SSL certificate for \"{name}\""
        ))
    })
}

/// The newest of the issued certificates that are valid at `now` and for `host`.
pub(crate) fn newest_matching<'a>(
    certificates: &'a [AcmCertificate],
    host: &str,
    now: f64,
) -> Option<&'a AcmCertificate> {
    certificates
        .iter()
        .filter(|certificate| is_valid(certificate, now) && matches(certificate, host))
        .max_by(|left, right| created(left).total_cmp(&created(right)))
}

fn created(certificate: &AcmCertificate) -> f64 {
    certificate.created.unwrap_or_default()
}

fn is_valid(certificate: &AcmCertificate, now: f64) -> bool {
    certificate.status == "ISSUED"
        && certificate.not_before.is_some_and(|start| start < now)
        && certificate.not_after.is_some_and(|end| now < end)
}

/// Whether the certificate is for `host`: by its alternative names, or by the common name when it has none (RFC 6125).
fn matches(certificate: &AcmCertificate, host: &str) -> bool {
    let names = if certificate.alternative_names.is_empty() {
        std::slice::from_ref(&certificate.domain)
    } else {
        certificate.alternative_names.as_slice()
    };
    names.iter().any(|name| name_matches(name, host))
}

/// A wildcard stands for exactly one label, the left-most, as a whole. Letter case does not matter.
fn name_matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => !name.contains('*') && name.eq_ignore_ascii_case(host),
    }
}

/// The newest upload of the valid server certificates whose name begins with `prefix`.
pub(crate) fn newest_server_certificate<'a>(
    certificates: &'a [ServerCertificate],
    prefix: &str,
    now: f64,
) -> Option<&'a ServerCertificate> {
    certificates
        .iter()
        .filter(|certificate| certificate.name.starts_with(prefix) && now < certificate.expiration)
        .max_by(|left, right| left.uploaded.total_cmp(&right.uploaded))
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|elapsed| elapsed.as_secs_f64())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1000.0;

    fn acm(arn: &str, names: &[&str], created: f64) -> AcmCertificate {
        AcmCertificate {
            arn: arn.to_owned(),
            domain: "common.example.org".to_owned(),
            alternative_names: names.iter().map(ToString::to_string).collect(),
            status: "ISSUED".to_owned(),
            not_before: Some(0.0),
            not_after: Some(2000.0),
            created: Some(created),
        }
    }

    fn iam(name: &str, uploaded: f64, expiration: f64) -> ServerCertificate {
        ServerCertificate {
            arn: format!("arn:{name}:{uploaded}"),
            name: name.to_owned(),
            expiration,
            uploaded,
        }
    }

    #[test]
    fn names_and_wildcards() {
        for (name, host, expected) in [
            ("*.zo.ne", "a.zo.ne", true),
            ("*.zo.ne", "a.b.zo.ne", false),
            ("*.zo.ne", "zo.ne", false),
            ("*.zo.ne", ".zo.ne", false),
            ("*.ZO.ne", "A.zo.NE", true),
            ("a*.zo.ne", "a.zo.ne", false),
            ("a*.zo.ne", "a*.zo.ne", false),
            ("a.*.ne", "a.zo.ne", false),
            ("zo.ne", "zo.ne", true),
            ("ZO.NE", "zo.ne", true),
            ("zo.ne", "azo.ne", false),
            ("*", "zo", false),
        ] {
            assert_eq!(name_matches(name, host), expected, "{name} {host}");
        }
    }

    #[test]
    fn alternative_names_hide_the_common_name() {
        let certificate = acm("a", &["other.example.org"], 1.0);
        assert!(!matches(&certificate, "common.example.org"));
        assert!(matches(&certificate, "other.example.org"));
        assert!(matches(&acm("b", &[], 1.0), "common.example.org"));
    }

    #[test]
    fn only_issued_certificates_within_their_time_are_valid() {
        let changed = |change: &dyn Fn(&mut AcmCertificate)| {
            let mut certificate = acm("a", &["*.zo.ne"], 1.0);
            change(&mut certificate);
            newest_matching(&[certificate], "a.zo.ne", NOW).is_some()
        };
        assert!(changed(&|_| {}));
        assert!(
            !changed(&|certificate| certificate.not_before = Some(1500.0)),
            "not yet valid"
        );
        assert!(!changed(&|certificate| certificate.not_after = Some(999.0)), "expired");
        assert!(!changed(&|certificate| certificate.not_after = None), "unknown end");
        for status in [
            "REVOKED",
            "VALIDATION_TIMED_OUT",
            "EXPIRED",
            "FAILED",
            "INACTIVE",
            "PENDING_VALIDATION",
        ] {
            assert!(
                !changed(&|certificate| certificate.status = status.to_owned()),
                "{status}"
            );
        }
    }

    #[test]
    fn the_newest_matching_certificate_wins() {
        let certificates = [
            acm("old", &["*.zo.ne"], 10.0),
            acm("new", &["*.zo.ne"], 30.0),
            acm("middle", &["a.zo.ne"], 20.0),
            acm("foreign", &["*.other"], 40.0),
        ];
        assert_eq!(newest_matching(&certificates, "a.zo.ne", NOW).unwrap().arn, "new");
        assert!(newest_matching(&certificates, "a.b.zo.ne", NOW).is_none());
    }

    #[test]
    fn server_certificates_are_chosen_by_prefix_newest_first() {
        let certificates = [
            iam("zo-ne", 10.0, 2000.0),
            iam("zo-ne-2", 20.0, 2000.0),
            iam("zo-ne-3", 30.0, 999.0),
            iam("other", 40.0, 2000.0),
        ];
        let found =
            |prefix: &str| newest_server_certificate(&certificates, prefix, NOW).map(|found| found.name.as_str());
        assert_eq!(found("zo-ne"), Some("zo-ne-2"));
        assert_eq!(found(""), Some("other"));
        assert_eq!(found("zo-ne-3"), None, "expired");
        assert_eq!(found("x"), None);
    }

    #[test]
    fn arns_are_told_from_names() {
        assert!(is_acm_arn("arn:aws:acm:eu-west-1:1:certificate/x"));
        assert!(is_acm_arn("arn:aws-cn:acm:cn-north-1:1:certificate/x"));
        assert!(!is_acm_arn("acm"));
        assert!(is_iam_arn("arn:aws:iam::1:server-certificate/x"));
        assert!(!is_iam_arn("arn:aws:iam::1:role/x"));
    }
}
