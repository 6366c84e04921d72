//! What has to be undone however a command ends: when it succeeds, when it fails, and when Ctrl-C ends it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

/// How long one piece of work may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Work to be done at the end of a command, latest first.
#[derive(Clone, Default)]
pub(crate) struct CleanUp(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl fmt::Debug for CleanUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CleanUp").finish_non_exhaustive()
    }
}

impl CleanUp {
    /// Adds work. It is to be added before what it undoes is done, so that nothing can come in between.
    pub(crate) fn add(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work.boxed());
    }

    /// Does all the work that is there, once.
    pub(crate) async fn run(&self) {
        loop {
            let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(work) = work else { return };
            // The work reports its own failures; one that takes too long must not keep the person waiting.
            let _ = tokio::time::timeout(LIMIT, work).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_once_and_in_reverse() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let clean_up = CleanUp::default();
        for number in [1, 2] {
            let done = Arc::clone(&done);
            clean_up.add(async move { done.lock().unwrap().push(number) });
        }
        clean_up.run().await;
        clean_up.run().await;
        assert_eq!(*done.lock().unwrap(), [2, 1]);
    }
}
