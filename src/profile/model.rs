//! Owns the keys of a profile, as types, in the order of docs/PROFILES.md. The findings' keys are in `rules`.
//!
//! Every struct refuses a key that it does not know, and an optional key that is absent means "do not collect", so that
//! a profile never collects more than its text shows. Rules that involve several keys are in `validate`.
//! The doc comments become the descriptions in profiles/schema.json.

use super::{
    defaults::{is_default, is_false},
    name::{ResourceName, WorkloadName},
    rules::{BaselineRule, FindingRule},
    threshold::Threshold,
};
use crate::promql::{Query, QueryError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// Read through `Profile`, which alone guarantees that the rules of `validate` hold.
/// What evidence one kind of workload needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Profile")]
pub struct Spec {
    /// The profile's name: lower-case letters, digits and `-`. Named in the bundle's manifest.
    pub name: String,
    /// The profile's own version, raised whenever its meaning changes.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// One or two sentences for a reader of `--dry-run` and of the bundle.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which pods are the workload.
    pub select: Select,
    /// Where the trust domain, the deployment and the region are read from.
    #[serde(default)]
    pub identity: Identity,
    /// The Kubernetes objects to collect.
    pub objects: Vec<ObjectRule>,
    /// API groups whose custom resources are collected, whatever they are called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_resources: Vec<GroupRule>,
    /// Further collectors, by name, for evidence that no other key asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<String>,
    /// Which container logs to collect.
    #[serde(default)]
    pub logs: LogRules,
    /// Metric endpoints to read from each selected pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrapes: Vec<Scrape>,
    /// What to ask a Prometheus, in the order of a reader who looks for the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<QueryRule>,
    /// What may be wrong, and by what it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingRule>,
    /// What is expected of a healthy workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<BaselineRule>,
    /// Queries, by id, that together say that SVIDs are minted: all of them as in health, by a Prometheus and over
    /// all of the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minting: Vec<String>,
}

/// Which pods are the workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Select {
    /// Label selectors, tried in this order; the first that finds pods is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Workloads by kind and name, for when no selector finds pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadName>,
    /// A regular expression that has to match the whole name of a namespace for it to be the workload's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_pattern: Option<String>,
    /// Namespaces that are the workload's own, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// At most this many pods, unhealthy ones first. Without it: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u32>,
}

/// Where identity is read from, best source first. What is not found is asked of the user, never guessed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The metric whose labels name the workload; other metrics with the same labels are the fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info_metric: Option<String>,
    /// The metric labels that carry identity.
    #[serde(default)]
    pub metric_labels: MetricLabels,
    /// The fields of JSON log lines that carry identity.
    #[serde(default)]
    pub log_fields: LogFields,
    /// Labels of pods and nodes that name the region, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub region_labels: Vec<String>,
    /// What may hint at the region; shown, never taken for the answer.
    #[serde(default)]
    pub region_hints: RegionHints,
}

/// Metric labels that carry identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricLabels {
    /// The label that holds the trust domain's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// The label that holds the name of the trust domain's deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The label that holds the application's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl MetricLabels {
    /// Those that only the workload's series have.
    pub fn of_workload(&self) -> impl Iterator<Item = &String> {
        [&self.trust_domain, &self.deployment].into_iter().flatten()
    }
}

/// Log fields that carry identity, each list tried in order. A dot steps into a nested object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogFields {
    /// Fields that hold the trust domain's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust_domain: Vec<String>,
    /// Fields that hold the name of the trust domain's deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployment: Vec<String>,
}

/// Hints at the region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionHints {
    /// Environment variables of the pods' specs, with a plain value, whose value is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
}

/// One kind of object to collect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRule {
    /// The resource, as kubectl names it: `pods`, `deployments.apps`.
    pub resource: ResourceName,
    /// Whether a bundle without it is incomplete, which shows in the exit code.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether to ask for names, labels and times only, and never for the contents.
    #[serde(default, skip_serializing_if = "is_false")]
    pub metadata_only: bool,
    /// Which of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    /// A label selector that narrows the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Only these, by name. Each is asked for by itself, so nothing is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Which objects of a resource a rule means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Those of the workload's namespaces. For a resource without namespaces: all, so give `names` or `used`.
    #[default]
    Namespace,
    /// Those the collected pods run on: nodes, and what is named after a node.
    Used,
}

/// An API group whose resources are found by discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRule {
    /// The group's full name.
    pub group: String,
    /// Whether a bundle without it is incomplete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether to ask for names, labels and times only, and never for the contents.
    #[serde(default, skip_serializing_if = "is_false")]
    pub metadata_only: bool,
    /// Whether to collect the definitions (CustomResourceDefinition) of the group, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub definitions: bool,
}

/// Which container logs to collect. A kind of log that is not named is not collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRules {
    /// What containers wrote since they last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<LogRule>,
    /// What containers wrote before they last restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LogRule>,
    /// Whether init containers (sidecars among them) count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub init_containers: bool,
    /// Whether ephemeral containers count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ephemeral_containers: bool,
}

/// One kind of log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRule {
    /// Whether a bundle without it is incomplete. A container that never restarted has no previous log, and lacks none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// One metric endpoint of a pod, found by annotation, else by port name, else by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scrape {
    /// What the endpoint is called in the plan and in the bundle.
    pub name: String,
    /// Whether a bundle without it is incomplete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Annotations of the pod that hold the port's number, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_annotations: Vec<String>,
    /// Names of container ports, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_names: Vec<String>,
    /// The port when nothing else tells it.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Annotations of the pod that hold the path, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_annotations: Vec<String>,
    /// The path when nothing else tells it.
    #[serde(default = "metrics_path")]
    pub path: String,
    /// How to speak to the endpoint.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scheme: Scheme,
    /// Only pods that have a container of this name are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// How to speak to a metric endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// One question to a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryRule {
    /// What it is called in the bundle: lower-case letters, digits and `-`.
    pub id: String,
    /// What it is asked for: a word or a few, the same for queries that belong together.
    pub scenario: String,
    /// What its value is, in a line.
    pub measures: String,
    /// The unit of its value.
    pub unit: Unit,
    /// What its value compares as in health: `> 0.99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<String>,
    /// What its value compares as when something is wrong: `< 0.99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// For how long before the window's start it is looked at, too: `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<String>,
    /// The time between two of its values, where that of the window will not do: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Whether two scrapes of the pods can answer it, where no Prometheus can.
    #[serde(default, skip_serializing_if = "is_default")]
    pub two_scrapes: TwoScrapes,
    /// The PromQL that answers it by what the API server's objects state at the collection, where no Prometheus
    /// has a value; `same` for that of `expr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_objects: Option<String>,
    /// What it takes for its metrics to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// By which labels its metrics are narrowed to the workload.
    #[serde(default, skip_serializing_if = "is_default")]
    pub narrowed_by: NarrowedBy,
    /// The PromQL. `$range` stands for the time over which rates are taken.
    pub expr: String,
}

/// Any range serves to see whether a query can be read, and what it is made of.
pub(super) const EXAMPLE_RANGE: &str = "5m";

impl QueryRule {
    /// Its PromQL, with rates taken over `range`.
    ///
    /// # Errors
    /// When it is none, or more than can be evaluated without a Prometheus.
    pub fn query(&self, range: &str) -> Result<Query, QueryError> {
        Query::parse(self.expr.replace("$range", range).trim())
    }

    /// The PromQL that answers it by what objects state, if there is such a form.
    ///
    /// # Errors
    /// Those of [`Self::query`].
    pub fn query_of_objects(&self, range: &str) -> Result<Option<Query>, QueryError> {
        match self.from_objects.as_deref() {
            None => Ok(None),
            Some("same") => self.query(range).map(Some),
            Some(expr) => Query::parse(expr.trim()).map(Some),
        }
    }

    /// The names of the metrics that it is made of.
    pub fn metrics(&self) -> Vec<String> {
        // Any range will do. What cannot be read was refused when the profile was.
        self.query(EXAMPLE_RANGE).map(|query| query.metrics()).unwrap_or_default()
    }

    /// Whether two scrapes of the pods can answer it.
    pub fn is_of_scrapes(&self) -> bool {
        self.two_scrapes == TwoScrapes::Same
    }

    /// The comparisons `healthy` and `alert`.
    pub fn thresholds(&self) -> (Option<Threshold>, Option<Threshold>) {
        let threshold = |text: &Option<String>| text.as_ref()?.parse().ok();
        (threshold(&self.healthy), threshold(&self.alert))
    }
}

/// The unit of a query's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A part of 1.
    Ratio,
    /// Times in a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// How many.
    Count,
}

impl Unit {
    /// In words, after a number.
    pub fn words(self) -> &'static str {
        match self {
            Unit::Ratio => "of 1",
            Unit::PerSecond => "per second",
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes per second",
            Unit::Count => "in number",
        }
    }
}

/// Whether two scrapes of a pod, some seconds apart, can answer a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TwoScrapes {
    /// They can, by the same PromQL with the time between them for its range.
    #[default]
    Same,
    /// They cannot: its metrics are not the pods' own, or it is about more time.
    None,
}

/// The labels that narrow a metric to the workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NarrowedBy {
    /// Those of the workload itself, in `identity.metricLabels`: for metrics that have them.
    #[default]
    Identity,
    /// `namespace`: what kube-state-metrics and cAdvisor tell of its pods.
    Namespace,
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}
