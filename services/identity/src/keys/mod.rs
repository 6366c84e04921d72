//! What tokens are signed with, and what they are verified by.

mod jwk;
mod jws;
mod signing_key;

use std::sync::{Arc, RwLock};

pub use jwk::PublicKey;
pub use jws::Jws;
pub use signing_key::{SigningKey, UnusableKey, from_pem, generate};
use serde_json::{Value, json};

use crate::config::Algorithm;

/// All published keys: those that sign, those that will, and those that did and still verify. Shared by all handlers,
/// replaced as a whole.
#[derive(Debug, Default)]
pub struct SigningKeys(RwLock<Arc<Vec<Arc<SigningKey>>>>);

impl SigningKeys {
    /// Takes the keys that the database has now.
    pub fn replace(&self, keys: Vec<Arc<SigningKey>>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(keys);
    }

    fn all(&self) -> Arc<Vec<Arc<SigningKey>>> {
        Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Whether a key of this id is published.
    pub fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.all().iter().find(|key| key.kid == kid).cloned()
    }

    /// The key that signs at `now` (milliseconds since 1970 UTC): of those that are due the one that became due last.
    pub fn signer(&self, algorithm: Algorithm, now: i64) -> Option<Arc<SigningKey>> {
        self.all()
            .iter()
            .filter(|key| key.algorithm == algorithm && key.active_from <= now)
            .max_by_key(|key| key.active_from)
            .cloned()
    }

    /// The ids of all published keys.
    pub fn ids(&self) -> std::collections::BTreeSet<String> {
        self.all().iter().map(|key| key.kid.clone()).collect()
    }

    /// How many keys are published.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// The key set for consumers of all ages (contract 2.6): RSA and NIST curves only, since the original token info refuses
    /// the whole set for one key it does not know.
    pub fn legacy_set(&self) -> Value {
        self.set(|key| key.algorithm != Algorithm::EdDsa)
    }

    /// The key set with every published key.
    pub fn modern_set(&self) -> Value {
        self.set(|_| true)
    }

    fn set(&self, published: impl Fn(&SigningKey) -> bool) -> Value {
        let keys: Vec<Value> =
            self.all().iter().filter(|key| published(key)).map(|key| key.public_jwk().clone()).collect();
        json!({ "keys": keys })
    }
}
