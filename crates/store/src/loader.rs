//! Reads of single rows that callers wait for at the same moment share one query.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::Error;

/// Keys of one query. Both databases take far more values than that.
const BATCH: usize = 256;

/// Who waits for which key.
type Callers<K, V> = HashMap<K, Vec<oneshot::Sender<Result<Option<V>, Error>>>>;
type Rows<K, V> = Result<HashMap<K, V>, Error>;
type Fetch<K, V> = dyn Fn(Vec<K>) -> Pin<Box<dyn Future<Output = Rows<K, V>> + Send>> + Send + Sync;

/// Loads values by their keys.
///
/// While a query runs, further keys wait, and then go into the next query together: under load a hundred callers cost the
/// database one query, and a caller who is alone waits for nobody. Nothing is kept: each query starts after all its callers
/// have asked, so that who has seen a write sees it here too.
pub struct Loader<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    fetch: Box<Fetch<K, V>>,
    queue: Mutex<Queue<K, V>>,
}

struct Queue<K, V> {
    running: bool,
    waiting: Callers<K, V>,
}

impl<K, V> Clone for Loader<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K, V> std::fmt::Debug for Loader<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loader")
    }
}

impl<K, V> Loader<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// `fetch` gets distinct keys and answers the values of those that exist. Values are cloned for each caller: wrap big ones
    /// in an [`Arc`].
    pub fn new<F>(fetch: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HashMap<K, V>, Error>> + Send + 'static,
    {
        let queue = Queue {
            running: false,
            waiting: HashMap::new(),
        };
        Self {
            shared: Arc::new(Shared {
                fetch: Box::new(move |keys| Box::pin(fetch(keys))),
                queue: Mutex::new(queue),
            }),
        }
    }

    /// The value of `key`, or none when it does not exist.
    pub async fn load(&self, key: K) -> Result<Option<V>, Error> {
        let (sender, receiver) = oneshot::channel();
        let start = {
            let mut queue = self.shared.lock();
            queue.waiting.entry(key).or_default().push(sender);
            !std::mem::replace(&mut queue.running, true)
        };
        if start {
            // Not in this caller's own future: others depend on it, and this one may be dropped.
            tokio::spawn(run(Arc::clone(&self.shared)));
        }
        receiver.await.unwrap_or_else(|_| Err(Error::interrupted()))
    }
}

impl<K, V> Shared<K, V> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue<K, V>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V> Queue<K, V> {
    /// The next keys and who waits for them; none, and the end of the run, when there are none.
    fn take(&mut self) -> Callers<K, V> {
        if self.waiting.len() <= BATCH {
            let waiting = std::mem::take(&mut self.waiting);
            self.running = !waiting.is_empty();
            return waiting;
        }
        let keys: Vec<K> = self.waiting.keys().take(BATCH).cloned().collect();
        keys.into_iter()
            .filter_map(|key| self.waiting.remove_entry(&key))
            .collect()
    }
}

async fn run<K, V>(shared: Arc<Shared<K, V>>)
where
    K: Clone + Eq + Hash,
    V: Clone,
{
    // Should a query panic, the next caller starts another run.
    let _ended = Ended(&shared);
    loop {
        let callers = shared.lock().take();
        if callers.is_empty() {
            return;
        }
        // Callers may have gone meanwhile: their keys need no query.
        let keys: Vec<K> = callers
            .iter()
            .filter(|(_, senders)| senders.iter().any(|sender| !sender.is_closed()))
            .map(|(key, _)| key.clone())
            .collect();
        if keys.is_empty() {
            continue;
        }
        let outcome = (shared.fetch)(keys).await;
        for (key, senders) in callers {
            let value = match &outcome {
                Ok(rows) => Ok(rows.get(&key).cloned()),
                Err(error) => Err(error.clone()),
            };
            for sender in senders {
                // Who does not wait any more does not matter.
                drop(sender.send(value.clone()));
            }
        }
    }
}

struct Ended<'a, K, V>(&'a Shared<K, V>);

impl<K, V> Drop for Ended<'_, K, V> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.lock();
            queue.running = false;
            // Their callers learn that nobody answers.
            queue.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Answers `n` with `2n` for `n` up to 1000, each query when it is let.
    fn doubling(gate: &Arc<Semaphore>, queries: &Arc<AtomicUsize>) -> Loader<u32, u32> {
        let (gate, queries) = (Arc::clone(gate), Arc::clone(queries));
        Loader::new(move |keys: Vec<u32>| {
            let (gate, queries) = (Arc::clone(&gate), Arc::clone(&queries));
            async move {
                queries.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                assert!(keys.len() <= BATCH);
                if keys.contains(&6666) {
                    return Err(Error::interrupted());
                }
                Ok(keys
                    .into_iter()
                    .filter(|key| *key <= 1000)
                    .map(|key| (key, key * 2))
                    .collect())
            }
        })
    }

    #[tokio::test]
    async fn those_who_wait_share_a_query() {
        let (gate, queries) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let loader = doubling(&gate, &queries);
        let load = |key| {
            tokio::spawn({
                let loader = loader.clone();
                async move { loader.load(key).await }
            })
        };
        let first = load(1);
        while queries.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = [1, 2, 2, 2000].map(load).into();
        while loader.shared.lock().waiting.values().flatten().count() < 4 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), Some(2));
        let answers = futures::future::try_join_all(others).await.unwrap();
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [Some(2), Some(4), Some(4), None]);
        assert_eq!(queries.load(Ordering::SeqCst), 2);
        // It rests, and starts again.
        gate.add_permits(1);
        assert_eq!(loader.load(7).await.unwrap(), Some(14));
    }

    #[tokio::test]
    async fn an_error_reaches_everybody_of_its_query_and_nobody_else() {
        let (gate, queries) = (Arc::new(Semaphore::new(99)), Arc::new(AtomicUsize::new(0)));
        let loader = doubling(&gate, &queries);
        let (one, other) = tokio::join!(loader.load(6666), loader.load(1));
        assert!(one.is_err() && other.is_err());
        assert_eq!(loader.load(1).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn many_keys_are_several_queries() {
        let (gate, queries) = (Arc::new(Semaphore::new(99)), Arc::new(AtomicUsize::new(0)));
        let loader = doubling(&gate, &queries);
        let answers = futures::future::try_join_all((0..1000).map(|key| loader.load(key)))
            .await
            .unwrap();
        assert!(
            answers
                .into_iter()
                .zip(0..)
                .all(|(answer, key)| answer == Some(key * 2))
        );
        assert_eq!(queries.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_caller_who_leaves_takes_nobody_along() {
        let (gate, queries) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let loader = doubling(&gate, &queries);
        let leaving = tokio::spawn({
            let loader = loader.clone();
            async move { loader.load(1).await }
        });
        while queries.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        leaving.abort();
        gate.add_permits(2);
        assert_eq!(loader.load(2).await.unwrap(), Some(4));
    }

    #[tokio::test]
    async fn after_a_panic_it_goes_on() {
        let loader: Loader<u32, u32> = Loader::new(|keys: Vec<u32>| async move {
            assert!(!keys.contains(&1), "a defect");
            Ok(keys.into_iter().map(|key| (key, key)).collect())
        });
        assert!(matches!(loader.load(1).await, Err(Error::Unavailable(_))));
        assert_eq!(loader.load(2).await.unwrap(), Some(2));
    }
}
