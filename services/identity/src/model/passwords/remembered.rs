use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use stups_server::Coalesced;

use super::Verdict;
use crate::hasher::HashError;
use crate::secret;

/// How long a password is taken without computing its slow hash again.
const REMEMBERED: Duration = Duration::from_mins(10);

/// How many are remembered: 32 bytes each.
const MOST: u64 = 10_000;

/// Chosen passwords of machines that matched a moment ago.
///
/// Programs that brought their password along present it again and again, and many of them in the same minute; each time the
/// slow hash would say the same about the same two texts. What is kept is a keyed hash of both, under a key that this process
/// alone has and that ends with it. So a replaced password is forgotten with its stored hash, nothing here tells a password,
/// and a guess costs as much as ever: only what matched is remembered. Never for people, who log in once.
#[derive(Clone)]
pub(crate) struct Remembered {
    key: hmac::Key,
    matched: Cache<[u8; 32], ()>,
    /// Comparisons that are under way.
    pub(super) asked: Arc<Coalesced<[u8; 32], Result<Verdict, HashError>>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret::random_bytes::<32>()),
            matched: Cache::builder().max_capacity(MOST).time_to_live(REMEMBERED).build(),
            asked: Arc::default(),
        }
    }
}

impl Remembered {
    /// Which of the hashes the password is known to match.
    pub(super) async fn find(&self, password: &SecretString, hashes: &[String]) -> Option<Verdict> {
        for (index, hash) in hashes.iter().enumerate() {
            if self.matched.get(&self.entry(password, hash)).await.is_some() {
                return Some(Verdict {
                    matched: Some(index),
                    is_weak: false,
                });
            }
        }
        None
    }

    /// What a comparison with all of these hashes is known by.
    pub(super) fn question(&self, password: &SecretString, hashes: &[String]) -> [u8; 32] {
        self.entry(password, &hashes.join("\n"))
    }

    /// Remembers that the password matches the hash.
    pub(crate) async fn note(&self, password: &SecretString, hash: &str) {
        self.matched.insert(self.entry(password, hash), ()).await;
    }

    fn entry(&self, password: &SecretString, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // No hash holds a zero: what comes before it cannot be taken for what comes behind.
        context.update(hash.as_bytes());
        context.update(&[0]);
        context.update(password.expose_secret().as_bytes());
        let mut entry = [0; 32];
        entry.copy_from_slice(context.sign().as_ref());
        entry
    }
}
