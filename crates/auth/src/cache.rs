//! What has been found out about tokens, for a while: bounded in memory and in time, one question at a time per token.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::VerifyError;

/// How many bytes of tokens and what is known about them are kept.
const CAPACITY: u64 = 16 << 20;

/// What an entry takes beside its token, roughly.
const OVERHEAD: usize = 700;

/// Longer tokens are not ours.
const TOKEN_LIMIT: usize = 8 << 10;

/// How long a refusal is remembered.
const NEGATIVE: Duration = Duration::from_secs(10);

/// Answers by token.
pub(crate) struct TokenCache<T> {
    entries: Cache<String, Entry<T>>,
}

/// What is known about a token, and for how long it may be believed.
struct Entry<T> {
    known: Result<Arc<T>, VerifyError>,
    lasts: Duration,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            known: self.known.clone(),
            lasts: self.lasts,
        }
    }
}

struct ByEntry;

impl<T> Expiry<String, Entry<T>> for ByEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry<T>, _: Instant) -> Option<Duration> {
        Some(entry.lasts)
    }
}

impl<T: Send + Sync + 'static> TokenCache<T> {
    pub(crate) fn new() -> Self {
        let entries = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|token: &String, _: &Entry<T>| u32::try_from(2 * token.len() + OVERHEAD).unwrap_or(u32::MAX))
            .expire_after(ByEntry)
            .build();
        Self { entries }
    }

    /// What is known about the token; `find_out` when nothing is. Callers with the same token wait for one answer. What
    /// cannot be said now is not remembered.
    pub(crate) async fn get(
        &self,
        token: &str,
        find_out: impl Future<Output = Result<(T, Duration), VerifyError>>,
    ) -> Result<Arc<T>, VerifyError> {
        if token.is_empty() || token.len() > TOKEN_LIMIT {
            return Err(VerifyError::Invalid);
        }
        if let Some(entry) = self.entries.get(token).await {
            return entry.known;
        }
        let remembered = async {
            match find_out.await {
                Ok((known, lasts)) => Ok(Entry {
                    known: Ok(Arc::new(known)),
                    lasts,
                }),
                Err(unavailable @ VerifyError::Unavailable(_)) => Err(unavailable),
                Err(refused) => Ok(Entry {
                    known: Err(refused),
                    lasts: NEGATIVE,
                }),
            }
        };
        match self.entries.try_get_with_by_ref(token, remembered).await {
            Ok(entry) => entry.known,
            Err(unavailable) => Err((*unavailable).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn many_callers_ask_once() {
        let cache = Arc::new(TokenCache::<u8>::new());
        let asked = Arc::new(AtomicUsize::new(0));
        let (release, released) = tokio::sync::watch::channel(false);
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let (cache, asked, mut released) = (cache.clone(), asked.clone(), released.clone());
                tokio::spawn(async move {
                    let find_out = async {
                        asked.fetch_add(1, Ordering::SeqCst);
                        released.wait_for(|released| *released).await.unwrap();
                        Ok((7, LONG))
                    };
                    cache.get("t", find_out).await
                })
            })
            .collect();
        release.send(true).unwrap();
        for call in calls {
            assert_eq!(*call.await.unwrap().unwrap(), 7);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn refusals_are_remembered_and_outages_are_not() {
        let cache = TokenCache::<u8>::new();
        let invalid = cache.get("t", async { Err(VerifyError::Invalid) }).await;
        assert_eq!(invalid.unwrap_err(), VerifyError::Invalid);
        let again = cache.get("t", async { panic!("it is known already") }).await;
        assert_eq!(again.unwrap_err(), VerifyError::Invalid);

        let away = cache
            .get("u", async { Err(VerifyError::Unavailable("away".to_owned())) })
            .await;
        assert_eq!(away.unwrap_err(), VerifyError::Unavailable("away".to_owned()));
        assert_eq!(*cache.get("u", async { Ok((1, LONG)) }).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn nothing_is_believed_longer_than_it_lasts() {
        let cache = TokenCache::<u8>::new();
        cache.get("t", async { Ok((1, Duration::ZERO)) }).await.unwrap();
        assert_eq!(*cache.get("t", async { Ok((2, LONG)) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let cache = TokenCache::<u8>::new();
        for number in 0..40_000 {
            cache
                .get(&format!("token-{number}"), async { Ok((1, LONG)) })
                .await
                .unwrap();
        }
        cache.entries.run_pending_tasks().await;
        assert!(cache.entries.weighted_size() <= CAPACITY);
        assert!(cache.entries.entry_count() < 40_000);
    }

    #[tokio::test]
    async fn an_endless_token_is_refused_without_asking() {
        let cache = TokenCache::<u8>::new();
        for token in [String::new(), "x".repeat(TOKEN_LIMIT + 1)] {
            assert!(cache.get(&token, async { panic!("nobody is asked") }).await.is_err());
        }
    }
}
