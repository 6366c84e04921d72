//! Which tokens are revoked, as identity's feed says (contract identity 2.12, 2.13).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use serde_json::{Map, Value};
use stups_api::client::{Client, Error};

/// The salt of the originals' hashes. Identity and its consumers must have the same.
pub const DEFAULT_REVOCATION_SALT: &str = "seasaltisthebest";

/// How far back the first poll looks, and how long entries are kept: 30 days.
const WINDOW: i64 = 30 * 24 * 3600;

/// How much polls overlap, because entries may become visible late.
const OVERLAP: i64 = 60;

/// base64url, with padding, of SHA-256 over the salt and the value.
pub fn hash(salt: &str, value: &str) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(salt.as_bytes());
    context.update(value.as_bytes());
    URL_SAFE.encode(context.finish())
}

#[derive(Deserialize)]
struct Feed {
    meta: Map<String, Value>,
    revocations: Vec<Value>,
}

/// What is revoked. Each entry: tokens issued before this second are revoked.
#[derive(Default)]
struct List {
    global: Option<Entry>,
    tokens: HashMap<String, Entry>,
    claims: HashMap<Vec<String>, HashMap<String, Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    issued_before: i64,
    revoked_at: i64,
}

pub(crate) struct Revocations {
    salt: String,
    list: RwLock<List>,
    /// Counts the changes of the list.
    generation: AtomicU64,
    /// Where the next poll starts, and the refresh that was seen last.
    progress: tokio::sync::Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    newest: i64,
    refreshed: i64,
}

impl Revocations {
    pub(crate) fn new(salt: &str) -> Self {
        Self {
            salt: salt.to_owned(),
            list: RwLock::default(),
            generation: AtomicU64::new(1),
            progress: tokio::sync::Mutex::default(),
        }
    }

    /// Changes whenever a token that was not revoked may have become so.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reads what has been revoked since the last time. When it fails, what is known stays.
    pub(crate) async fn poll(&self, identity: &Client, now: i64) -> Result<(), Error> {
        let mut progress = self.progress.lock().await;
        let from = if progress.newest == 0 {
            now - WINDOW - OVERLAP
        } else {
            progress.newest - OVERLAP
        };
        let mut feed = fetch(identity, from).await?;
        let refresh = |name: &str| feed.meta.get(name).and_then(Value::as_i64);
        let forget_from = match (refresh("REFRESH_TIMESTAMP"), refresh("REFRESH_FROM")) {
            (Some(asked), Some(from)) if asked != progress.refreshed => {
                progress.refreshed = asked;
                Some(from)
            }
            _ => None,
        };
        if let Some(forget_from) = forget_from {
            // Read again from there, not from when it was asked: what lies between must not become valid.
            feed = fetch(identity, forget_from.min(from)).await?;
        }
        let newest = feed
            .revocations
            .iter()
            .filter_map(|entry| entry.get("revoked_at")?.as_i64())
            .max();
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(forget_from) = forget_from {
            list.retain(|entry| entry.revoked_at < forget_from);
        }
        list.retain(|entry| entry.revoked_at > now - WINDOW - OVERLAP);
        let mut changed = forget_from.is_some();
        for entry in &feed.revocations {
            changed |= list.add(entry, now).is_some();
        }
        drop(list);
        progress.newest = progress
            .newest
            .max(newest.unwrap_or_default())
            .max(if progress.newest == 0 { from } else { 0 });
        if changed {
            self.generation.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Whether a token with these claims is revoked. One without `iat` counts as issued before everything.
    pub(crate) fn is_revoked(&self, token: &str, claims: &Map<String, Value>) -> bool {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let issued_at = claims.get("iat").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let hits = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.issued_before > issued_at);
        hits(list.global.as_ref())
            || (!list.tokens.is_empty() && hits(list.tokens.get(&hash(&self.salt, token))))
            || list.claims.iter().any(|(names, values)| {
                joined(names, claims).is_some_and(|value| hits(values.get(&hash(&self.salt, &value))))
            })
    }
}

async fn fetch(identity: &Client, from: i64) -> Result<Feed, Error> {
    identity.get(&["revocations"]).query(&[("from", from)]).send().await
}

/// The values of the named claims, joined as the feed's hashes are; none when one is missing.
fn joined(names: &[String], claims: &Map<String, Value>) -> Option<String> {
    let values = names.iter().map(|name| match claims.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    });
    Some(values.collect::<Option<Vec<_>>>()?.join("|"))
}

impl List {
    /// Adds an entry of the feed, if it is well-formed, not from the future and newer than what is known.
    fn add(&mut self, entry: &Value, now: i64) -> Option<()> {
        let data = entry.get("data")?;
        let issued_before = data.get("issued_before")?.as_i64().filter(|at| *at <= now + OVERLAP)?;
        let new = Entry {
            issued_before,
            revoked_at: entry.get("revoked_at")?.as_i64()?,
        };
        match entry.get("type")?.as_str()? {
            "GLOBAL" => {
                if self.global.is_some_and(|known| known.issued_before >= issued_before) {
                    return None;
                }
                self.global = Some(new);
                Some(())
            }
            "TOKEN" => newer(&mut self.tokens, data.get("token_hash")?.as_str()?, new),
            "CLAIM" => {
                let names: Option<Vec<String>> = data
                    .get("names")?
                    .as_array()?
                    .iter()
                    .map(|name| name.as_str().map(str::to_owned))
                    .collect();
                let names = names.filter(|names| !names.is_empty())?;
                newer(
                    self.claims.entry(names).or_default(),
                    data.get("value_hash")?.as_str()?,
                    new,
                )
            }
            _ => None,
        }
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.global = self.global.filter(|entry| keep(entry));
        self.tokens.retain(|_, entry| keep(entry));
        for values in self.claims.values_mut() {
            values.retain(|_, entry| keep(entry));
        }
        self.claims.retain(|_, values| !values.is_empty());
    }
}

/// Of two entries for the same thing the one that revokes more wins.
fn newer(entries: &mut HashMap<String, Entry>, key: &str, new: Entry) -> Option<()> {
    match entries.get(key) {
        Some(known) if known.issued_before >= new.issued_before => None,
        _ => {
            entries.insert(key.to_owned(), new);
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000_000;

    fn with(entries: &[Value]) -> Revocations {
        let revocations = Revocations::new(DEFAULT_REVOCATION_SALT);
        let mut list = revocations.list.write().unwrap();
        for entry in entries {
            list.add(entry, NOW);
        }
        drop(list);
        revocations
    }

    fn claims(claims: &Value) -> Map<String, Value> {
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn the_contracts_hash_vector() {
        assert_eq!(
            hash("seasaltisthebest", "testingHashFunction"),
            "j_FwkAS8Nw6eQgPybCH3jk8pgHOJ20AV7C9tK97P8Mg="
        );
    }

    #[test]
    fn a_token_is_revoked_by_its_hash_when_it_was_issued_before() {
        let revocations = with(&[json!({"type": "TOKEN", "revoked_at": 600, "data": {
            "token_hash": hash(DEFAULT_REVOCATION_SALT, "t"), "hash_algorithm": "SHA-256", "issued_before": 500}})]);
        assert!(revocations.is_revoked("t", &claims(&json!({"iat": 499}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 500}))));
        assert!(!revocations.is_revoked("u", &claims(&json!({"iat": 499}))));
        assert!(
            revocations.is_revoked("t", &claims(&json!({}))),
            "without iat it counts as revoked"
        );
    }

    #[test]
    fn claims_are_joined_in_order_and_a_missing_one_skips_the_set() {
        let revocations = with(&[json!({"type": "CLAIM", "revoked_at": 600, "data": {
            "names": ["sub", "realm"], "value_hash": hash(DEFAULT_REVOCATION_SALT, "kio|/services"), "issued_before": 500}})]);
        assert!(revocations.is_revoked("t", &claims(&json!({"iat": 1, "sub": "kio", "realm": "/services"}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 1, "sub": "kio", "realm": "/employees"}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 1, "sub": "kio"}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 1, "sub": ["kio"], "realm": "/services"}))));
    }

    #[test]
    fn everything_before_a_global_entry_is_revoked() {
        let revocations = with(&[json!({"type": "GLOBAL", "revoked_at": 600, "data": {"issued_before": 500}})]);
        assert!(revocations.is_revoked("t", &claims(&json!({"iat": 499}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 501}))));
    }

    #[test]
    fn malformed_and_future_entries_are_ignored_and_the_newer_wins() {
        let token = |issued_before: Value| {
            json!({"type": "TOKEN", "revoked_at": 600, "data": {
                "token_hash": hash(DEFAULT_REVOCATION_SALT, "t"), "issued_before": issued_before}})
        };
        let revocations = with(&[
            token(json!(500)),
            token(json!(400)),
            token(json!(NOW + 1000)),
            token(json!("500")),
            json!({"type": "OTHER", "revoked_at": 1, "data": {"issued_before": 900}}),
            json!({"type": "TOKEN"}),
            json!(7),
        ]);
        assert!(revocations.is_revoked("t", &claims(&json!({"iat": 499}))));
        assert!(!revocations.is_revoked("t", &claims(&json!({"iat": 501}))));
    }
}
