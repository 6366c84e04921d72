//! How many requests a caller may send: so many at once, and as many again over the next minute.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use metrics::counter;

use crate::Error;

const REFUSED: &str = "stups_http_requests_over_rate_total";

const MINUTE: u64 = 60_000_000_000;

/// Callers are in so many maps, so that they seldom wait for each other.
const SHARDS: usize = 16;

/// How many callers one of these maps has at most: two megabytes for all of them.
const MOST: usize = 4096;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Sender<'a> {
    /// Who has said who he is.
    Caller { realm: &'a str, uid: &'a str },
    /// Who has not, by where he is. In IPv6, one network is one caller: he has all of its addresses.
    Address(Option<IpAddr>),
}

impl Sender<'_> {
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        Self::Address(address.map(|address| match address {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

/// Counts requests (the generic cell rate algorithm: of a caller only one time is kept, at which his allowance is whole again).
#[derive(Debug)]
pub(crate) struct Rates {
    hasher: RandomState,
    started: Instant,
    /// Nanoseconds in which one request is allowed again.
    interval: u64,
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
}

impl Rates {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            hasher: RandomState::new(),
            started: Instant::now(),
            interval: MINUTE / u64::from(per_minute.max(1)),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts a request, or refuses it with 429 and says when to come again. What is refused does not count.
    pub(crate) fn admit(&self, sender: Sender<'_>) -> Result<(), Error> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let Err(wait) = self.admit_at(self.hasher.hash_one(sender), now) else {
            return Ok(());
        };
        counter!(REFUSED).increment(1);
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "You have sent too many requests.");
        // Rounded up: who comes a little too early is refused again.
        Err(error.retry_after(wait + Duration::from_millis(999)))
    }

    fn admit_at(&self, sender: u64, now: u64) -> Result<(), Duration> {
        let shard = &self.shards[(sender % SHARDS as u64) as usize];
        let mut whole_again = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sender = sender;
        if whole_again.len() >= MOST && !whole_again.contains_key(&sender) {
            whole_again.retain(|_, time| *time > now);
            if whole_again.len() >= MOST {
                // More callers at a time than are remembered share one allowance.
                sender = 0;
            }
        }
        let time = whole_again.get(&sender).copied().unwrap_or(0).max(now) + self.interval;
        if let Some(wait) = time.checked_sub(now.saturating_add(MINUTE)).filter(|wait| *wait > 0) {
            return Err(Duration::from_nanos(wait));
        }
        whole_again.insert(sender, time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn an_allowance_is_spent_at_once_and_grows_again() {
        let rates = Rates::new(60);
        for _ in 0..60 {
            rates.admit_at(1, 0).unwrap();
        }
        assert_eq!(rates.admit_at(1, 0), Err(Duration::from_secs(1)));
        // Somebody else has his own.
        rates.admit_at(2, 0).unwrap();
        assert_eq!(rates.admit_at(1, SECOND / 2), Err(Duration::from_millis(500)));
        rates.admit_at(1, SECOND).unwrap();
        assert_eq!(rates.admit_at(1, SECOND), Err(Duration::from_secs(1)));
        for _ in 0..60 {
            rates.admit_at(1, 1000 * SECOND).unwrap();
        }
        assert!(rates.admit_at(1, 1000 * SECOND).is_err());
    }

    #[test]
    fn memory_is_bounded_and_strangers_share() {
        let rates = Rates::new(10);
        let all = (SHARDS * MOST) as u64;
        for sender in 1..=3 * all {
            let _ = rates.admit_at(sender, 0);
        }
        let size: usize = rates.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(size <= SHARDS * (MOST + 1), "{size}");
        // Those who were first keep theirs; those who came too late have used up the one they share.
        rates.admit_at(1, 0).unwrap();
        assert!(rates.admit_at(2 * all, 0).is_err());
        // Whose allowance is whole again is forgotten.
        rates.admit_at(2 * all, 100 * SECOND).unwrap();
        assert_eq!(rates.shards[0].lock().unwrap().len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_sender() {
        let rates = Rates::new(1);
        let at = |address: &str| rates.admit(Sender::at(Some(address.parse().unwrap())));
        at("2001:db8::1").unwrap();
        let refused = at("2001:db8::2").unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers[0].1, "60");
        at("2001:db8:0:1::1").unwrap();
        at("10.0.0.1").unwrap();
        at("10.0.0.2").unwrap();
        assert!(at("10.0.0.1").is_err());
    }

    proptest! {
        /// However requests come, no more are let in than were saved up and have grown since.
        #[test]
        fn nobody_gets_more_than_his_share(per_minute in 1_u32..500, pauses in proptest::collection::vec(0..2 * SECOND, 1..800)) {
            let rates = Rates::new(per_minute);
            let (mut now, mut admitted) = (0, 0);
            for pause in pauses {
                now += pause;
                admitted += u64::from(rates.admit_at(1, now).is_ok());
            }
            let interval = MINUTE / u64::from(per_minute);
            prop_assert!(admitted <= (MINUTE + now) / interval);
        }
    }
}
