//! Owns the format of `facts.json`: what was extracted from the evidence while it streamed in, small enough to be held
//! in memory. Findings are made from it and the manifest.
//!
//! As in the manifest, readers ignore unknown fields, and a known field never changes its meaning.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod ordered;

pub use crate::kubelet_log::Level;

/// Version of the format.
pub const FORMAT: u32 = 1;

/// `facts.json`: small typed extracts of the evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// Version of the format: 1.
    pub format: u32,
    /// Every log that was collected.
    #[serde(default)]
    pub logs: Vec<LogFacts>,
    /// Every pod of the workload, as it was when it was listed.
    #[serde(default)]
    pub pods: Vec<PodFacts>,
    /// What creates the pods: deployments and similar objects.
    #[serde(default)]
    pub workloads: Vec<WorkloadFacts>,
    /// The horizontal pod autoscalers.
    #[serde(default)]
    pub autoscalers: Vec<AutoscalerFacts>,
    /// Warnings, and normal events whose reason names an action.
    #[serde(default)]
    pub events: Vec<EventFacts>,
    /// Custom resources of the profile's groups, by kind and namespace.
    #[serde(default)]
    pub custom_resources: Vec<CustomResourceFacts>,
    /// What changed in the last 24 hours, the oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// How many facts had no room, by kind: `pods`, `workloads`, `autoscalers`, `events`, `custom resources`,
    /// `changes`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// Ids of the patterns that the logs were searched for. No other pattern can have a hit.
    #[serde(default)]
    pub patterns: Vec<String>,
}

/// What one log says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogFacts {
    /// Path of the log, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Kind of its task: `log`, `previous-log`, …
    #[serde(default)]
    pub kind: String,
    /// How many lines the log has of each level.
    #[serde(default)]
    pub levels: BTreeMap<Level, u64>,
    /// How many lines each minute has of each level. Minutes without a line are left out.
    #[serde(default)]
    pub minutes: Vec<Minute>,
    /// Groups of similar lines, of all lines above info and of a sample of those of info. The most severe come first,
    /// then the most frequent.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// One of this many info lines is in the sample: 1 if all are, 0 if none is.
    #[serde(default)]
    pub info_sample: u64,
    /// How many lines above info are in no template, because there were too many templates.
    #[serde(default)]
    pub untemplated: u64,
    /// What the ready checks reported, each time it changed.
    #[serde(default)]
    pub ready: Vec<ReadyState>,
    /// Lines that match the profile's rules, by pattern.
    #[serde(default)]
    pub hits: Vec<Hit>,
    /// The first and the last error lines, with the lines before each.
    #[serde(default)]
    pub errors: Vec<ErrorLine>,
}

/// One minute of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Minute {
    /// Start of the minute (UTC).
    pub at: DateTime<Utc>,
    /// How many lines the minute has of each level.
    pub levels: BTreeMap<Level, u64>,
    /// Time of its first line that is an error or worse (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<DateTime<Utc>>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The kubelet's timestamp (UTC).
    pub at: DateTime<Utc>,
    /// The line without the timestamp. A long line is cut and ends in `…`.
    pub text: String,
}

/// Lines that differ only in numbers, ids and names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// What the lines have in common, with `<*>` where they differ.
    pub text: String,
    /// The most severe level among them.
    pub level: Level,
    /// Logger of the first line, if it names one.
    #[serde(default)]
    pub logger: Option<String>,
    /// How many lines there are. Of info lines, how many in the sample.
    pub count: u64,
    /// The first of the lines.
    pub first: Line,
    /// Time of the last one (UTC).
    pub last: DateTime<Utc>,
    /// Whether the log has lines from before the incident, but none of these.
    #[serde(default)]
    pub is_new: bool,
}

/// What the ready checks reported, from one change to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyState {
    /// Time of the first report (UTC).
    pub at: DateTime<Utc>,
    /// Time of the last report that says the same (UTC).
    pub until: DateTime<Utc>,
    /// Status of all checks together.
    pub status: String,
    /// Names of the checks that are not up.
    #[serde(default)]
    pub down: Vec<String>,
    /// Names of the checks that are up.
    #[serde(default)]
    pub up: Vec<String>,
}

/// Lines that match one pattern of the profile's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// Id of the pattern.
    pub pattern: String,
    /// How many lines match.
    pub count: u64,
    /// The first matches, at most three.
    pub first: Vec<Line>,
    /// The last match.
    pub last: Line,
}

/// An error line and the lines before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorLine {
    /// `error` or `fatal`.
    pub level: Level,
    /// The line, with the stack trace that follows it.
    pub line: Line,
    /// The lines before it, at most three.
    #[serde(default)]
    pub before: Vec<Line>,
}

/// A pod of the workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodFacts {
    /// Path of its YAML, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Whether the profile selects it as a server.
    pub is_server: bool,
    /// Name of its node, once it is scheduled.
    #[serde(default)]
    pub node: Option<String>,
    /// `status.phase`.
    #[serde(default)]
    pub phase: String,
    /// `metadata.creationTimestamp`.
    #[serde(default)]
    pub created: Option<DateTime<Utc>>,
    /// `metadata.deletionTimestamp`.
    #[serde(default)]
    pub deleted: Option<DateTime<Utc>>,
    /// `status.conditions`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Its containers, with init and ephemeral ones.
    #[serde(default)]
    pub containers: Vec<ContainerFacts>,
}

impl PodFacts {
    /// Its condition of this type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition `Ready` is true.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

/// A condition in an object's status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Type of the condition, such as `Ready`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Machine-readable reason, in one word.
    #[serde(default)]
    pub reason: String,
    /// The reason in a sentence.
    #[serde(default)]
    pub message: String,
    /// Time of its last transition (UTC).
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerFacts {
    /// Name of the container.
    pub name: String,
    /// `init`, `ephemeral`, or empty for a regular container.
    #[serde(default)]
    pub kind: String,
    /// Image as the pod's spec names it.
    #[serde(default)]
    pub image: String,
    /// `restartCount`.
    #[serde(default)]
    pub restarts: u64,
    /// Whether its readiness probe succeeds.
    #[serde(default)]
    pub ready: bool,
    /// Its current state.
    #[serde(default)]
    pub state: Option<RunState>,
    /// State of its previous run.
    #[serde(default)]
    pub last_state: Option<RunState>,
    /// Resource requests: `cpu` in cores, `memory` in bytes.
    #[serde(default)]
    pub requests: BTreeMap<String, f64>,
    /// Resource limits: `cpu` in cores, `memory` in bytes.
    #[serde(default)]
    pub limits: BTreeMap<String, f64>,
    /// Usage as the metrics server reports it: `cpu` in cores, `memory` in bytes.
    #[serde(default)]
    pub usage: BTreeMap<String, f64>,
    /// Environment variables with a plain value that the profile's rules look at.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// A state of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunState {
    /// `running`, `waiting` or `terminated`.
    pub kind: String,
    /// Machine-readable reason, in one word.
    #[serde(default)]
    pub reason: String,
    /// The reason in a sentence, or the container's termination message.
    #[serde(default)]
    pub message: String,
    /// Exit code, once it has terminated.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// When it started (UTC).
    #[serde(default)]
    pub started: Option<DateTime<Utc>>,
    /// When it terminated (UTC).
    #[serde(default)]
    pub finished: Option<DateTime<Utc>>,
}

/// A Deployment, StatefulSet, DaemonSet or ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadFacts {
    /// Path of its YAML, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Kind of the object, such as `Deployment`.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// `metadata.creationTimestamp`.
    #[serde(default)]
    pub created: Option<DateTime<Utc>>,
    /// Desired number of pods.
    #[serde(default)]
    pub wanted: u64,
    /// Number of pods.
    #[serde(default)]
    pub replicas: u64,
    /// Number of ready pods.
    #[serde(default)]
    pub ready: u64,
    /// Number of pods of the current revision.
    #[serde(default)]
    pub updated: u64,
    /// `status.conditions`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A HorizontalPodAutoscaler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutoscalerFacts {
    /// Path of its YAML, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the autoscaler.
    pub name: String,
    /// Its scale target: `Deployment/name`.
    #[serde(default)]
    pub target: String,
    /// `spec.minReplicas`.
    #[serde(default)]
    pub min: u64,
    /// `spec.maxReplicas`.
    #[serde(default)]
    pub max: u64,
    /// `status.currentReplicas`.
    #[serde(default)]
    pub current: u64,
    /// `status.desiredReplicas`.
    #[serde(default)]
    pub desired: u64,
    /// Its metrics as kubectl prints them: `cpu: 83%/70%`.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// `status.lastScaleTime`.
    #[serde(default)]
    pub last_scaled: Option<DateTime<Utc>>,
    /// `status.conditions`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// An event, or a series of equal events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventFacts {
    /// Path of the list that has it, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the event.
    pub namespace: String,
    /// The object it is about: `Pod/name`.
    pub about: String,
    /// Type of the event: `Warning` or `Normal`.
    pub kind: String,
    /// Machine-readable reason, in one word.
    pub reason: String,
    /// The reason in a sentence.
    pub note: String,
    /// How many times it occurred.
    #[serde(default)]
    pub count: u64,
    /// Time of the first occurrence (UTC).
    #[serde(default)]
    pub first: Option<DateTime<Utc>>,
    /// Time of the last occurrence (UTC).
    #[serde(default)]
    pub last: Option<DateTime<Utc>>,
}

/// The custom resources of one kind in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CustomResourceFacts {
    /// Path of their list, inside the bundle's folder.
    pub entry: String,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Namespace of the resources.
    pub namespace: String,
    /// Resource and group: `datas.data.spirl.com`.
    pub resource: String,
    /// Names of the resources.
    #[serde(default)]
    pub names: Vec<String>,
    /// Creation time of the newest one (UTC).
    #[serde(default)]
    pub newest: Option<DateTime<Utc>>,
}

/// A change in the 24 hours before the collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// When it was made (UTC).
    pub at: DateTime<Utc>,
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// `rollout`, `scale`, `config`, `node` or `object`.
    pub kind: String,
    /// The object: `deployments.apps tdd-x/tdd-x-spirl-server`.
    pub object: String,
    /// The change in one line.
    pub what: String,
    /// The manager that made it, from the object's `managedFields`.
    #[serde(default)]
    pub by: Option<String>,
    /// Path of the file that shows it, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
}
