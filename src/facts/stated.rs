//! What objects of the API state in numbers, as series: under kube-state-metrics' names what is truly the same, all
//! else under a prefix of our own. Pure.
//!
//! Names, labels and values are those of
//! <https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics/workload>.

use super::scraped;
use crate::{promql::Labels, quantity, redact::CleanJson};
use chrono::DateTime;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _};

/// Use of the processor by a container in cores, over the metrics server's own interval: it has no counter.
pub const CPU: &str = "escalate_container_cpu_usage_cores";
/// A container's working set in bytes, as the metrics server last saw it.
pub const MEMORY: &str = "escalate_container_memory_working_set_bytes";

/// What one object states.
#[derive(Clone, Debug)]
pub struct Stated {
    /// Labels that all of its series have.
    about: Labels,
    /// A line for each, as the text format has it, without those labels: of thousands of pods, a map of each series
    /// would be ten times as large.
    lines: Box<str>,
}

impl Stated {
    /// How many series they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.lines().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Their labels and values.
    pub fn series(&self) -> impl Iterator<Item = (Labels, f64)> {
        self.read(|_| true)
    }

    /// Those of these metrics.
    pub fn of<'a>(&'a self, metrics: &'a BTreeSet<String>) -> impl Iterator<Item = (Labels, f64)> + 'a {
        self.read(|name| metrics.contains(name))
    }

    fn read<'a>(&'a self, is_meant: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = (Labels, f64)> + 'a {
        let name = |line: &'a str| line.split(['{', ' ']).next().unwrap_or_default();
        self.lines.lines().filter(move |line| is_meant(name(line))).filter_map(|line| {
            let (_, own, value) = scraped::read(line)?;
            let own = own.iter().map(|(label, value)| (label.as_ref(), value.as_ref()));
            Some((self.about.iter().chain(own).collect(), value))
        })
    }
}

/// What an object of this group and resource states.
#[must_use]
pub fn of(group: &str, plural: &str, object: &CleanJson) -> Stated {
    let object = object.value();
    let mut writing = Writing { about: Vec::new(), lines: String::new() };
    writing.label("namespace", text(object, "/metadata/namespace"));
    let name = text(object, "/metadata/name");
    match (group, plural) {
        ("", "pods") => {
            writing.label("pod", name);
            writing.label("uid", text(object, "/metadata/uid"));
            writing.pod(object);
        }
        ("metrics.k8s.io", "pods") => {
            writing.label("pod", name);
            writing.usage(object);
        }
        ("autoscaling", "horizontalpodautoscalers") => {
            writing.label("horizontalpodautoscaler", name);
            writing.autoscaler(object);
        }
        ("apps", plural) => {
            if let Some((_, label, counts)) = COUNTS.iter().find(|(of, ..)| *of == plural) {
                writing.label(label, name);
                writing.counts(object, counts);
            }
        }
        _ => {}
    }
    Stated { about: writing.about.into_iter().collect(), lines: writing.lines.into() }
}

type Counts = &'static [(&'static str, &'static str)];

/// By resource: the label that is an object's name, and metrics with the number that is their value. A number
/// that is not there is 0.
const COUNTS: &[(&str, &str, Counts)] = &[
    (
        "deployments",
        "deployment",
        &[
            ("kube_deployment_spec_replicas", "/spec/replicas"),
            ("kube_deployment_status_replicas", "/status/replicas"),
            ("kube_deployment_status_replicas_ready", "/status/readyReplicas"),
            ("kube_deployment_status_replicas_available", "/status/availableReplicas"),
            ("kube_deployment_status_replicas_unavailable", "/status/unavailableReplicas"),
            ("kube_deployment_status_replicas_updated", "/status/updatedReplicas"),
        ],
    ),
    (
        "statefulsets",
        "statefulset",
        &[
            ("kube_statefulset_replicas", "/spec/replicas"),
            ("kube_statefulset_status_replicas", "/status/replicas"),
            ("kube_statefulset_status_replicas_ready", "/status/readyReplicas"),
            ("kube_statefulset_status_replicas_available", "/status/availableReplicas"),
            ("kube_statefulset_status_replicas_updated", "/status/updatedReplicas"),
        ],
    ),
    (
        "replicasets",
        "replicaset",
        &[
            ("kube_replicaset_spec_replicas", "/spec/replicas"),
            ("kube_replicaset_status_replicas", "/status/replicas"),
            ("kube_replicaset_status_ready_replicas", "/status/readyReplicas"),
        ],
    ),
    (
        "daemonsets",
        "daemonset",
        &[
            ("kube_daemonset_status_desired_number_scheduled", "/status/desiredNumberScheduled"),
            ("kube_daemonset_status_number_ready", "/status/numberReady"),
            ("kube_daemonset_status_number_unavailable", "/status/numberUnavailable"),
        ],
    ),
];

const AUTOSCALER: Counts = &[
    ("kube_horizontalpodautoscaler_spec_min_replicas", "/spec/minReplicas"),
    ("kube_horizontalpodautoscaler_spec_max_replicas", "/spec/maxReplicas"),
    ("kube_horizontalpodautoscaler_status_current_replicas", "/status/currentReplicas"),
    ("kube_horizontalpodautoscaler_status_desired_replicas", "/status/desiredReplicas"),
];

const PHASES: [&str; 5] = ["Pending", "Succeeded", "Failed", "Unknown", "Running"];
const CONDITIONS: [&str; 3] = ["true", "false", "unknown"];

/// What an object states, while it is written.
struct Writing<'a> {
    about: Vec<(&'static str, &'a str)>,
    lines: String,
}

impl<'a> Writing<'a> {
    fn label(&mut self, name: &'static str, value: &'a str) {
        self.about.push((name, value));
    }

    fn state(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else { return };
        self.lines.push_str(name);
        for (at, (name, value)) in labels.iter().enumerate() {
            self.lines.extend([if at == 0 { "{" } else { "," }, name, "="]);
            scraped::quote(&mut self.lines, value);
        }
        self.lines.push_str(if labels.is_empty() { "" } else { "}" });
        // Writing to a text cannot fail.
        let _ = writeln!(self.lines, " {value}");
    }

    fn counts(&mut self, object: &Value, counts: Counts) {
        for (name, at) in counts {
            self.state(name, &[], Some(object.pointer(at).and_then(Value::as_f64).unwrap_or_default()));
        }
    }

    fn pod(&mut self, pod: &Value) {
        let phase = text(pod, "/status/phase");
        for one in PHASES.iter().filter(|_| !phase.is_empty()) {
            self.state("kube_pod_status_phase", &[("phase", one)], Some(one_if(*one == phase)));
        }
        if let Some(ready) = list(pod, "/status/conditions").find(|it| text(it, "/type") == "Ready") {
            self.condition("kube_pod_status_ready", None, text(ready, "/status"));
        }
        self.state("kube_pod_created", &[], seconds(pod, "/metadata/creationTimestamp"));
        self.state("kube_pod_start_time", &[], seconds(pod, "/status/startTime"));
        let node = text(pod, "/spec/nodeName");
        for container in list(pod, "/spec/containers") {
            self.resources(container, node);
        }
        for status in list(pod, "/status/containerStatuses") {
            self.container(status);
        }
    }

    fn resources(&mut self, container: &Value, node: &str) {
        for (name, at) in [
            ("kube_pod_container_resource_requests", "/resources/requests"),
            ("kube_pod_container_resource_limits", "/resources/limits"),
        ] {
            for (resource, unit) in [("cpu", "core"), ("memory", "byte")] {
                let value = container.pointer(at).and_then(|of| quantity::parse(text(of, &format!("/{resource}"))));
                let labels =
                    [("container", text(container, "/name")), ("node", node), ("resource", resource), ("unit", unit)];
                self.state(name, &labels, value);
            }
        }
    }

    fn container(&mut self, status: &Value) {
        let own = ("container", text(status, "/name"));
        let number = |at: &str| status.pointer(at).and_then(Value::as_f64);
        self.state("kube_pod_container_status_restarts_total", &[own], number("/restartCount"));
        let is_ready = status.pointer("/ready").and_then(Value::as_bool).map(one_if);
        self.state("kube_pod_container_status_ready", &[own], is_ready);
        for (name, at) in [
            ("kube_pod_container_status_running", "/state/running"),
            ("kube_pod_container_status_waiting", "/state/waiting"),
            ("kube_pod_container_status_terminated", "/state/terminated"),
        ] {
            self.state(name, &[own], Some(one_if(status.pointer(at).is_some_and(Value::is_object))));
        }
        for (name, at) in [
            ("kube_pod_container_status_waiting_reason", "/state/waiting/reason"),
            ("kube_pod_container_status_terminated_reason", "/state/terminated/reason"),
            ("kube_pod_container_status_last_terminated_reason", "/lastState/terminated/reason"),
        ] {
            let reason = text(status, at);
            self.state(name, &[own, ("reason", reason)], (!reason.is_empty()).then_some(1.0));
        }
        let started = seconds(status, "/state/running/startedAt");
        let started = started.or_else(|| seconds(status, "/state/terminated/startedAt"));
        self.state("kube_pod_container_state_started", &[own], started);
        let exit_code = number("/lastState/terminated/exitCode");
        self.state("kube_pod_container_status_last_terminated_exitcode", &[own], exit_code);
        let ended = seconds(status, "/lastState/terminated/finishedAt");
        self.state("kube_pod_container_status_last_terminated_timestamp", &[own], ended);
    }

    /// A series for each of the words a condition's status may be.
    fn condition(&mut self, name: &str, kind: Option<&str>, status: &str) {
        for word in CONDITIONS {
            let value = Some(one_if(status.eq_ignore_ascii_case(word)));
            match kind {
                Some(kind) => self.state(name, &[("condition", kind), ("status", word)], value),
                None => self.state(name, &[("condition", word)], value),
            }
        }
    }

    fn autoscaler(&mut self, autoscaler: &Value) {
        self.counts(autoscaler, AUTOSCALER);
        for condition in list(autoscaler, "/status/conditions") {
            let kind = Some(text(condition, "/type"));
            self.condition("kube_horizontalpodautoscaler_status_condition", kind, text(condition, "/status"));
        }
        for (name, at, within) in [
            ("kube_horizontalpodautoscaler_spec_target_metric", "/spec/metrics", "target"),
            ("kube_horizontalpodautoscaler_status_target_metric", "/status/currentMetrics", "current"),
        ] {
            for metric in list(autoscaler, at) {
                let value = metric.pointer(&format!("/resource/{within}/averageUtilization")).and_then(Value::as_f64);
                let labels = [("metric_name", text(metric, "/resource/name")), ("metric_target_type", "utilization")];
                self.state(name, &labels, value);
            }
        }
    }

    fn usage(&mut self, metrics: &Value) {
        for container in list(metrics, "/containers") {
            let own = ("container", text(container, "/name"));
            for (name, at) in [(CPU, "/usage/cpu"), (MEMORY, "/usage/memory")] {
                self.state(name, &[own], quantity::parse(text(container, at)));
            }
        }
    }
}

fn text<'a>(of: &'a Value, at: &str) -> &'a str {
    of.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(of: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    of.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

fn seconds(of: &Value, at: &str) -> Option<f64> {
    DateTime::parse_from_rfc3339(text(of, at)).ok().map(|at| at.timestamp() as f64)
}

fn one_if(is: bool) -> f64 {
    f64::from(u8::from(is))
}
