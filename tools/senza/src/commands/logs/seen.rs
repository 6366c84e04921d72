//! Which events have been shown, when it is looked again and again.

use std::collections::BTreeSet;

use super::events::LogEvent;

/// So much older than the newest event one may be that only arrives now, in milliseconds: agents send what they have every few
/// seconds, and CloudWatch takes a while to show it.
const LATE: i64 = 30_000;

/// The events that may be met again: no more than those of [`LATE`] are kept.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// milliseconds since the epoch
    newest: i64,
    /// time and id
    recent: BTreeSet<(i64, String)>,
}

impl Seen {
    /// From when on the next look has to look, which began at `start` before.
    pub(super) fn start(&self, start: i64) -> i64 {
        start.max(self.newest.saturating_sub(LATE))
    }

    /// Whether the event has not been asked about before.
    pub(super) fn is_new(&mut self, event: &LogEvent<'_>) -> bool {
        let is_new = self.recent.insert((event.timestamp, event.id.clone()));
        self.newest = self.newest.max(event.timestamp);
        let oldest = self.newest.saturating_sub(LATE);
        while self.recent.first().is_some_and(|(time, _)| *time < oldest) {
            self.recent.pop_first();
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::logs::sources::Source;

    #[test]
    fn late_events_are_new_and_old_ones_are_not_kept() {
        let source = Source::named("group");
        let event = |id: &str, timestamp: i64| LogEvent {
            source: &source,
            stream: "stream".to_owned(),
            timestamp,
            id: id.to_owned(),
            message: String::new(),
        };
        let mut seen = Seen::default();
        assert_eq!(seen.start(1_000), 1_000);
        assert!(seen.is_new(&event("a", 5_000)));
        assert!(seen.is_new(&event("b", 60_000)));
        assert!(!seen.is_new(&event("b", 60_000)));
        assert_eq!(seen.start(1_000), 30_000);
        assert!(seen.is_new(&event("c", 40_000)));
        assert_eq!(seen.recent.len(), 2);
    }
}
