//! Owns the facts about the objects that create pods (deployments and their like), and about autoscalers.

use super::read::{conditions, count, items, text, time};
use crate::bundle::facts::{AutoscalerFacts, WorkloadFacts};
use serde_json::Value;

/// Most metrics of an autoscaler.
const MOST_METRICS: usize = 16;

/// Reads a workload of `apps`; leaves `cluster` and `entry` empty. `None` for other kinds, and for replica sets without
/// pods, which rollouts leave behind.
pub(super) fn workload(plural: &str, object: &Value) -> Option<WorkloadFacts> {
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let by_replicas = |kind: &str, updated: &str| WorkloadFacts {
        kind: kind.to_owned(),
        // The API server's default.
        wanted: spec["replicas"].as_u64().unwrap_or(1),
        replicas: count(&status["replicas"]),
        ready: count(&status["readyReplicas"]),
        updated: count(&status[updated]),
        ..WorkloadFacts::default()
    };
    let read = match plural {
        "deployments" => by_replicas("Deployment", "updatedReplicas"),
        "statefulsets" => by_replicas("StatefulSet", "updatedReplicas"),
        "replicasets" => by_replicas("ReplicaSet", "replicas"),
        "daemonsets" => WorkloadFacts {
            kind: "DaemonSet".to_owned(),
            wanted: count(&status["desiredNumberScheduled"]),
            replicas: count(&status["currentNumberScheduled"]),
            ready: count(&status["numberReady"]),
            updated: count(&status["updatedNumberScheduled"]),
            ..WorkloadFacts::default()
        },
        _ => return None,
    };
    if plural == "replicasets" && read.wanted == 0 && read.replicas == 0 {
        return None;
    }
    Some(WorkloadFacts {
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        created: time(&metadata["creationTimestamp"]),
        conditions: conditions(object),
        ..read
    })
}

/// Reads an autoscaler; leaves `cluster` and `entry` empty.
pub(super) fn autoscaler(object: &Value) -> AutoscalerFacts {
    let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let target = &spec["scaleTargetRef"];
    AutoscalerFacts {
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        target: format!("{}/{}", text(&target["kind"]), text(&target["name"])),
        min: spec["minReplicas"].as_u64().unwrap_or(1),
        max: count(&spec["maxReplicas"]),
        current: count(&status["currentReplicas"]),
        desired: count(&status["desiredReplicas"]),
        metrics: metrics(spec, &status["currentMetrics"]),
        last_scaled: time(&status["lastScaleTime"]),
        conditions: conditions(object),
        ..AutoscalerFacts::default()
    }
}

/// Each metric as kubectl prints it: `cpu: 83%/70%`, with `<unknown>` for a missing value.
fn metrics(spec: &Value, current: &Value) -> Vec<String> {
    let current: Vec<&Value> = items(current).take(MOST_METRICS).collect();
    let words = |wanted: &Value| {
        let kind = wanted["type"].as_str()?;
        let source = source(wanted, kind);
        let name = metric(source);
        let now = current.iter().find(|now| {
            let held = self::source(now, kind);
            now["type"] == kind && metric(held) == name && held["container"] == source["container"]
        });
        let now = now.map_or(&Value::Null, |now| &self::source(now, kind)["current"]);
        let target = &source["target"];
        let (field, unit, is_average) = [
            ("averageUtilization", "%", false),
            ("averageValue", "", matches!(kind, "Object" | "External")),
            ("value", "", false),
        ]
        .into_iter()
        .find(|(field, ..)| amount(&target[*field]).is_some())?;
        let shown = amount(&now[field]).map_or_else(|| "<unknown>".to_owned(), |now| format!("{now}{unit}"));
        let average = if is_average { " (avg)" } else { "" };
        Some(format!("{name}: {shown}/{}{unit}{average}", amount(&target[field])?))
    };
    items(&spec["metrics"]).take(MOST_METRICS).filter_map(words).collect()
}

/// The field of a metric of this type: `resource` for `Resource`.
fn source<'a>(metric: &'a Value, kind: &str) -> &'a Value {
    &metric[match kind {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        _ => "external",
    }]
}

/// The name of a metric, which resources have directly and others in `metric`.
fn metric(source: &Value) -> String {
    text(if source["name"].is_string() { &source["name"] } else { &source["metric"]["name"] })
}

fn amount(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        value => Some(text(value)).filter(|text| !text.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replicas_are_counted_by_each_kind_s_own_fields() {
        let deployment = json!({
            "metadata": { "namespace": "tdd-one", "name": "server" },
            "spec": { "replicas": 3 },
            "status": {
                "replicas": 4, "readyReplicas": 2, "updatedReplicas": 1,
                "conditions": [{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" }],
            },
        });
        let facts = workload("deployments", &deployment).expect("a deployment");
        assert_eq!((facts.wanted, facts.replicas, facts.ready, facts.updated), (3, 4, 2, 1));
        assert_eq!(facts.conditions[0].reason, "ProgressDeadlineExceeded");
        let status = json!({
            "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2,
        });
        let facts = workload("daemonsets", &json!({ "status": status })).expect("a daemon set");
        assert_eq!((facts.wanted, facts.replicas, facts.ready, facts.updated), (5, 4, 3, 2));
        assert!(workload("replicasets", &json!({ "spec": { "replicas": 0 }, "status": { "replicas": 0 } })).is_none());
        let failing = json!({ "spec": { "replicas": 2 }, "status": { "replicas": 0 } });
        assert_eq!(workload("replicasets", &failing).map(|set| set.wanted), Some(2));
        assert!(workload("controllerrevisions", &json!({})).is_none());
    }

    #[test]
    fn an_autoscaler_at_its_maximum() {
        let hpa = json!({
            "metadata": { "namespace": "tdd-one", "name": "server" },
            "spec": {
                "scaleTargetRef": { "kind": "Deployment", "name": "server" }, "minReplicas": 2, "maxReplicas": 5,
                "metrics": [
                    { "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 70 } } },
                    { "type": "Resource", "resource": { "name": "memory", "target": { "type": "AverageValue", "averageValue": "400Mi" } } },
                    { "type": "ContainerResource", "containerResource": { "name": "cpu", "container": "server", "target": { "averageUtilization": 50 } } },
                    { "type": "Pods", "pods": { "metric": { "name": "agents" }, "target": { "averageValue": "100" } } },
                    { "type": "External", "external": { "metric": { "name": "queue" }, "target": { "averageValue": "30" } } },
                    { "type": "Object", "object": { "metric": { "name": "hits" }, "target": { "value": "10k" } } },
                ],
            },
            "status": {
                "currentReplicas": 5, "desiredReplicas": 5, "lastScaleTime": "2026-11-22T15:40:00Z",
                "currentMetrics": [
                    { "type": "Resource", "resource": { "name": "cpu", "current": { "averageUtilization": 183, "averageValue": "1830m" } } },
                    { "type": "ContainerResource", "containerResource": { "name": "cpu", "container": "other", "current": { "averageUtilization": 1 } } },
                    { "type": "Pods", "pods": { "metric": { "name": "agents" }, "current": { "averageValue": "250" } } },
                    { "type": "External", "external": { "metric": { "name": "queue" }, "current": { "averageValue": "31" } } },
                    { "type": "Object", "object": { "metric": { "name": "hits" }, "current": { "value": "9k" } } },
                ],
                "conditions": [{ "type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas" }],
            },
        });
        let facts = autoscaler(&hpa);
        assert_eq!((facts.min, facts.max, facts.current, facts.desired), (2, 5, 5, 5));
        assert_eq!(facts.target, "Deployment/server");
        assert_eq!(
            facts.metrics,
            [
                "cpu: 183%/70%",
                "memory: <unknown>/400Mi",
                "cpu: <unknown>/50%",
                "agents: 250/100",
                "queue: 31/30 (avg)",
                "hits: 9k/10k"
            ]
        );
        assert_eq!(facts.conditions[0].reason, "TooManyReplicas");
        assert!(facts.last_scaled.is_some());
    }

    #[test]
    fn an_autoscaler_that_cannot_read_its_metrics() {
        let hpa = json!({
            "spec": {
                "maxReplicas": 3,
                "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "averageUtilization": 70 } } }],
            },
            "status": {
                "currentMetrics": null,
                "conditions": [{ "type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric" }],
            },
        });
        let facts = autoscaler(&hpa);
        assert_eq!((facts.metrics, facts.min), (vec!["cpu: <unknown>/70%".to_owned()], 1));
        assert_eq!(facts.conditions[0].reason, "FailedGetResourceMetric");
    }
}
