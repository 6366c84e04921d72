//! One question to a store: what is the content of this secret, if it is no longer the version that is known?

mod parameters;
mod s3;
mod secretsmanager;

use std::time::Duration;

use secrecy::SecretString;
use stups_aws::{Error, ErrorKind, SecretLocation, SecretStore, Session};

pub(crate) use s3::BucketRegions;

/// How long one secret may take with everything that it needs: other regions, retries, a slow body.
const LIMIT: Duration = Duration::from_mins(1);

/// What the store answered.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// it is still the known version
    Unchanged,
    /// the secret's text, not yet looked at
    Content {
        text: SecretString,
        /// to be asked with the next time; opaque
        version: Option<String>,
    },
}

/// Why there is no content, with the store's own words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// there is no such secret, or no such store
    NotFound(String),
    /// the caller may not read it
    AccessDenied(String),
    /// anything else
    Other(String),
}

/// Asks for the secret called `name`. Bodies are read up to the bound of what can be content.
pub(crate) async fn fetch(
    session: &Session,
    location: &SecretLocation,
    name: &str,
    known: Option<&str>,
    regions: &mut BucketRegions,
) -> Result<Fetched, Refusal> {
    // Boxed: the SDK's futures are types inside types inside types, more than the compiler follows from here to the program's end.
    let answer = Box::pin(async {
        match location.store() {
            SecretStore::S3 { bucket } => s3::fetch(session, bucket, name, known, regions).await,
            SecretStore::SecretsManager { .. } => secretsmanager::fetch(session, name, known).await,
            SecretStore::ParameterStore { .. } => parameters::fetch(session, name, known).await,
        }
    });
    within(LIMIT, answer).await
}

async fn within(limit: Duration, answer: impl Future<Output = Result<Fetched, Refusal>>) -> Result<Fetched, Refusal> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Refusal::Other(format!("no answer within {} seconds", limit.as_secs()))),
    }
}

/// What the store is called in messages.
pub(crate) fn describe(location: &SecretLocation) -> String {
    match location.store() {
        SecretStore::S3 { bucket } => format!("mint S3 bucket \"{bucket}\""),
        SecretStore::SecretsManager { .. } => "Secrets Manager".to_owned(),
        SecretStore::ParameterStore { .. } => "the parameter store".to_owned(),
    }
}

/// The text of a secret that came with a version.
fn versioned(text: Option<String>, version: Option<String>, known: Option<&str>) -> Result<Fetched, Refusal> {
    if version.is_some() && version.as_deref() == known {
        return Ok(Fetched::Unchanged);
    }
    match text {
        Some(text) => Ok(Fetched::Content {
            text: SecretString::from(text),
            version,
        }),
        None => Err(Refusal::Other("it has no text".to_owned())),
    }
}

/// A refusal of the services that say with a code what is not there.
fn refusal(error: Error, not_found: &str) -> Refusal {
    if error.has_code(not_found) {
        return Refusal::NotFound(error.message);
    }
    match error.kind {
        ErrorKind::AccessDenied => Refusal::AccessDenied(error.message),
        _ => Refusal::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_not_waited_for() {
        let answer = within(Duration::ZERO, std::future::pending()).await.unwrap_err();
        assert_eq!(answer, Refusal::Other("no answer within 0 seconds".to_owned()));
        let answer = within(LIMIT, async { Ok(Fetched::Unchanged) }).await;
        assert!(matches!(answer, Ok(Fetched::Unchanged)));
    }

    #[test]
    fn a_version_that_is_known_has_no_content() {
        let text = || Some("{}".to_owned());
        let version = || Some("2".to_owned());
        assert!(matches!(
            versioned(text(), version(), Some("2")),
            Ok(Fetched::Unchanged)
        ));
        for known in [None, Some("1")] {
            let Ok(Fetched::Content { text, version }) = versioned(text(), version(), known) else {
                panic!("{known:?}")
            };
            assert_eq!((text.expose_secret(), version.as_deref()), ("{}", Some("2")));
        }
        assert!(matches!(versioned(text(), None, None), Ok(Fetched::Content { .. })));
        assert!(matches!(versioned(None, version(), None), Err(Refusal::Other(_))));
    }

    #[test]
    fn refusals_are_told_by_code_and_kind() {
        let error = |kind, code: &str| Error {
            kind,
            service: "ssm".to_owned(),
            operation: "GetParameter".to_owned(),
            code: Some(code.to_owned()),
            message: "why".to_owned(),
        };
        let of = |kind, code| refusal(error(kind, code), "ParameterNotFound");
        assert_eq!(
            of(ErrorKind::Other, "ParameterNotFound"),
            Refusal::NotFound("why".to_owned())
        );
        let denied = of(ErrorKind::AccessDenied, "AccessDeniedException");
        assert_eq!(denied, Refusal::AccessDenied("why".to_owned()));
        assert!(matches!(
            of(ErrorKind::Throttled, "ThrottlingException"),
            Refusal::Other(_)
        ));
    }
}
