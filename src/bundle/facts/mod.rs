//! Owns `facts.json`: what was taken from the evidence while it streamed by, small enough to be held, and all
//! that the findings are made of beside the manifest.
//!
//! As with the manifest, reading denies nothing, and no known field ever changes its meaning.

use super::stamp;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod ordered;

pub use crate::kubelet_log::Level;

/// Version of the format.
pub const FORMAT: u32 = 1;

/// `facts.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// Version of the format; 1.
    pub format: u32,
    /// Every log that was collected.
    #[serde(default)]
    pub logs: Vec<LogFacts>,
    /// Every pod of the workload, as it was when it was listed.
    #[serde(default)]
    pub pods: Vec<PodFacts>,
    /// What makes the pods.
    #[serde(default)]
    pub workloads: Vec<WorkloadFacts>,
    /// The autoscalers.
    #[serde(default)]
    pub autoscalers: Vec<AutoscalerFacts>,
    /// Events that warn, and those that tell what was done to the pods.
    #[serde(default)]
    pub events: Vec<EventFacts>,
    /// Custom resources of the profile's groups, by what they are.
    #[serde(default)]
    pub custom_resources: Vec<CustomResourceFacts>,
    /// What changed in the last 24 hours, the oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Of what there was more than is held: `pods`, `workloads`, `autoscalers`, `events`, `custom resources`,
    /// `changes`, each with how many are not here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// Ids of the patterns that the logs were searched for; a hit of one that is not among them cannot be.
    #[serde(default)]
    pub patterns: Vec<String>,
}

/// One log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogFacts {
    /// Its file, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Whether it is of a run that has ended: the kind of its task, `log`, `previous-log`, …
    #[serde(default)]
    pub kind: String,
    /// How many lines it has of each level.
    #[serde(default)]
    pub levels: BTreeMap<Level, u64>,
    /// The same by minute, without minutes that have no line.
    #[serde(default)]
    pub minutes: Vec<Minute>,
    /// Its lines above info by their like, and those of info by a sample; the more severe first, then the more
    /// frequent.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Of so many lines of info one was looked at; 1 where all were, 0 where none was.
    #[serde(default)]
    pub info_sample: u64,
    /// How many lines above info fell into no template, for there were too many.
    #[serde(default)]
    pub untemplated: u64,
    /// What the ready checks said, each time that it changed.
    #[serde(default)]
    pub ready: Vec<ReadyState>,
    /// What the profile's rules look for in logs, by the rule's pattern.
    #[serde(default)]
    pub hits: Vec<Hit>,
    /// The first and the last error lines, with the lines before each.
    #[serde(default)]
    pub errors: Vec<ErrorLine>,
}

/// A minute of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Minute {
    /// Its beginning (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: DateTime<Utc>,
    /// How many lines it has of each level.
    pub levels: BTreeMap<Level, u64>,
    /// When the first line of it was written that is an error, or worse (UTC).
    #[serde(default, with = "stamp::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub first_error: Option<DateTime<Utc>>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The node's stamp (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: DateTime<Utc>,
    /// The line without it, cut where it is long.
    pub text: String,
}

/// Lines that are alike but for their numbers, ids and names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// What they have in common, `<*>` where they differ.
    pub text: String,
    /// The most severe level of them.
    pub level: Level,
    /// The logger of the first one, where it says it.
    #[serde(default)]
    pub logger: Option<String>,
    /// How many there are; of info, in the sample.
    pub count: u64,
    /// The first one.
    pub first: Line,
    /// When the last one was (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last: DateTime<Utc>,
    /// Whether the log has lines from before the incident, and none like these among them.
    #[serde(default)]
    pub is_new: bool,
}

/// What the ready checks said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyState {
    /// When (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: DateTime<Utc>,
    /// When it was last said (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: DateTime<Utc>,
    /// The status of all together.
    pub status: String,
    /// The checks that are not up.
    #[serde(default)]
    pub down: Vec<String>,
    /// The checks that are.
    #[serde(default)]
    pub up: Vec<String>,
}

/// Lines that one pattern of the profile's rules means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// The pattern's id.
    pub pattern: String,
    /// How many there are.
    pub count: u64,
    /// The first ones, at most three.
    pub first: Vec<Line>,
    /// The last one.
    pub last: Line,
}

/// An error line with what was said before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorLine {
    /// Its level.
    pub level: Level,
    /// The line; a stack that follows it is a part of it.
    pub line: Line,
    /// The lines before it, at most three.
    #[serde(default)]
    pub before: Vec<Line>,
}

/// A pod of the workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodFacts {
    /// Its file, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Whether it is one of the servers, and no job or other pod beside them.
    pub is_server: bool,
    /// Its node, once it has one.
    #[serde(default)]
    pub node: Option<String>,
    /// Its phase.
    #[serde(default)]
    pub phase: String,
    /// When it was made (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created: Option<DateTime<Utc>>,
    /// When it was asked to go (UTC), if it was.
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub deleted: Option<DateTime<Utc>>,
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Its containers, init and ephemeral ones too.
    #[serde(default)]
    pub containers: Vec<ContainerFacts>,
}

impl PodFacts {
    /// Its condition of this type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

/// A condition of an object's status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Its type.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub message: String,
    /// Since when (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub since: Option<DateTime<Utc>>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// `init`, `ephemeral`, or nothing for one of the pod's own.
    #[serde(default)]
    pub kind: String,
    /// Its image, as the pod's spec names it.
    #[serde(default)]
    pub image: String,
    /// How often it was restarted.
    #[serde(default)]
    pub restarts: u64,
    /// Whether it is ready.
    #[serde(default)]
    pub ready: bool,
    /// What it does now.
    #[serde(default)]
    pub state: Option<RunState>,
    /// How its run before that ended.
    #[serde(default)]
    pub last_state: Option<RunState>,
    /// What it asks for: `cpu` in cores, `memory` in bytes.
    #[serde(default)]
    pub requests: BTreeMap<String, f64>,
    /// What it may use: the same.
    #[serde(default)]
    pub limits: BTreeMap<String, f64>,
    /// What it used when it was asked, as a metrics server tells it: `cpu` in cores, `memory` in bytes.
    #[serde(default)]
    pub usage: BTreeMap<String, f64>,
    /// Environment variables of its spec with a plain value, of those that the profile's rules look at.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// A state of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunState {
    /// `running`, `waiting` or `terminated`.
    pub kind: String,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence, or the container's own last words.
    #[serde(default)]
    pub message: String,
    /// The exit code of one that has ended.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// When it began (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started: Option<DateTime<Utc>>,
    /// When it ended (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub finished: Option<DateTime<Utc>>,
}

/// A deployment, a stateful set or a replica set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadFacts {
    /// Its file, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// When it was made (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created: Option<DateTime<Utc>>,
    /// How many pods it is to have.
    #[serde(default)]
    pub wanted: u64,
    /// How many are there.
    #[serde(default)]
    pub replicas: u64,
    /// How many are ready.
    #[serde(default)]
    pub ready: u64,
    /// How many are as it now wants them.
    #[serde(default)]
    pub updated: u64,
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A horizontal pod autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutoscalerFacts {
    /// Its file, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it scales: `Deployment/name`.
    #[serde(default)]
    pub target: String,
    /// The fewest pods.
    #[serde(default)]
    pub min: u64,
    /// The most.
    #[serde(default)]
    pub max: u64,
    /// How many there are.
    #[serde(default)]
    pub current: u64,
    /// How many it wants.
    #[serde(default)]
    pub desired: u64,
    /// Its metrics in words: `cpu: 83%/70%`.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// When it last scaled (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_scaled: Option<DateTime<Utc>>,
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// An event, or a series of the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventFacts {
    /// The file that lists it, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// What it is about: `Pod/name`.
    pub about: String,
    /// `Warning` or `Normal`.
    pub kind: String,
    /// What happened, in one word.
    pub reason: String,
    /// In a sentence.
    pub note: String,
    /// How often.
    #[serde(default)]
    pub count: u64,
    /// When first (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub first: Option<DateTime<Utc>>,
    /// When last (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last: Option<DateTime<Utc>>,
}

/// The custom resources of one kind in one namespace: that they are there, and since when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CustomResourceFacts {
    /// The file that lists them, inside the bundle's folder.
    pub entry: String,
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The resource: `datas.data.spirl.com`.
    pub resource: String,
    /// Their names.
    #[serde(default)]
    pub names: Vec<String>,
    /// When the newest was made (UTC).
    #[serde(default, with = "stamp::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub newest: Option<DateTime<Utc>>,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// When (UTC).
    #[serde(with = "stamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: DateTime<Utc>,
    /// The cluster.
    pub cluster: String,
    /// What kind: `rollout`, `scale`, `config`, `node`, `object`.
    pub kind: String,
    /// The object: `deployments.apps tdd-x/tdd-x-spirl-server`.
    pub object: String,
    /// What happened to it, in a line.
    pub what: String,
    /// Who did it, as the object's managed fields name it.
    #[serde(default)]
    pub by: Option<String>,
    /// The file that shows it, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
}
