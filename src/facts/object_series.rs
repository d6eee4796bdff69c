//! Owns the numbers that objects state, as series: under the names of kube-state-metrics if they mean the same, and under
//! the prefix `escalate_` otherwise.
//!
//! Names, labels and values are those of
//! <https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics/workload>.

use super::exposition::{append_series, parse_line};
use crate::{promql::Labels, quantity, redact::CleanJson};
use chrono::DateTime;
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _};

/// CPU usage of a container in cores, over the metrics server's interval; it has no counter.
pub const CPU: &str = "escalate_container_cpu_usage_cores";
/// Working set of a container in bytes, from the metrics server.
pub const MEMORY: &str = "escalate_container_memory_working_set_bytes";

/// The series that one object states, without a map of labels for each.
#[derive(Clone, Debug)]
pub struct ObjectSeries {
    /// Labels that all of them have.
    common: Labels,
    /// A line of the text format for each series, without the common labels. Maps would take ten times the memory.
    lines: Box<str>,
}

impl ObjectSeries {
    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.lines().count()
    }

    /// Whether there are no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Labels and value of each series.
    pub fn series(&self) -> impl Iterator<Item = (Labels, f64)> {
        self.read(|_| true)
    }

    /// Labels and value of each series of these metrics.
    pub fn of<'a>(&'a self, metrics: &'a BTreeSet<String>) -> impl Iterator<Item = (Labels, f64)> + 'a {
        self.read(|name| metrics.contains(name))
    }

    fn read<'a>(&'a self, is_wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = (Labels, f64)> + 'a {
        let name = |line: &'a str| line.split(['{', ' ']).next().unwrap_or_default();
        self.lines.lines().filter(move |line| is_wanted(name(line))).filter_map(|line| {
            let (_, own, value) = parse_line(line)?;
            let own = own.iter().map(|(label, value)| (label.as_ref(), value.as_ref()));
            Some((self.common.iter().chain(own).collect(), value))
        })
    }
}

/// Most series that are held: those of some three thousand pods.
const MOST: usize = 60_000;

/// The series of a cluster's objects.
#[derive(Clone, Debug, Default)]
pub struct AllObjectSeries {
    /// One entry for each object that has any.
    pub objects: Vec<ObjectSeries>,
    /// Whether there are more than these.
    pub is_cut: bool,
    count: usize,
}

impl AllObjectSeries {
    /// Adds the series that `read` gives, unless there is no room for more.
    pub fn add(&mut self, read: impl FnOnce() -> ObjectSeries) {
        if self.count >= MOST {
            self.is_cut = true;
            return;
        }
        let series = read();
        if !series.is_empty() {
            self.count += series.len();
            self.objects.push(series);
        }
    }

    /// Adds the series of a list as far as there is room, and notes whether all of the list was read.
    pub fn join(&mut self, list: Self, is_whole: bool) {
        let is_part = list.is_cut || !is_whole && !list.objects.is_empty();
        list.objects.into_iter().for_each(|series| self.add(|| series));
        self.is_cut |= is_part;
    }
}

/// The series of an object of this group and resource.
#[must_use]
pub fn of_object(group: &str, plural: &str, object: &CleanJson) -> ObjectSeries {
    let object = object.value();
    let mut writer = Writer { common: Vec::new(), lines: String::new() };
    writer.label("namespace", text(object, "/metadata/namespace"));
    let name = text(object, "/metadata/name");
    match (group, plural) {
        ("", "pods") => {
            writer.label("pod", name);
            writer.label("uid", text(object, "/metadata/uid"));
            writer.pod(object);
        }
        ("metrics.k8s.io", "pods") => {
            writer.label("pod", name);
            writer.usage(object);
        }
        ("autoscaling", "horizontalpodautoscalers") => {
            writer.label("horizontalpodautoscaler", name);
            writer.autoscaler(object);
        }
        ("apps", plural) => {
            if let Some((_, label, counts)) = COUNTS.iter().find(|(of, ..)| *of == plural) {
                writer.label(label, name);
                writer.counts(object, counts);
            }
        }
        _ => {}
    }
    ObjectSeries { common: writer.common.into_iter().collect(), lines: writer.lines.into() }
}

type Counts = &'static [(&'static str, &'static str)];

/// By resource: the label with the object's name, and the metrics with the path of their value. A missing number is 0.
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

/// Writes the series of an object.
struct Writer<'a> {
    common: Vec<(&'static str, &'a str)>,
    lines: String,
}

impl<'a> Writer<'a> {
    fn label(&mut self, name: &'static str, value: &'a str) {
        self.common.push((name, value));
    }

    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else { return };
        append_series(&mut self.lines, name, labels.iter().copied());
        // Writing to a String cannot fail.
        let _ = writeln!(self.lines, " {value}");
    }

    fn counts(&mut self, object: &Value, counts: Counts) {
        for (name, at) in counts {
            self.series(name, &[], Some(object.pointer(at).and_then(Value::as_f64).unwrap_or_default()));
        }
    }

    fn pod(&mut self, pod: &Value) {
        let phase = text(pod, "/status/phase");
        for one in PHASES.iter().filter(|_| !phase.is_empty()) {
            self.series("kube_pod_status_phase", &[("phase", one)], Some(one_if(*one == phase)));
        }
        if let Some(ready) = list(pod, "/status/conditions").find(|it| text(it, "/type") == "Ready") {
            self.condition("kube_pod_status_ready", None, text(ready, "/status"));
        }
        self.series("kube_pod_created", &[], seconds(pod, "/metadata/creationTimestamp"));
        self.series("kube_pod_start_time", &[], seconds(pod, "/status/startTime"));
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
                self.series(name, &labels, value);
            }
        }
    }

    fn container(&mut self, status: &Value) {
        let own = ("container", text(status, "/name"));
        let number = |at: &str| status.pointer(at).and_then(Value::as_f64);
        self.series("kube_pod_container_status_restarts_total", &[own], number("/restartCount"));
        let is_ready = status.pointer("/ready").and_then(Value::as_bool).map(one_if);
        self.series("kube_pod_container_status_ready", &[own], is_ready);
        for (name, at) in [
            ("kube_pod_container_status_running", "/state/running"),
            ("kube_pod_container_status_waiting", "/state/waiting"),
            ("kube_pod_container_status_terminated", "/state/terminated"),
        ] {
            self.series(name, &[own], Some(one_if(status.pointer(at).is_some_and(Value::is_object))));
        }
        for (name, at) in [
            ("kube_pod_container_status_waiting_reason", "/state/waiting/reason"),
            ("kube_pod_container_status_terminated_reason", "/state/terminated/reason"),
            ("kube_pod_container_status_last_terminated_reason", "/lastState/terminated/reason"),
        ] {
            let reason = text(status, at);
            self.series(name, &[own, ("reason", reason)], (!reason.is_empty()).then_some(1.0));
        }
        let started = seconds(status, "/state/running/startedAt");
        let started = started.or_else(|| seconds(status, "/state/terminated/startedAt"));
        self.series("kube_pod_container_state_started", &[own], started);
        let exit_code = number("/lastState/terminated/exitCode");
        self.series("kube_pod_container_status_last_terminated_exitcode", &[own], exit_code);
        let ended = seconds(status, "/lastState/terminated/finishedAt");
        self.series("kube_pod_container_status_last_terminated_timestamp", &[own], ended);
    }

    /// A series for each value that a condition's status may have.
    fn condition(&mut self, name: &str, kind: Option<&str>, status: &str) {
        for word in CONDITIONS {
            let value = Some(one_if(status.eq_ignore_ascii_case(word)));
            match kind {
                Some(kind) => self.series(name, &[("condition", kind), ("status", word)], value),
                None => self.series(name, &[("condition", word)], value),
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
                self.series(name, &labels, value);
            }
        }
    }

    fn usage(&mut self, metrics: &Value) {
        for container in list(metrics, "/containers") {
            let own = ("container", text(container, "/name"));
            for (name, at) in [(CPU, "/usage/cpu"), (MEMORY, "/usage/memory")] {
                self.series(name, &[own], quantity::parse(text(container, at)));
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
