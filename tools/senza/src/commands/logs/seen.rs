//! Which events have been shown, when it is looked again and again.

use std::collections::HashMap;

use super::events::LogEvent;

/// So much older than the newest event one may be that only arrives now, in milliseconds: agents send what they have every few
/// seconds, and CloudWatch takes a while to show it.
const LATE: i64 = 30_000;

/// The events that may be met again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// milliseconds since the epoch
    newest: i64,
    /// their times by id
    times: HashMap<String, i64>,
}

impl Seen {
    /// From when on the next look has to look, which began at `start` before.
    pub(super) fn start(&mut self, start: i64) -> i64 {
        let start = start.max(self.newest.saturating_sub(LATE));
        self.times.retain(|_, time| *time >= start);
        start
    }

    /// Whether the event has not been asked about before.
    pub(super) fn is_new(&mut self, event: &LogEvent<'_>) -> bool {
        self.newest = self.newest.max(event.timestamp);
        self.times.insert(event.id.clone(), event.timestamp).is_none()
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
        assert_eq!(seen.times.len(), 2);
    }
}
