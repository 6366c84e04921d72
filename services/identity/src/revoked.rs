//! Which tokens are revoked: the list of the database, held in memory (contract identity 2.12 and 2.13).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::model::revocations;

/// Joins the values of several claims before they are hashed.
pub const SEPARATOR: &str = "|";

/// How long a revocation is kept: as long as the originals accept one, 31 days.
pub const RETENTION_SECONDS: i64 = 2_678_400;

/// The hash that the list has of a token or of claim values.
pub fn token_hash(salt: &str, value: &str) -> String {
    URL_SAFE.encode(Sha256::new().chain_update(salt.as_bytes()).chain_update(value.as_bytes()).finalize())
}

/// The revocations that matter, each with the time before which tokens were to be issued to be hit.
#[derive(Debug, Default)]
struct List {
    global: Option<i64>,
    tokens: HashMap<String, i64>,
    /// By the names of the claims, in their order.
    claims: HashMap<Vec<String>, HashMap<String, i64>>,
}

/// The list, shared by all handlers.
#[derive(Debug, Default)]
pub struct Revoked {
    list: RwLock<List>,
    generation: AtomicU64,
    newest: std::sync::atomic::AtomicI64,
}

impl Revoked {
    /// Changes whenever a revocation came in: what was found valid before has to be asked about again.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// When the newest known revocation was made: seconds since 1970 UTC.
    pub fn newest(&self) -> i64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Takes revocations in. One that is known already changes nothing; of two with one key the later `issued_before` stays.
    pub fn add(&self, revocations: &[revocations::Model]) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let changed = revocations.iter().filter(|revocation| list.add(revocation)).count();
        if let Some(newest) = revocations.iter().map(|revocation| revocation.revoked_at).max() {
            self.newest.fetch_max(newest, Ordering::Relaxed);
        }
        if changed > 0 {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether a token is revoked. A token that does not say when it was issued is.
    pub fn hits(&self, salt: &str, hash: &str, claims: &Map<String, Value>) -> bool {
        let Some(issued_at) = claims.get("iat").and_then(Value::as_i64) else { return true };
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.global.is_some_and(|before| before > issued_at)
            || list.tokens.get(hash).is_some_and(|before| *before > issued_at)
            || list.claims.iter().any(|(names, values)| {
                claim_values(names, claims)
                    .and_then(|value| values.get(&token_hash(salt, &value)))
                    .is_some_and(|before| *before > issued_at)
            })
    }
}

impl List {
    /// Says whether the revocation was new. One that cannot be read is ignored, as the original does.
    fn add(&mut self, revocation: &revocations::Model) -> bool {
        let data: Value = serde_json::from_str(&revocation.data).unwrap_or_default();
        let text = |name: &str| data.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        match revocation.kind.as_str() {
            "GLOBAL" => {
                let later = self.global.is_none_or(|before| before < revocation.issued_before);
                if later {
                    self.global = Some(revocation.issued_before);
                }
                later
            }
            "TOKEN" => text("token_hash").is_some_and(|hash| later(&mut self.tokens, hash, revocation.issued_before)),
            "CLAIM" => {
                let names = data.get("names").and_then(|names| serde_json::from_value::<Vec<String>>(names.clone()).ok());
                let (Some(names), Some(hash)) = (names, text("value_hash")) else { return false };
                later(self.claims.entry(names).or_default(), hash, revocation.issued_before)
            }
            _ => false,
        }
    }
}

fn later(map: &mut HashMap<String, i64>, key: String, issued_before: i64) -> bool {
    let known = map.entry(key).or_insert(i64::MIN);
    let later = *known < issued_before;
    *known = issued_before.max(*known);
    later
}

/// The values of the named claims, joined; nothing when one of them is missing or no scalar.
fn claim_values(names: &[String], claims: &Map<String, Value>) -> Option<String> {
    let values: Option<Vec<String>> = names
        .iter()
        .map(|name| match claims.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        })
        .collect();
    Some(values?.join(SEPARATOR))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SALT: &str = "seasaltisthebest";

    fn revocation(kind: &str, data: &Value, issued_before: i64) -> revocations::Model {
        revocations::Model {
            id: "1".to_owned(),
            kind: kind.to_owned(),
            data: data.to_string(),
            issued_before,
            revoked_at: issued_before,
            revoked_by: String::new(),
        }
    }

    fn claims(value: Value) -> Map<String, Value> {
        let Value::Object(claims) = value else { unreachable!() };
        claims
    }

    #[test]
    fn the_hash_is_the_originals() {
        assert_eq!(token_hash(SALT, "testingHashFunction"), "j_FwkAS8Nw6eQgPybCH3jk8pgHOJ20AV7C9tK97P8Mg=");
    }

    #[test]
    fn a_token_is_revoked_when_it_was_issued_before() {
        let revoked = Revoked::default();
        revoked.add(&[revocation("TOKEN", &json!({ "token_hash": token_hash(SALT, "a.b.c") }), 100)]);
        let hash = token_hash(SALT, "a.b.c");
        assert!(revoked.hits(SALT, &hash, &claims(json!({ "iat": 99 }))));
        assert!(!revoked.hits(SALT, &hash, &claims(json!({ "iat": 100 }))));
        assert!(!revoked.hits(SALT, &token_hash(SALT, "a.b.d"), &claims(json!({ "iat": 99 }))));
        assert!(revoked.hits(SALT, &hash, &claims(json!({}))), "no iat");
    }

    #[test]
    fn the_newer_of_two_revocations_counts_and_the_older_changes_nothing() {
        let revoked = Revoked::default();
        let data = json!({ "token_hash": "h" });
        revoked.add(&[revocation("TOKEN", &data, 100)]);
        let generation = revoked.generation();
        revoked.add(&[revocation("TOKEN", &data, 50)]);
        assert_eq!(revoked.generation(), generation);
        assert!(revoked.hits(SALT, "h", &claims(json!({ "iat": 99 }))));
        revoked.add(&[revocation("TOKEN", &data, 200)]);
        assert!(revoked.hits(SALT, "h", &claims(json!({ "iat": 199 }))));
        assert!(revoked.generation() > generation);
    }

    #[test]
    fn several_sets_of_claims_live_side_by_side() {
        let revoked = Revoked::default();
        revoked.add(&[
            revocation("CLAIM", &json!({ "names": ["sub", "realm"], "value_hash": token_hash(SALT, "jdoe|/employees") }), 9),
            revocation("CLAIM", &json!({ "names": ["sub"], "value_hash": token_hash(SALT, "mint") }), 9),
            revocation("CLAIM", &json!({ "names": "sub", "value_hash": "x" }), 9),
            revocation("NONSENSE", &json!({}), 9),
        ]);
        let hits = |value| revoked.hits(SALT, "h", &claims(value));
        assert!(hits(json!({ "iat": 1, "sub": "jdoe", "realm": "/employees" })));
        assert!(!hits(json!({ "iat": 1, "sub": "jdoe", "realm": "/services" })));
        assert!(hits(json!({ "iat": 1, "sub": "mint", "realm": "/services" })));
        assert!(!hits(json!({ "iat": 1, "sub": "jdoe" })), "a set with a missing claim is skipped");
        assert!(!hits(json!({ "iat": 1, "sub": ["mint"] })));
    }

    #[test]
    fn a_global_revocation_hits_all() {
        let revoked = Revoked::default();
        revoked.add(&[revocation("GLOBAL", &json!({}), 50)]);
        assert!(revoked.hits(SALT, "h", &claims(json!({ "iat": 49 }))));
        assert!(!revoked.hits(SALT, "h", &claims(json!({ "iat": 50 }))));
    }
}
