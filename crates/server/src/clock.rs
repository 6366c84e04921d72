//! The time of day, which tests can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What time it is, for everything that expires. Cloning gives the same clock.
///
/// It is the machine's clock; tests move it forward instead of waiting.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Milliseconds since 1970 UTC.
    pub fn milliseconds(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond() + self.ahead.load(Ordering::Relaxed)
    }

    /// Whole seconds since 1970 UTC, as tokens count them.
    pub fn seconds(&self) -> i64 {
        self.milliseconds().div_euclid(1000)
    }

    /// Moves this clock ahead of where it is.
    pub fn advance(&self, by: Duration) {
        self.ahead
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Moves this clock back from where it is.
    pub fn turn_back(&self, by: Duration) {
        self.ahead
            .fetch_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}
