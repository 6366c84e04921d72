use std::future::Future;
use std::time::{Duration, Instant};

/// How long something may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks a condition until it holds.
///
/// Panics when that takes more than a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} does not happen");
        tokio::task::yield_now().await;
    }
}
