//! Threads that serve connections, one for each processor.
//!
//! A connection stays on one thread: the one that has the fewest when it comes. On a runtime whose threads take work from each other it moves with almost
//! every request, and its memory from one processor's cache to the other's, which takes as long as a small answer. What is not a
//! connection's own (background jobs) stays on the runtime that this is made on.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::serve::{Serving, beside};
use crate::{Limits, Tls};

thread_local! {
    /// Which of the serving threads this one is, from 1; 0 on every other.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// How many threads may work for each of these on what blocks (the disk, hashes of what passes by). Each takes memory, and more of
/// them only wait for the same disk and processors; what waits for another such piece of work is bounded below.
const BLOCKING: usize = 8;

/// The threads. When it is dropped they end, and with them what is still under way on them: only when nothing uses a connection
/// any more that was opened there, also not to a database.
#[derive(Debug)]
pub struct ServingThreads {
    threads: Vec<ServingThread>,
}

#[derive(Debug)]
struct ServingThread {
    runtime: Handle,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl ServingThreads {
    /// Starts so many threads. Fails when the system gives no more.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let threads = (1..=count.get()).map(ServingThread::start).collect::<io::Result<_>>()?;
        Ok(Self { threads })
    }

    /// As [`crate::serve_within`], on these threads.
    pub async fn serve_within(
        &self,
        limits: &Limits,
        listener: TcpListener,
        router: Router,
        tls: Option<Tls>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let all = Serving::all(limits, listener, &router, tls.as_ref(), self.threads.len())?;
        let handles = all.iter().map(|serving| serving.handle.clone()).collect();
        let _beside = beside(handles, tls, shutdown);
        let mut running = JoinSet::new();
        for (serving, thread) in all.into_iter().zip(&self.threads) {
            running.spawn_on(serving.run(), &thread.runtime);
        }
        while let Some(served) = running.join_next().await {
            served.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

impl ServingThread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING)
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name(format!("serving-{number}"))
            .spawn(move || {
                NUMBER.set(number);
                let _ = runtime.block_on(ended);
                // Not by dropping it, which waits for what blocks.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            _end: end,
        })
    }
}

/// How many serving threads have values of their own; the rest share the first.
const OWN: usize = 64;

/// A value for each serving thread, and one for all other threads together, made when it is first asked for.
#[derive(Debug)]
pub struct PerServingThread<T>([OnceLock<T>; OWN + 1]);

impl<T> Default for PerServingThread<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; OWN + 1])
    }
}

impl<T> PerServingThread<T> {
    /// This thread's.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let number = NUMBER.get();
        let [shared, ..] = &self.0;
        self.0.get(number).unwrap_or(shared).get_or_init(make)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn each_thread_has_a_value_of_its_own() {
        let threads = ServingThreads::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let values = Arc::new(PerServingThread::default());
        let here = *values.get_or_init(|| 7);
        let mut found = vec![here];
        for (number, thread) in threads.threads.iter().enumerate() {
            for value in [number, 9] {
                let values = Arc::clone(&values);
                let made = thread.runtime.spawn(async move { *values.get_or_init(|| value) });
                found.push(made.await.unwrap());
            }
        }
        assert_eq!(found, [7, 0, 0, 1, 1]);
    }

    #[tokio::test]
    async fn who_drops_the_threads_ends_what_they_do() {
        let threads = ServingThreads::start(NonZeroUsize::MIN).unwrap();
        let waiting = threads.threads[0].runtime.spawn(std::future::pending::<()>());
        drop(threads);
        assert!(waiting.await.unwrap_err().is_cancelled());
    }
}
