//! Ctrl-C, and being asked to end.

use std::future::Future;
use std::sync::mpsc;

use crate::Failure;

/// Runs `work` until it ends or Ctrl-C (or SIGTERM) comes, which is [`Failure::aborted`]; `work` is then dropped where it waits.
/// A whole command may run in it: prompts and [`crate::watch()`] are interrupted in the same way.
pub async fn until_interrupted<T, E: From<Failure>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Listening starts before the work does.
    let mut signals = Signals::listen();
    tokio::select! {
        biased;
        result = work => result,
        () = signals.received() => Err(Failure::aborted().into()),
    }
}

/// Ctrl-C and SIGTERM; nothing where the process cannot listen for them (they then end it at once).
#[cfg(unix)]
struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signals =
            signal(SignalKind::interrupt()).and_then(|interrupt| Ok([interrupt, signal(SignalKind::terminate())?]));
        Self(signals.ok())
    }

    async fn received(&mut self) {
        let received = match &mut self.0 {
            Some([interrupt, terminate]) => tokio::select! {
                received = interrupt.recv() => received,
                received = terminate.recv() => received,
            },
            None => None,
        };
        if received.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Runs blocking `work`, such as waiting for the keyboard, on a thread of its own; nothing if Ctrl-C or SIGTERM came first.
/// The thread is then left behind for the end of the process.
pub(crate) fn while_not_interrupted<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (ended, end) = mpsc::channel();
    let by_signal = ended.clone();
    // Signals are listened for on a thread with a runtime of its own: the caller's runtime stands still meanwhile.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (listening, listens) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
            return;
        };
        runtime.block_on(async move {
            let mut signals = Signals::listen();
            drop(listening);
            tokio::select! {
                // The sender is dropped when the work has ended.
                _ = stopped => {}
                () = signals.received() => {
                    // Nobody waits any more only when the work has just ended.
                    let _ = by_signal.send(None);
                }
            }
        });
    });
    // The work starts when a signal can't be missed any more: the channel closes then, or when there is no runtime.
    let _ = listens.recv();
    std::thread::spawn(move || {
        let _ = ended.send(Some(work()));
    });
    let result = end.recv().ok().flatten();
    drop(stop);
    result
}
