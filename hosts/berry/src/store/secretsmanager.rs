//! Secrets of Secrets Manager.

use stups_aws::Session;

use super::{Fetched, Refusal, refusal, versioned};

/// The current version of a secret. A version's content never changes.
pub(super) async fn fetch(session: &Session, name: &str, known: Option<&str>) -> Result<Fetched, Refusal> {
    let answer = session.secretsmanager().get_secret_value().secret_id(name).send().await;
    let secret = answer.map_err(|error| refusal(error.into(), "ResourceNotFoundException"))?;
    versioned(secret.secret_string, secret.version_id, known)
}
