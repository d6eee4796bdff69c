//! Owns the facts about a pod: its conditions, and the state, resources and environment of its containers.

use super::read::{conditions, count, cut, deleted, items, quantity, text, time};
use crate::bundle::facts::{ContainerFacts, PodFacts, RunState};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most containers of a pod, of each kind.
const MOST_CONTAINERS: usize = 20;
/// Most resources that a container requests.
const MOST_RESOURCES: usize = 16;

/// Reads a pod, with the environment variables named in `env`; leaves `cluster` and `entry` empty.
pub(super) fn read(pod: &Value, env: &BTreeSet<String>) -> PodFacts {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    let kinds = [
        ("init", "initContainers", "initContainerStatuses"),
        ("", "containers", "containerStatuses"),
        ("ephemeral", "ephemeralContainers", "ephemeralContainerStatuses"),
    ];
    let containers = kinds.iter().flat_map(|(kind, specs, statuses)| {
        let of_kind = items(&spec[*specs]).take(MOST_CONTAINERS);
        of_kind.map(move |spec| {
            let status = items(&status[*statuses]).find(|status| status["name"] == spec["name"]);
            container(kind, spec, status.unwrap_or(&Value::Null), env)
        })
    });
    PodFacts {
        namespace: text(&metadata["namespace"]),
        pod: text(&metadata["name"]),
        node: Some(text(&spec["nodeName"])).filter(|node| !node.is_empty()),
        phase: text(&status["phase"]),
        created: time(&metadata["creationTimestamp"]),
        deleted: deleted(metadata),
        conditions: conditions(pod),
        containers: containers.collect(),
        ..PodFacts::default()
    }
}

/// Resource usage by container.
pub(super) type Usage = BTreeMap<String, BTreeMap<String, f64>>;

/// Reads the resource usage of a pod from its `PodMetrics`.
pub(super) fn usage(metrics: &Value) -> Usage {
    let containers = items(&metrics["containers"]).take(MOST_CONTAINERS);
    containers.map(|of| (text(&of["name"]), resources(&of["usage"]))).collect()
}

fn container(kind: &str, spec: &Value, status: &Value, env: &BTreeSet<String>) -> ContainerFacts {
    let variables = items(&spec["env"]).filter_map(|variable| {
        let name = variable["name"].as_str().filter(|name| env.contains(*name))?;
        Some((name.to_owned(), cut(variable["value"].as_str()?)))
    });
    ContainerFacts {
        name: text(&spec["name"]),
        kind: kind.to_owned(),
        image: text(&spec["image"]),
        restarts: count(&status["restartCount"]),
        ready: status["ready"] == true,
        state: state(&status["state"]),
        last_state: state(&status["lastState"]),
        requests: resources(&spec["resources"]["requests"]),
        limits: resources(&spec["resources"]["limits"]),
        usage: BTreeMap::new(),
        env: variables.collect(),
    }
}

fn state(state: &Value) -> Option<RunState> {
    let (kind, state) = ["running", "waiting", "terminated"]
        .iter()
        .find_map(|kind| Some((*kind, state.get(*kind).filter(|state| state.is_object())?)))?;
    Some(RunState {
        kind: kind.to_owned(),
        reason: text(&state["reason"]),
        message: text(&state["message"]),
        exit_code: state["exitCode"].as_i64(),
        started: time(&state["startedAt"]),
        finished: time(&state["finishedAt"]),
    })
}

fn resources(quantities: &Value) -> BTreeMap<String, f64> {
    let all = quantities.as_object().into_iter().flatten().take(MOST_RESOURCES);
    all.filter_map(|(name, amount)| Some((cut(name), quantity(amount)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server(status: Value) -> Value {
        json!({
            "metadata": { "namespace": "tdd-one", "name": "server-a", "creationTimestamp": "2026-11-22T10:00:00Z" },
            "spec": {
                "nodeName": "node-a",
                "initContainers": [{ "name": "wait", "image": "example.org/wait:1" }],
                "containers": [{
                    "name": "server", "image": "example.org/server:2",
                    "env": [
                        { "name": "SPIRL_LOG_DEBUG", "value": "true" },
                        { "name": "OTHER", "value": "x" },
                        { "name": "FROM", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
                    ],
                    "resources": { "requests": { "cpu": "250m", "memory": "256Mi" }, "limits": { "memory": "512Mi" } },
                }],
            },
            "status": status,
        })
    }

    fn facts(status: Value) -> PodFacts {
        read(&server(status), &["SPIRL_LOG_DEBUG", "FROM"].map(str::to_owned).into())
    }

    #[test]
    fn a_running_server_is_read_with_its_resources_and_the_variables_asked_for() {
        let pod = facts(json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T10:01:00Z" }],
            "containerStatuses": [{
                "name": "server", "ready": true, "restartCount": 0,
                "state": { "running": { "startedAt": "2026-11-22T10:00:30Z" } }, "lastState": {},
            }],
        }));
        assert!(pod.is_ready() && pod.node.as_deref() == Some("node-a") && pod.created.is_some());
        let [wait, server] = &pod.containers[..] else { panic!("{:#?}", pod.containers) };
        assert_eq!((wait.kind.as_str(), wait.state.as_ref(), wait.ready), ("init", None, false));
        assert_eq!(server.env, BTreeMap::from([("SPIRL_LOG_DEBUG".to_owned(), "true".to_owned())]));
        assert_eq!(server.requests["cpu"], 0.25);
        assert_eq!(server.limits, BTreeMap::from([("memory".to_owned(), 536_870_912.0)]));
        let state = server.state.as_ref().expect("a state");
        assert!(state.kind == "running" && state.started.is_some() && server.last_state.is_none());
    }

    #[test]
    fn a_crash_loop_has_its_wait_and_how_the_last_run_ended() {
        let pod = facts(json!({
            "phase": "Running",
            "containerStatuses": [{
                "name": "server", "ready": false, "restartCount": 7,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting" } },
                "lastState": { "terminated": {
                    "reason": "OOMKilled", "exitCode": 137, "startedAt": "2026-11-22T15:30:00Z",
                    "finishedAt": "2026-11-22T15:31:00Z",
                } },
            }],
        }));
        let server = &pod.containers[1];
        assert_eq!(server.restarts, 7);
        assert_eq!(server.state.as_ref().expect("a state").reason, "CrashLoopBackOff");
        let last = server.last_state.as_ref().expect("a state");
        assert_eq!((last.kind.as_str(), last.reason.as_str(), last.exit_code), ("terminated", "OOMKilled", Some(137)));
        assert!(last.finished > last.started && last.started.is_some());
    }

    #[test]
    fn an_image_that_cannot_be_pulled_an_init_container_that_fails_and_a_pod_without_a_node() {
        let pod = facts(json!({
            "phase": "Pending",
            "initContainerStatuses": [{
                "name": "wait", "restartCount": 3,
                "state": { "terminated": { "reason": "Error", "exitCode": 1, "message": "its last words" } },
            }],
            "containerStatuses": [{
                "name": "server", "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } },
            }],
        }));
        let wait = pod.containers[0].state.as_ref().expect("a state");
        assert_eq!((wait.exit_code, wait.message.as_str(), pod.containers[0].restarts), (Some(1), "its last words", 3));
        assert_eq!(pod.containers[1].state.as_ref().expect("a state").reason, "ErrImagePull");

        let mut unscheduled = server(json!({
            "phase": "Pending",
            "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available",
            }],
        }));
        unscheduled["spec"]["nodeName"] = Value::Null;
        let pod = read(&unscheduled, &BTreeSet::new());
        let scheduled = pod.condition("PodScheduled").expect("a condition");
        assert_eq!((scheduled.status.as_str(), scheduled.reason.as_str()), ("False", "Unschedulable"));
        assert!(pod.node.is_none() && pod.containers.iter().all(|container| container.state.is_none()));
    }

    #[test]
    fn of_too_many_containers_the_first_are_taken() {
        let containers: Vec<Value> = (0..500).map(|at| json!({ "name": format!("c{at}") })).collect();
        let pod = read(&json!({ "spec": { "containers": containers } }), &BTreeSet::new());
        assert_eq!(pod.containers.len(), MOST_CONTAINERS);
    }
}
