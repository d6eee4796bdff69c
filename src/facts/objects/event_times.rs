//! Owns the times of an event, in either of its two API versions, as kubectl reads them.

use super::read::time;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// When an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimes {
    /// When it was first observed.
    pub first: DateTime<Utc>,
    /// When it was last observed: never before `first`.
    pub last: DateTime<Utc>,
    /// When the API server wrote it, as far as the event tells: it keeps an event for a time from then on.
    pub written: DateTime<Utc>,
}

impl EventTimes {
    /// Reads an event's times; `None` if it has none. Reporters of `events.k8s.io` set `eventTime`, and `series` if it
    /// happened again. Older ones set `firstTimestamp` and `lastTimestamp`, which `events.k8s.io` calls `deprecated…`. If
    /// an event has both, the newer ones count, as in kubectl.
    #[must_use]
    pub fn of(event: &Value) -> Option<Self> {
        // Go's zero time, which some reporters send for none.
        let set = |value: &Value| time(value).filter(|at| at.timestamp() > 0);
        let created = set(&event["metadata"]["creationTimestamp"]);
        let first = [&event["eventTime"], &event["firstTimestamp"], &event["deprecatedFirstTimestamp"]];
        let last = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["deprecatedLastTimestamp"]];
        let last = last.into_iter().find_map(set);
        let first = first.into_iter().find_map(set).or_else(|| [created, last].into_iter().flatten().min())?;
        let last = last.map_or(first, |last| last.max(first));
        Some(Self { first, last, written: created.map_or(last, |created| created.max(last)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: u32) -> String {
        format!("2026-11-22T15:00:{second:02}Z")
    }

    /// The seconds of the three times.
    fn read(event: &Value) -> [i64; 3] {
        let start = time(&json!(at(0))).expect("a time");
        let EventTimes { first, last, written } = EventTimes::of(event).expect("an event with a time");
        [first, last, written].map(|time| (time - start).num_seconds())
    }

    #[test]
    fn the_times_of_a_series_come_first_then_the_older_ones_then_the_creation() {
        let mut event = json!({ "metadata": { "creationTimestamp": at(9) } });
        assert_eq!(read(&event), [9, 9, 9]);
        event["deprecatedFirstTimestamp"] = json!(at(1));
        event["deprecatedLastTimestamp"] = json!(at(20));
        assert_eq!(read(&event), [1, 20, 20]);
        event["firstTimestamp"] = json!(at(2));
        event["lastTimestamp"] = json!(at(30));
        assert_eq!(read(&event), [2, 30, 30]);
        event["eventTime"] = json!(at(3));
        event["series"] = json!({ "lastObservedTime": at(25) });
        assert_eq!(read(&event), [3, 25, 25]);
    }

    #[test]
    fn an_event_that_happened_once_has_one_time() {
        let event = json!({ "metadata": { "creationTimestamp": at(3) }, "eventTime": at(2), "series": null,
            "firstTimestamp": null, "lastTimestamp": null });
        assert_eq!(read(&event), [2, 2, 3]);
        assert_eq!(read(&json!({ "firstTimestamp": at(4) })), [4, 4, 4]);
        assert_eq!(read(&json!({ "lastTimestamp": at(5) })), [5, 5, 5]);
    }

    #[test]
    fn an_event_that_was_sent_late_is_kept_from_then_on() {
        let event =
            json!({ "metadata": { "creationTimestamp": at(50) }, "firstTimestamp": at(1), "lastTimestamp": at(5) });
        assert_eq!(read(&event), [1, 5, 50]);
        let event = json!({ "metadata": { "creationTimestamp": at(50) }, "lastTimestamp": at(5) });
        assert_eq!(read(&event), [5, 5, 50]);
    }

    #[test]
    fn times_that_are_none_are_not_read() {
        let zero = "0001-01-01T00:00:00Z";
        let event = json!({ "metadata": { "creationTimestamp": at(9) }, "eventTime": zero, "firstTimestamp": "soon",
            "lastTimestamp": 7, "series": { "lastObservedTime": zero } });
        assert_eq!(read(&event), [9, 9, 9]);
        assert_eq!(EventTimes::of(&json!({ "eventTime": zero })), None);
        let early = json!({ "firstTimestamp": at(8), "lastTimestamp": at(5) });
        assert_eq!(read(&early), [8, 8, 8]);
    }
}
