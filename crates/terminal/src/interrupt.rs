//! Ctrl-C, and being asked to end.

use std::future::Future;
use std::sync::mpsc;

use crate::Failure;

/// Runs `work` until it ends or Ctrl-C (or SIGTERM) comes, which is [`Failure::aborted`]; `work` is then dropped where it waits.
pub async fn until_interrupted<T, E: From<Failure>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::select! {
        biased;
        result = work => result,
        () = interrupted() => Err(Failure::aborted().into()),
    }
}

/// Waits for Ctrl-C or SIGTERM; forever where the process cannot listen for them (they then end it at once).
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        return;
    }
    std::future::pending::<()>().await;
}

/// Runs blocking `work`, such as waiting for the keyboard, on a thread of its own; nothing if Ctrl-C or SIGTERM came first.
/// The thread is then left behind for the end of the process.
pub(crate) fn while_not_interrupted<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (ended, end) = mpsc::channel();
    let by_signal = ended.clone();
    // Signals are listened for on a thread with a runtime of its own: the caller's runtime stands still meanwhile.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
            return;
        };
        runtime.block_on(async move {
            tokio::select! {
                // The sender is dropped when the work has ended.
                _ = stopped => {}
                () = interrupted() => {
                    // Nobody waits any more only when the work has just ended.
                    let _ = by_signal.send(None);
                }
            }
        });
    });
    std::thread::spawn(move || {
        let _ = ended.send(Some(work()));
    });
    let result = end.recv().ok().flatten();
    drop(stop);
    result
}
