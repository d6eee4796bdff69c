//! Owns deleted pods, as far as events still mention them.

use super::objects::EventTimes;
use crate::{
    bundle::{GonePod, Manifest},
    plan::DeletedPod,
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// Most pods that are held.
const MOST: usize = 10_000;

/// The pods that events mention.
#[derive(Debug, Default)]
pub struct MentionedPods(BTreeMap<(String, String, String), GonePod>);

impl MentionedPods {
    /// Adds an event of the cluster.
    pub fn add_event(&mut self, cluster: &str, event: &Value) {
        let Some(EventTimes { first, last, .. }) = EventTimes::of(event) else { return };
        let of = &event["involvedObject"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&of["namespace"]), text(&of["name"]), text(&of["uid"]));
        if of["kind"] != "Pod" || key.2.is_empty() || self.0.len() >= MOST && !self.0.contains_key(&key) {
            return;
        }
        let host = event["source"]["host"].as_str().filter(|host| !host.is_empty()).map(str::to_owned);
        let reason = text(&event["reason"]);
        let pod = self.0.entry(key.clone()).or_insert_with(|| GonePod {
            cluster: cluster.to_owned(),
            namespace: key.0,
            pod: key.1,
            uid: key.2,
            node: None,
            first,
            last,
            reason: reason.clone(),
        });
        pod.first = pod.first.min(first);
        pod.node = pod.node.take().or(host);
        if last >= pod.last {
            (pod.last, pod.reason) = (last, reason);
        }
    }

    /// The pods whose UID is not among the listed ones and that events mention since `since`, sorted by name. A pod that
    /// is first mentioned when the pods were `listed` or later is new, not deleted; events have whole seconds.
    pub fn gone(
        &self,
        (existing, listed): (&HashSet<String>, DateTime<Utc>),
        since: DateTime<Utc>,
    ) -> impl Iterator<Item = &GonePod> {
        let is_old = move |pod: &GonePod| pod.first + TimeDelta::seconds(1) <= listed;
        self.0.values().filter(move |pod| pod.last >= since && is_old(pod) && !existing.contains(&pod.uid))
    }

    /// Adds the pods of another list of events.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl From<&GonePod> for DeletedPod {
    fn from(pod: &GonePod) -> Self {
        let (namespace, name) = (pod.namespace.clone(), pod.pod.clone());
        Self { namespace, name, uid: pod.uid.clone(), node: pod.node.clone() }
    }
}

/// Most pods that a text names.
const NAMED: usize = 3;

/// Which logs of deleted pods are missing, in one line without a semicolon; `None` if none are.
#[must_use]
pub fn logs_lack(manifest: &Manifest) -> Option<String> {
    let pods = &manifest.gone_pods;
    let name = |pod: &GonePod| {
        let node = pod.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
        format!("{} ({} at {}{node})", pod.pod, pod.reason, utc(pod.last))
    };
    let named: Vec<String> = pods.iter().take(NAMED).map(name).collect();
    let (count, were, logs) = match pods.len() {
        0 => return None,
        1 => ("1 pod".to_owned(), "was", "its log"),
        many => (format!("{many} pods"), "were", "their logs"),
    };
    let more = if pods.len() > NAMED { ", …" } else { "" };
    Some(format!("{count} {were} deleted before the collection, with {logs}: {}{more}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + second, 0).expect("a moment")
    }

    fn event(uid: &str, reason: &str, first: i64, last: i64, host: Option<&str>) -> Value {
        let of = json!({ "kind": "Pod", "namespace": "ns", "name": format!("server-{uid}"), "uid": uid });
        let (first, last) = (at(first).to_rfc3339(), at(last).to_rfc3339());
        json!({ "involvedObject": of, "reason": reason, "source": { "host": host },
            "firstTimestamp": first, "lastTimestamp": last })
    }

    #[test]
    fn pods_that_only_events_tell_of_are_gone() {
        let mut told = MentionedPods::default();
        told.add_event("prod", &event("a", "Started", 0, 10, Some("node-a")));
        told.add_event("prod", &event("b", "Scheduled", 5, 5, None));
        told.add_event("prod", &event("b", "Killing", 60, 60, Some("node-b")));
        told.add_event("prod", &event("b", "Pulled", 7, 7, Some("node-c")));
        told.add_event("prod", &event("c", "Killing", -900, -900, None));
        told.add_event("prod", &event("d", "Scheduled", 61, 61, None));
        let of = json!({ "kind": "Node", "uid": "n" });
        let other = json!({ "involvedObject": of, "reason": "NodeReady", "eventTime": at(60).to_rfc3339() });
        told.add_event("prod", &other);
        let gone: Vec<_> = told.gone((&HashSet::from(["a".to_owned()]), at(61)), at(0)).collect();
        let [pod] = gone[..] else { panic!("{gone:?}") };
        let said = (pod.pod.as_str(), pod.node.as_deref(), pod.first, pod.last, pod.reason.as_str());
        assert_eq!(said, ("server-b", Some("node-b"), at(5), at(60), "Killing"));
    }
}
