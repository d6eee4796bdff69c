//! Owns the matchers: the conditions of a finding rule. Each looks at one kind of evidence. What they conclude is in
//! the room `findings`.

use crate::{
    bundle::facts::Level,
    profile::defaults::{is_default, is_false},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One condition, with exactly one of these keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// Lines of all logs together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogMatch>,
    /// The number of lines of one level in one log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LinesMatch>,
    /// The ready checks at the end of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadyMatch>,
    /// The answer to a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryMatch>,
    /// The servers' pods. Everything has to be true of the same pod and the same container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodMatch>,
    /// The requests and limits of the servers' own containers. It matches if one is lower than this, or not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesMatch>,
    /// What the servers' containers use during the collection, as a metrics server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageMatch>,
    /// Environment variables of the servers' containers that have a plain value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvMatch>,
    /// The images of the servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsMatch>,
    /// Kubernetes' events about the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventMatch>,
    /// Horizontal pod autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<AutoscalerMatch>,
    /// Deployments and other owners of pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadMatch>,
    /// Custom resources in the servers' namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_resource: Option<CustomResourceMatch>,
    /// The metrics endpoints of ready servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape: Option<ScrapeMatch>,
}

/// The one key of a [`Matcher`].
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is the matcher of its name")]
pub enum Match<'a> {
    Log(&'a LogMatch),
    Lines(&'a LinesMatch),
    Ready(&'a ReadyMatch),
    Query(&'a QueryMatch),
    Pod(&'a PodMatch),
    Resources(&'a ResourcesMatch),
    Usage(&'a UsageMatch),
    Env(&'a EnvMatch),
    Versions(&'a VersionsMatch),
    Event(&'a EventMatch),
    Autoscaler(&'a AutoscalerMatch),
    Workload(&'a WorkloadMatch),
    CustomResource(&'a CustomResourceMatch),
    Scrape(&'a ScrapeMatch),
}

impl Matcher {
    /// The one key that is set. None when there is not exactly one, which a checked profile never has.
    #[must_use]
    pub fn one(&self) -> Option<Match<'_>> {
        let mut given = [
            self.log.as_ref().map(Match::Log),
            self.lines.as_ref().map(Match::Lines),
            self.ready.as_ref().map(Match::Ready),
            self.query.as_ref().map(Match::Query),
            self.pod.as_ref().map(Match::Pod),
            self.resources.as_ref().map(Match::Resources),
            self.usage.as_ref().map(Match::Usage),
            self.env.as_ref().map(Match::Env),
            self.versions.as_ref().map(Match::Versions),
            self.event.as_ref().map(Match::Event),
            self.autoscaler.as_ref().map(Match::Autoscaler),
            self.workload.as_ref().map(Match::Workload),
            self.custom_resource.as_ref().map(Match::CustomResource),
            self.scrape.as_ref().map(Match::Scrape),
        ]
        .into_iter()
        .flatten();
        given.next().filter(|_| given.next().is_none())
    }
}

/// See [`Matcher::log`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogMatch {
    /// Words, at least one of which is in the line, ignoring case. Each has three or more ASCII characters.
    pub contains: Vec<String>,
    /// The line is at least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Fields of a JSON line, each with a regular expression that matches its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// A regular expression that matches the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The minimum number of such lines. Default: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub at_least: u64,
    /// A query, by its id, that counts the same events. If it is healthy, the lines do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_by: Option<String>,
}

/// See [`Matcher::lines`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinesMatch {
    /// The level of the lines, exactly.
    pub level: Level,
    /// The minimum number of such lines.
    #[schemars(range(min = 1))]
    pub at_least: u64,
}

/// See [`Matcher::ready`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadyMatch {
    /// One of these checks is down. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub down: Vec<String>,
    /// It is down without a break for longer than this: `30s`.
    pub longer_than: String,
}

/// See [`Matcher::query`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryMatch {
    /// The query, by its id in `queries`.
    pub id: String,
    /// What the answer has to be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is: QueryIs,
    /// The comparison that the worst value meets, in place of `is`: `> 0.25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Labels of the worst series, each with a regular expression that matches its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it also has to be true at the end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub still: bool,
}

/// What the answer to a query has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QueryIs {
    /// The default. A value since the window's start meets `alert`.
    #[default]
    Alert,
    /// A value since the window's start meets `alert`, or does not meet `healthy`.
    Unhealthy,
    /// Every value meets `healthy`. With two scrapes, also since the servers started.
    Healthy,
    /// The query was answered without any value.
    NoData,
    /// The query was answered with a value.
    HasData,
}

/// See [`Matcher::pod`]. Everything has to be true of the same pod and the same container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodMatch {
    /// Which containers to look at.
    #[serde(default, skip_serializing_if = "is_default")]
    pub container: ContainerKind,
    /// Reasons. A container is waiting for one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// Reasons. The current or the previous run of a container ended for one of them, at most an hour before the
    /// window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminated: Vec<String>,
    /// Exit codes. The current or the previous run of a container ended with one of them, at most an hour before the
    /// window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_codes: Vec<i64>,
    /// A container restarted at least this many times, the last time at most an hour before the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// The pod has not been ready for longer than this: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ready_for: Option<String>,
    /// The pod has this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
    /// Whether it has to be true of all servers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub every: bool,
}

/// Which containers of a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ContainerKind {
    /// The default. All but ephemeral ones.
    #[default]
    Any,
    /// The pod's own, without init containers.
    Own,
    /// Only init containers.
    Init,
}

/// A condition of an object's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionMatch {
    /// The type of the condition, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `"True"`, `"False"` or `"Unknown"`, with the quotes.
    pub status: String,
    /// Reasons. The condition has one of them. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// See [`Matcher::resources`]. It matches a value that is lower, or not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourcesMatch {
    /// The recommended minimum of the requests: `{cpu: 250m, memory: 256Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// The recommended minimum of the limits: `{cpu: 1000m, memory: 512Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// See [`Matcher::usage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageMatch {
    /// `cpu` or `memory`.
    pub resource: String,
    /// The comparison that the usage meets, as a share of the limit: `> 0.7`.
    pub of_limit: String,
}

/// See [`Matcher::env`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvMatch {
    /// The name of the variable.
    pub name: String,
    /// A regular expression that matches its value.
    pub value: String,
}

/// See [`Matcher::versions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionsMatch {
    /// `true`: containers of the same name have different images.
    pub differ: bool,
}

/// See [`Matcher::event`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMatch {
    /// Reasons. The event has one of them.
    pub reasons: Vec<String>,
    /// `Warning` or `Normal`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The kind of the object that the event is about: `Pod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// A regular expression that matches the note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The minimum number of such events since an hour before the window. Default: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub at_least: u64,
}

/// See [`Matcher::autoscaler`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoscalerMatch {
    /// `true`: it has as many pods as it may have, and could have fewer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub at_maximum: bool,
    /// A condition of the autoscaler's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
}

/// See [`Matcher::workload`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadMatch {
    /// `true`: it has fewer ready pods than it should have.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unavailable: bool,
    /// It was created less than this ago: `6m`. Replica sets do not count, because each rollout creates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub younger_than: Option<String>,
    /// A condition of the workload's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
}

/// See [`Matcher::custom_resource`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomResourceMatch {
    /// A group of `customResources` that has no object there.
    pub missing: String,
}

/// See [`Matcher::scrape`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScrapeMatch {
    /// `true`: nothing listens on the port.
    pub closed: bool,
}

fn one() -> u64 {
    1
}

fn is_one(value: &u64) -> bool {
    *value == 1
}
