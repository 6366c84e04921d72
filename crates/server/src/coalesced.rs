//! One answer for all who ask the same at the same moment.
//!
//! While a question is being answered, further askers of it gather; the next round answers them all. Nothing is kept: an answer
//! was begun after it was asked for, so what was written before is in it, on whichever instance.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::error::Error;

type Askers<V> = Vec<oneshot::Sender<Result<V, Error>>>;

/// The questions that are being answered now, each with those who wait for its next round.
type Waiting<K, V> = Mutex<HashMap<K, Askers<V>>>;

/// Answers by question. As many as there are requests at a time; empty when there are none.
pub struct Coalesced<K, V>(Arc<Waiting<K, V>>);

impl<K, V> Default for Coalesced<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Coalesced<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The answer to a question. `find_out` is used unless somebody has asked the same already, who brought one like it. An error
    /// is every asker's. Must be called inside a tokio runtime.
    pub async fn ask<F>(&self, question: K, find_out: impl Fn(K) -> F + Send + Sync + 'static) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let (asker, answered) = oneshot::channel();
        let first = match lock(&self.0).entry(question.clone()) {
            Entry::Occupied(mut askers) => {
                askers.get_mut().push(asker);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![asker]);
                true
            }
        };
        if first {
            // Not in this request: it may be given up while others wait.
            tokio::spawn(answer_all(Arc::clone(&self.0), question, find_out));
        }
        answered.await.map_err(|_| Error::internal())?
    }
}

async fn answer_all<K, V, F>(waiting: Arc<Waiting<K, V>>, question: K, find_out: impl Fn(K) -> F + Send + Sync)
where
    K: Clone + Eq + Hash,
    V: Clone,
    F: Future<Output = Result<V, Error>>,
{
    let mut rounds = Rounds {
        waiting,
        question,
        over: false,
    };
    while let Some(askers) = rounds.next() {
        let answer = find_out(rounds.question.clone()).await;
        for asker in askers {
            // Who asked may have gone meanwhile.
            let _ = asker.send(answer.clone());
        }
    }
}

/// The rounds in which a question is answered. Should one end in a panic, those who wait are told so, and the next who asks
/// begins anew.
struct Rounds<K: Eq + Hash, V> {
    waiting: Arc<Waiting<K, V>>,
    question: K,
    over: bool,
}

impl<K: Eq + Hash, V> Rounds<K, V> {
    /// Who has gathered; nobody is the end.
    fn next(&mut self) -> Option<Askers<V>> {
        let mut waiting = lock(&self.waiting);
        let askers = waiting.get_mut(&self.question).map(std::mem::take).unwrap_or_default();
        if askers.is_empty() {
            waiting.remove(&self.question);
            self.over = true;
            return None;
        }
        Some(askers)
    }
}

impl<K: Eq + Hash, V> Drop for Rounds<K, V> {
    fn drop(&mut self) {
        if !self.over {
            lock(&self.waiting).remove(&self.question);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Counts rounds, each of which waits until the test lets it go.
    #[derive(Clone)]
    struct Rounds {
        begun: Arc<AtomicUsize>,
        go: Arc<Semaphore>,
    }

    impl Rounds {
        fn new() -> Self {
            Self {
                begun: Arc::default(),
                go: Arc::new(Semaphore::new(0)),
            }
        }

        async fn round(self) -> Result<usize, Error> {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            self.go.acquire().await.map_err(|_| Error::internal())?.forget();
            assert_ne!(number, 3, "the third ends badly");
            Ok(number)
        }
    }

    async fn settled() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_comes_while_a_round_is_under_way_gets_the_next() {
        let (answers, rounds) = (Arc::new(Coalesced::<&str, usize>::default()), Rounds::new());
        let ask = |question: &'static str| {
            let (answers, rounds) = (Arc::clone(&answers), rounds.clone());
            tokio::spawn(async move { answers.ask(question, move |_| rounds.clone().round()).await })
        };
        let first = ask("a");
        settled().await;
        let second: Vec<_> = (0..5).map(|_| ask("a")).collect();
        settled().await;
        assert_eq!(rounds.begun.load(Ordering::SeqCst), 1);
        rounds.go.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 1);
        for asker in second {
            assert_eq!(asker.await.unwrap().unwrap(), 2);
        }
        settled().await;
        assert!(lock(&answers.0).is_empty());

        // A panic is told, and does not last.
        let third = ask("a");
        settled().await;
        let meanwhile = ask("a");
        settled().await;
        rounds.go.add_permits(3);
        assert!(third.await.unwrap().is_err());
        assert!(meanwhile.await.unwrap().is_err());
        assert_eq!(ask("a").await.unwrap().unwrap(), 4);
        // Other questions are others.
        assert_eq!(ask("b").await.unwrap().unwrap(), 5);
    }

    #[tokio::test]
    async fn who_gives_up_does_not_take_the_answer_from_the_others() {
        let (answers, rounds) = (Arc::new(Coalesced::<&str, usize>::default()), Rounds::new());
        let ask = || {
            let (answers, rounds) = (Arc::clone(&answers), rounds.clone());
            tokio::spawn(async move { answers.ask("a", move |_| rounds.clone().round()).await })
        };
        let first = ask();
        settled().await;
        let second = ask();
        settled().await;
        first.abort();
        rounds.go.add_permits(2);
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }
}
