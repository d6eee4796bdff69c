//! Owns the facts about an event, in either of its two API versions.

use super::{
    event_times::EventTimes,
    read::{count, text},
};
use crate::bundle::facts::EventFacts;
use serde_json::Value;

/// Reasons of normal events that are facts: they say what was done, or what is wrong. The kubelet and the node controller
/// report a failing image pull or a node that is not ready as normal.
const NORMAL_REASONS: &[&str] = &[
    "BackOff",
    "Created",
    "Killing",
    "NodeHasDiskPressure",
    "NodeHasInsufficientMemory",
    "NodeHasInsufficientPID",
    "NodeNotReady",
    "NodeNotSchedulable",
    "NodeReady",
    "NodeSchedulable",
    "Preempting",
    "Pulled",
    "Pulling",
    "RemovingNode",
    "ScalingReplicaSet",
    "Scheduled",
    "Started",
    "SuccessfulCreate",
    "SuccessfulDelete",
    "SuccessfulRescale",
    "TaintManagerEviction",
];

/// Reads a warning, or a normal event of one of these reasons; leaves `cluster` and `entry` empty.
pub(super) fn read(event: &Value) -> Option<EventFacts> {
    let kind = text(&event["type"]);
    let reason = text(&event["reason"]);
    if kind != "Warning" && !NORMAL_REASONS.contains(&reason.as_str()) {
        return None;
    }
    let about = about(event);
    let counts = [&event["count"], &event["deprecatedCount"], &event["series"]["count"]];
    let times = EventTimes::of(event);
    let note = if event["message"].is_string() { &event["message"] } else { &event["note"] };
    Some(EventFacts {
        namespace: text(&event["metadata"]["namespace"]),
        about: format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        kind,
        reason,
        note: text(note),
        count: counts.into_iter().map(count).max().unwrap_or_default().max(1),
        first: times.map(|times| times.first),
        last: times.map(|times| times.last),
        ..EventFacts::default()
    })
}

/// The reference to the object that an event is about.
pub(super) fn about(event: &Value) -> &Value {
    if event["involvedObject"].is_object() { &event["involvedObject"] } else { &event["regarding"] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_probe_that_fails_is_read_from_either_version_alike() {
        let about = json!({ "kind": "Pod", "namespace": "tdd-one", "name": "server-a" });
        let metadata =
            json!({ "namespace": "tdd-one", "name": "server-a.1", "creationTimestamp": "2026-11-22T15:00:00Z" });
        let old = json!({
            "metadata": metadata, "involvedObject": about, "type": "Warning", "reason": "Unhealthy",
            "message": "Readiness probe failed: HTTP probe failed with statuscode: 503", "count": 12,
            "firstTimestamp": "2026-11-22T15:00:00Z", "lastTimestamp": "2026-11-22T15:10:00Z", "eventTime": null,
        });
        let new = json!({
            "metadata": metadata, "regarding": about, "type": "Warning", "reason": "Unhealthy",
            "note": "Readiness probe failed: HTTP probe failed with statuscode: 503", "deprecatedCount": 12,
            "deprecatedFirstTimestamp": "2026-11-22T15:00:00Z", "deprecatedLastTimestamp": "2026-11-22T15:10:00Z",
        });
        let facts = read(&old).expect("an event");
        assert_eq!(read(&new), Some(facts.clone()));
        assert_eq!((facts.about.as_str(), facts.kind.as_str(), facts.count), ("Pod/server-a", "Warning", 12));
        assert_eq!(facts.last.expect("a time") - facts.first.expect("a time"), chrono::TimeDelta::minutes(10));
    }

    #[test]
    fn a_series_says_how_often_and_until_when() {
        let event = json!({
            "metadata": { "creationTimestamp": "2026-11-22T15:00:00Z" }, "regarding": { "kind": "Pod", "name": "a" },
            "type": "Warning", "reason": "FailedScheduling", "note": "0/3 nodes are available",
            "eventTime": "2026-11-22T15:00:00.123456Z",
            "series": { "count": 5, "lastObservedTime": "2026-11-22T15:09:00.000000Z" },
        });
        let facts = read(&event).expect("an event");
        assert_eq!(facts.count, 5);
        assert_eq!(facts.first.map(|at| at.timestamp_subsec_micros()), Some(123_456));
        assert_eq!(facts.last.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-22T15:09:00+00:00"));
    }

    #[test]
    fn of_normal_events_those_that_tell_what_was_done() {
        let of = |kind: &str, reason: &str| read(&json!({ "type": kind, "reason": reason })).is_some();
        assert!(of("Normal", "Killing") && of("Normal", "SuccessfulRescale") && of("Warning", "Anything"));
        assert!(!of("Normal", "LeaderElection") && !of("Normal", ""));
        assert_eq!(read(&json!({ "type": "Warning" })).map(|event| (event.count, event.last)), Some((1, None)));
    }
}
