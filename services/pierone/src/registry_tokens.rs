//! Tokens that the registry issues to clients of the docker token flow (contract pierone 5.5). What they allow was decided when
//! they were issued; they live for 15 minutes and are looked at when a request starts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sea_orm::{ConnectionTrait as _, Statement};
use serde::{Deserialize, Serialize};
use stups_store::{Error, Store};

use crate::sql;

/// How they start: nobody else's tokens do.
const PREFIX: &str = "pierone1.";

/// How long they live, in seconds.
pub(crate) const LIFETIME: i64 = 900;

/// Longer ones are not ours.
const LONGEST: usize = 16 << 10;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Empty for nobody: a token to pull what everybody may pull.
    pub(crate) uid: String,
    pub(crate) realm: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) access: Vec<Access>,
    /// Seconds since 1970 UTC.
    pub(crate) expires_at: i64,
}

/// What may be done to a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) repository: String,
    pub(crate) actions: Vec<String>,
}

impl Claims {
    pub(crate) fn allows(&self, repository: &str, action: &str) -> bool {
        self.access
            .iter()
            .any(|access| access.repository == repository && access.actions.iter().any(|allowed| allowed == action))
    }
}

/// Whether a token is one of these.
pub(crate) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Issues and verifies them.
pub(crate) struct RegistryTokens(hmac::Key);

impl RegistryTokens {
    /// With the key in the database, which all instances share; the first one makes it.
    pub(crate) async fn open(store: &Store) -> Result<Self, Error> {
        let mut fresh = [0_u8; 32];
        SystemRandom::new()
            .fill(&mut fresh)
            .map_err(|_| Error::Url("the system has no randomness".to_owned()))?;
        let write = store.write().await?;
        let transaction = write.transaction();
        sql::execute(
            transaction,
            "INSERT INTO registry_keys (id, key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
            [fresh.to_vec().into()],
        )
        .await?;
        let question = Statement::from_string(
            transaction.get_database_backend(),
            "SELECT key FROM registry_keys WHERE id = 1",
        );
        let row = transaction.query_one_raw(question).await?;
        let key: Vec<u8> = match row {
            Some(row) => row.try_get_by_index(0)?,
            None => fresh.to_vec(),
        };
        write.commit_unaudited().await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    pub(crate) fn issue(&self, claims: &Claims) -> String {
        // Texts and a number always are JSON.
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, payload.as_bytes()));
        format!("{PREFIX}{payload}.{signature}")
    }

    /// What a valid token says.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let (payload, signature) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // In constant time.
        hmac::verify(&self.0, payload.as_bytes(), &signature).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (claims.expires_at > stups_api::Timestamp::now().0 / 1000).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: &[u8]) -> RegistryTokens {
        RegistryTokens(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn claims(expires_in: i64) -> Claims {
        Claims {
            uid: "jdoe".to_owned(),
            realm: "/employees".to_owned(),
            scopes: vec![],
            access: vec![Access {
                repository: "stups/kio".to_owned(),
                actions: vec!["pull".to_owned()],
            }],
            expires_at: stups_api::Timestamp::now().0 / 1000 + expires_in,
        }
    }

    #[test]
    fn only_what_was_issued_here_is_believed_while_it_lasts() {
        let ours = tokens(b"ours");
        let token = ours.issue(&claims(60));
        assert!(is_one(&token));
        let verified = ours.verify(&token).unwrap();
        assert!(verified.allows("stups/kio", "pull"));
        assert!(!verified.allows("stups/kio", "push"));
        assert!(!verified.allows("stups/other", "pull"));

        assert!(ours.verify(&ours.issue(&claims(-1))).is_none());
        assert!(tokens(b"theirs").verify(&token).is_none());
        let mut forged = token.clone();
        forged.replace_range(PREFIX.len()..=PREFIX.len(), "A");
        for token in [
            forged.as_str(),
            PREFIX,
            "pierone1.a.b",
            &token[..token.len() - 2],
            &"x".repeat(20_000),
        ] {
            assert!(ours.verify(token).is_none(), "{token}");
        }
    }
}
