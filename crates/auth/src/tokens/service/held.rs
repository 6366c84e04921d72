//! When a token is used, renewed and thrown away. No clock and no network, so that every case can be looked at.

use std::time::{Duration, Instant};

use secrecy::SecretString;

/// A token may be used so long after its end when no new one can be had: clocks differ, and providers go away.
const TOLERANCE: Duration = Duration::from_mins(1);

/// The part of its lifetime after which a token is renewed; jitter takes up to the second number off it, so that instances
/// that started together do not ask together.
const RENEWAL: (f64, f64) = (0.6, 0.1);

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A token and its times.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) token: SecretString,
    pub(crate) expires: Instant,
    pub(crate) renew: Instant,
}

/// What to do with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// hand it out
    Fresh,
    /// hand it out, and have it renewed meanwhile
    Renew,
    /// get a new one; hand this one out only if that fails
    Last,
    /// it has ended
    Over,
}

impl Held {
    /// A token obtained at `now` that lives for `lifetime`; `jitter` is from 0 to 1.
    pub(crate) fn new(token: SecretString, lifetime: Duration, now: Instant, jitter: f64) -> Self {
        Self {
            token,
            expires: now + lifetime,
            renew: now + lifetime.mul_f64(RENEWAL.0 - RENEWAL.1 * jitter),
        }
    }

    pub(crate) fn at(&self, now: Instant) -> Use {
        match now {
            _ if now < self.renew => Use::Fresh,
            _ if now < self.expires => Use::Renew,
            _ if now < self.expires + TOLERANCE => Use::Last,
            _ => Use::Over,
        }
    }
}

/// How long to leave the provider alone after so many failures in a row; `jitter` is from 0 to 1 and takes off up to half.
pub(crate) fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_at_60_percent_and_never_used_a_minute_after_its_end() {
        let start = Instant::now();
        let held = Held::new("x".into(), Duration::from_secs(1000), start, 0.0);
        for (seconds, expected) in [
            (0, Use::Fresh),
            (599, Use::Fresh),
            (601, Use::Renew),
            (999, Use::Renew),
            (1001, Use::Last),
            (1059, Use::Last),
            (1061, Use::Over),
        ] {
            assert_eq!(held.at(start + Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn jitter_renews_earlier_never_later() {
        let start = Instant::now();
        let renew = |jitter: f64| Held::new("x".into(), Duration::from_secs(1000), start, jitter).renew - start;
        assert_eq!(renew(0.0), Duration::from_mins(10));
        assert_eq!(renew(1.0), Duration::from_secs(500));
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<u64> = (1..=9).map(|failures| pause(failures, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(3, 1.0), Duration::from_secs(2));
        assert_eq!(pause(u32::MAX, 0.0), Duration::from_mins(1));
    }
}
