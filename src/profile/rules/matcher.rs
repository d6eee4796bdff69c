//! Owns the matchers: the conditions of a finding rule. Each looks at one kind of evidence. What they conclude is in the
//! room `findings`.

use crate::{
    bundle::facts::Level,
    profile::defaults::{is_default, is_false},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One condition. Exactly one of its keys is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// Lines of logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogMatch>,
    /// How many lines of a level there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LinesMatch>,
    /// What the ready checks say at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadyMatch>,
    /// The answer to a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryMatch>,
    /// The servers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodMatch>,
    /// What containers may use and ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesMatch>,
    /// What containers use, as a metrics server told at the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageMatch>,
    /// Variables of containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvMatch>,
    /// Images of the servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsMatch>,
    /// Events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventMatch>,
    /// Horizontal pod autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<AutoscalerMatch>,
    /// Deployments and whatever else makes pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadMatch>,
    /// Custom resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_resource: Option<CustomResourceMatch>,
    /// The servers' metrics endpoints.
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
    /// What it looks at; none where not exactly one key is given, which no checked profile has.
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
    /// Of these words, in whatever case, one at least is in the line. They are looked for in every line, all else in
    /// those that have one.
    pub contains: Vec<String>,
    /// At least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Fields of a JSON line, each with a regular expression that its value matches somewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// A regular expression that matches somewhere in the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many such lines there are at least, in all logs together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub at_least: u64,
    /// A query, by its id, that counts the same: where it is as in health, such lines are not what they seem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_by: Option<String>,
}

/// See [`Matcher::lines`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinesMatch {
    /// Of exactly this level.
    pub level: Level,
    /// How many there are at least in one log.
    #[schemars(range(min = 1))]
    pub at_least: u64,
}

/// See [`Matcher::ready`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadyMatch {
    /// One of these checks is down at the log's end; without any, whichever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub down: Vec<String>,
    /// Without a break for longer than this: `30s`.
    pub longer_than: String,
}

/// See [`Matcher::query`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryMatch {
    /// The query, by its id.
    pub id: String,
    /// What its answer is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is: QueryIs,
    /// What its worst value compares as, in place of that: `> 0.25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Labels of its worst series, each with a regular expression that the value matches somewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it has to be so at the end of its time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub still: bool,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QueryIs {
    /// At some moment since the window's start it compares as when something is wrong.
    #[default]
    Alert,
    /// So, or at some moment not as in health.
    Unhealthy,
    /// Wherever there is a value it compares as in health; of two scrapes, also since the servers started.
    Healthy,
    /// It was answered, without any value.
    NoData,
    /// It was answered with some value.
    HasData,
}

/// See [`Matcher::pod`]. All that is given holds of the same pod, and of the same container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodMatch {
    /// Which of its containers are looked at.
    #[serde(default, skip_serializing_if = "is_default")]
    pub container: ContainerKind,
    /// A container waits for one of these reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// A container's present or last run has ended, since an hour before the window, for one of these reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminated: Vec<String>,
    /// Likewise, with one of these exit codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_codes: Vec<i64>,
    /// A container was restarted at least so often, the last time since an hour before the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// It is not ready, and was not for longer than this: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ready_for: Option<String>,
    /// It has this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
    /// Whether it has to be so of every server.
    #[serde(default, skip_serializing_if = "is_false")]
    pub every: bool,
}

/// Which containers of a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ContainerKind {
    /// All but ephemeral ones.
    #[default]
    Any,
    /// The pod's own.
    Own,
    /// Init containers.
    Init,
}

/// A condition of an object's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionMatch {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One of these reasons; without any, whichever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// See [`Matcher::resources`]. What is not set, or less, meets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourcesMatch {
    /// The least to be asked for: `{cpu: 250m, memory: 256Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// The least to be allowed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// See [`Matcher::usage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageMatch {
    /// `cpu` or `memory`.
    pub resource: String,
    /// What the use compares as, as a part of the limit: `> 0.7`.
    pub of_limit: String,
}

/// See [`Matcher::env`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvMatch {
    /// The variable, where its value is plain.
    pub name: String,
    /// A regular expression that its value matches somewhere.
    pub value: String,
}

/// See [`Matcher::versions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionsMatch {
    /// Containers of one name have different images: `true`.
    pub differ: bool,
}

/// See [`Matcher::event`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMatch {
    /// One of these reasons.
    pub reasons: Vec<String>,
    /// `Warning` or `Normal`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The kind of what it is about: `Pod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// A regular expression that its note matches somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How often at least, all such events together, since an hour before the window.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub at_least: u64,
}

/// See [`Matcher::autoscaler`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoscalerMatch {
    /// It has as many pods as it may, and could have had fewer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub at_maximum: bool,
    /// It has this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
}

/// See [`Matcher::workload`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadMatch {
    /// It has fewer ready pods than it is to have.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unavailable: bool,
    /// It was made less than this ago: `6m`. Replica sets do not count: each rollout makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub younger_than: Option<String>,
    /// It has this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionMatch>,
}

/// See [`Matcher::custom_resource`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomResourceMatch {
    /// Of this group, which is one of the profile's `customResources`, there is none in a server's namespace.
    pub missing: String,
}

/// See [`Matcher::scrape`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScrapeMatch {
    /// Nothing listens on the port of a pod that is ready: `true`.
    pub closed: bool,
}

fn one() -> u64 {
    1
}

fn is_one(value: &u64) -> bool {
    *value == 1
}
