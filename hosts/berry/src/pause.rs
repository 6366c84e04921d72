//! How long to wait between two rounds.

use std::time::Duration;

/// The interval, or up to a tenth less: machines that were started together don't ask all at the same moment for ever, and none
/// asks less often than it was told to.
pub(crate) fn with_jitter(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.9..=1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_is_at_most_the_interval_and_a_tenth_shorter_at_most(seconds in 1_u64..1_000_000) {
            let interval = Duration::from_secs(seconds);
            let pause = with_jitter(interval);
            prop_assert!(pause <= interval && pause >= interval.mul_f64(0.899), "{pause:?}");
        }
    }
}
