//! Waiting for CloudFormation to get somewhere, by looking again and again.

use std::time::{Duration, Instant};

use crate::Error;

/// The first pause between two looks; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// What one look found.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// what was waited for
    There(T),
    /// it goes on; the sentence says what, for whoever has waited too long: `Stack a-1 is still UPDATE_IN_PROGRESS`
    NotYet(String),
}

/// Looks until `look` finds what is waited for. The pauses between two looks begin short and double up to `longest_pause`; from
/// then on `tick` is called at each look that finds nothing. When it still goes on after `limit`, that is [`Error::Fatal`].
pub(crate) async fn until_there<T, F>(
    limit: Duration,
    longest_pause: Duration,
    tick: impl Fn(),
    look: impl Fn() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<Look<T>, Error>>,
{
    let start = Instant::now();
    let mut pause = SHORTEST_PAUSE.min(longest_pause);
    loop {
        match look().await? {
            Look::There(found) => return Ok(found),
            Look::NotYet(what) if start.elapsed() > limit => {
                return Err(Error::Fatal(format!("{what} after {} seconds", limit.as_secs())));
            }
            Look::NotYet(_) => {}
        }
        if pause == longest_pause {
            tick();
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest_pause);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn it_looks_until_it_is_there() {
        let (looks, ticks) = (Cell::new(0), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            let found = match looks.get() {
                4 => Look::There("it"),
                _ => Look::NotYet("It is still not there".to_owned()),
            };
            async { Ok(found) }
        };
        let found = until_there(Duration::MAX, SHORT, || ticks.set(ticks.get() + 1), look).await;
        assert_eq!((found.unwrap(), looks.get(), ticks.get()), ("it", 4, 3));
    }

    #[tokio::test]
    async fn what_goes_on_for_too_long_is_named() {
        let look = || async { Ok(Look::<()>::NotYet("Stack a-1 is still UPDATE_IN_PROGRESS".to_owned())) };
        let error = until_there(Duration::ZERO, SHORT, || (), look).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Stack a-1 is still UPDATE_IN_PROGRESS after 0 seconds"
        );
    }

    #[tokio::test]
    async fn an_error_ends_it() {
        let look = || async { Err::<Look<()>, _>(Error::Fatal("no".to_owned())) };
        let error = until_there(Duration::MAX, SHORT, || (), look).await.unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
