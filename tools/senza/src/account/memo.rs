//! Look-ups with an argument, each made once.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::lock;
use crate::Error;

/// Answers by question. Who asks the same question at the same time waits for the first one's answer; failures are not kept.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    cells: Mutex<HashMap<String, Arc<OnceCell<V>>>>,
}

impl<V> Default for Memo<V> {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
        }
    }
}

impl<V: Clone> Memo<V> {
    /// The answer to `question`, made by `look_up` unless it is known.
    pub(crate) async fn get(
        &self,
        question: &str,
        look_up: impl Future<Output = Result<V, Error>>,
    ) -> Result<V, Error> {
        let cell = Arc::clone(lock(&self.cells).entry(question.to_owned()).or_default());
        cell.get_or_try_init(|| look_up).await.cloned()
    }

    /// All answers that are known.
    pub(crate) fn known(&self) -> BTreeMap<String, V> {
        let cells = lock(&self.cells);
        let known = cells
            .iter()
            .filter_map(|(question, cell)| Some((question.clone(), cell.get()?.clone())));
        known.collect()
    }

    #[cfg(test)]
    pub(crate) fn set(&self, question: &str, answer: V) {
        lock(&self.cells).insert(question.to_owned(), Arc::new(OnceCell::from(answer)));
    }
}

impl<V> From<BTreeMap<String, V>> for Memo<V> {
    /// These answers are known.
    fn from(answers: BTreeMap<String, V>) -> Self {
        let answers = answers.into_iter();
        let cells = answers.map(|(question, answer)| (question, Arc::new(OnceCell::from(answer))));
        Self {
            cells: Mutex::new(cells.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_once_and_forgets_failures() {
        let memo = Memo::default();
        let failed = memo.get("a", async { Err(Error::Fatal("down".to_owned())) }).await;
        assert_eq!(failed.unwrap_err().to_string(), "down");
        assert_eq!(memo.get("a", async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(memo.get("a", async { Ok(2) }).await.unwrap(), 1);
        assert_eq!(memo.get("b", async { Ok(3) }).await.unwrap(), 3);
        let known = memo.known();
        assert_eq!(known, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 3)]));
        let again = Memo::from(known);
        assert_eq!(again.get("b", async { Ok(4) }).await.unwrap(), 3);
    }
}
