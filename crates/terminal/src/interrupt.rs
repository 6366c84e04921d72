//! Ctrl-C, and being asked to end.

use std::future::Future;
use std::sync::mpsc;
#[cfg(unix)]
use std::task::Poll;

use crate::Failure;

/// Runs `work` until it ends or Ctrl-C comes (or SIGTERM, or the end of the terminal, SIGHUP, unless `nohup` keeps that away), which
/// is [`Failure::aborted`]; `work` is then dropped where it waits. A whole command may run in it: prompts and [`crate::watch()`] are interrupted in the same way.
pub async fn until_interrupted<T, E: From<Failure>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Listening starts before the work does.
    let mut signals = Signals::listen();
    tokio::select! {
        biased;
        result = work => result,
        () = signals.received() => Err(Failure::aborted().into()),
    }
}

/// Ctrl-C, SIGTERM and SIGHUP; nothing where the process cannot listen for them (they then end it at once).
#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if ends_with_terminal() {
            kinds.push(SignalKind::hangup());
        }
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn received(&mut self) {
        let received = std::future::poll_fn(|context| {
            // All are polled, so that each wakes the task. One that ends, which none does, is as one that never comes.
            let is_received = self.0.iter_mut().fold(false, |is_received, signal| {
                is_received | matches!(signal.poll_recv(context), Poll::Ready(Some(())))
            });
            if is_received { Poll::Ready(()) } else { Poll::Pending }
        });
        received.await;
    }
}

/// Whether SIGHUP is for this process. Under `nohup` it is ignored from the start, and listening would undo that. Where that can't be
/// told the signal keeps its meaning.
#[cfg(unix)]
fn ends_with_terminal() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| is_hangup_ignored(&status))
        .is_some_and(|is_ignored| !is_ignored)
}

/// What the mask of ignored signals in `/proc/self/status` says.
#[cfg(unix)]
fn is_hangup_ignored(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    // SIGHUP is signal 1, the lowest bit.
    Some(mask & 1 == 1)
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

/// Runs blocking `work`, such as waiting for the keyboard, on a thread of its own; nothing if Ctrl-C, SIGTERM or SIGHUP came first.
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_understood() {
        for (status, expected) in [
            ("Name:\tx\nSigIgn:\t0000000000000001\n", Some(true)),
            ("SigIgn:\t0000000000001000\n", Some(false)),
            ("SigIgn:\tsoon\n", None),
            ("", None),
        ] {
            assert_eq!(is_hangup_ignored(status), expected, "{status}");
        }
    }
}
