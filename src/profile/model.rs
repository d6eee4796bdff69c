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

// Read it through `Profile`, which alone guarantees that the rules of `validate` hold.
/// What evidence one kind of workload needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Profile")]
pub struct Spec {
    /// The profile's name: lower-case letters, digits and `-`. The bundle's manifest names it.
    pub name: String,
    /// A number from 1. Raise it when the meaning of the profile changes.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// A sentence or two. `--dry-run` prints it, and the bundle keeps it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which pods are the workload.
    pub select: Select,
    /// Where to read the trust domain, the deployment and the region.
    #[serde(default)]
    pub identity: Identity,
    /// Which Kubernetes objects to collect: at least one rule.
    pub objects: Vec<ObjectRule>,
    /// API groups whose resources are found by discovery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_resources: Vec<GroupRule>,
    /// Further collectors, by name, for evidence that no other key asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<String>,
    /// Which container logs to collect. Default: none.
    #[serde(default)]
    pub logs: LogRules,
    /// Metric endpoints to read from each selected pod. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrapes: Vec<Scrape>,
    /// What to ask a Prometheus, in the order in which a reader looks for the cause. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<QueryRule>,
    /// The rules for findings. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingRule>,
    /// What is expected of a healthy workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<BaselineRule>,
    /// Queries, by `id`, that together show that SVIDs are minted: if a Prometheus answers all of them as healthy over
    /// the whole window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minting: Vec<String>,
}

/// Which pods are the workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Select {
    /// Label selectors as for `kubectl -l`, tried in this order. The first that finds pods is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Used if no selector finds pods: `deployment/NAME`, `daemonset/NAME` or `statefulset/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadName>,
    /// A regular expression for the whole name of a namespace, with or without `^` and `$`. Matching namespaces are the
    /// workload's own: `-A` means all of them, they are searched if listing pods in the whole cluster is forbidden, and
    /// everything in `objects` is collected there. In any other namespace, only the selected pods and what is under
    /// their top owner is collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_pattern: Option<String>,
    /// Names of namespaces that are the workload's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// At most this many pods, unhealthy ones first. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u32>,
}

/// Where to read the identity, best source first. What is not found, the user must give; nothing is guessed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The metric whose labels name the trust domain, the deployment and the region. If it is missing,
    /// any other metric with these labels is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info_metric: Option<String>,
    /// Its labels with the trust domain, the deployment and the region.
    #[serde(default)]
    pub metric_labels: MetricLabels,
    /// The fields of JSON log lines that name the trust domain, the deployment and the region, each list tried in
    /// order. A dot steps into a nested object.
    #[serde(default)]
    pub log_fields: LogFields,
    /// Labels of pods and nodes that name the region, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub region_labels: Vec<String>,
    /// What may hint at the region. It is only ever shown as a hint.
    #[serde(default)]
    pub region_hints: RegionHints,
}

/// Metric labels with the trust domain, the deployment and the region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricLabels {
    /// The label with the name of the trust domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// The label with the name of the trust domain's deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The label with the version of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl MetricLabels {
    /// The labels that only the workload's own series have: `trustDomain` and `deployment`, as far as they are given.
    pub fn of_workload(&self) -> impl Iterator<Item = &String> {
        [&self.trust_domain, &self.deployment].into_iter().flatten()
    }
}

/// Log fields that name the trust domain, the deployment and the region, each list tried in order. A dot steps
/// into a nested object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogFields {
    /// Fields with the name of the trust domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust_domain: Vec<String>,
    /// Fields with the name of the trust domain's deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployment: Vec<String>,
}

/// Where a pod's spec may name the region. It is only ever shown as a hint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionHints {
    /// Environment variables that have a plain value in the pods' specs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
}

/// One kind of object to collect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRule {
    /// The resource by kubectl's full name, plural and group: `pods`, `deployments.apps`,
    /// `endpointslices.discovery.k8s.io`. Each at most once. The version that the cluster prefers is used.
    pub resource: ResourceName,
    /// Whether a bundle without it is incomplete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether to request only names, labels, owners and times. The contents then never leave the cluster.
    #[serde(default, skip_serializing_if = "is_false")]
    pub metadata_only: bool,
    /// Which of the objects to collect.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    /// A label selector for the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Only these objects. Each is requested by its name, and nothing is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Which objects of a resource a rule selects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// The default. Those of the namespace. For a resource without namespaces: all, so use `names` or `used`.
    #[default]
    Namespace,
    /// The nodes that the collected pods run on, or the objects named after them (`csinodes.storage.k8s.io`).
    Used,
}

/// An API group whose resources are found by discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRule {
    /// The full name of the group, such as `data.spirl.com`.
    pub group: String,
    /// Whether a bundle without it is incomplete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether to request only names, labels, owners and times. The contents then never leave the cluster.
    #[serde(default, skip_serializing_if = "is_false")]
    pub metadata_only: bool,
    /// Whether to collect the CustomResourceDefinitions of the group, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub definitions: bool,
}

/// Which container logs to collect. A kind of log that is not named is not collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRules {
    /// The logs of the current runs: `{}` or `{required: true}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<LogRule>,
    /// The logs of the previous runs: `{}` or `{required: true}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LogRule>,
    /// Whether to include init containers, and thus sidecars.
    #[serde(default, skip_serializing_if = "is_false")]
    pub init_containers: bool,
    /// Whether to include ephemeral containers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ephemeral_containers: bool,
}

/// One kind of log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRule {
    /// Whether a bundle without it is incomplete. A container that never restarted has no previous log, so none is
    /// missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// One metric endpoint of a pod, found by annotation, else by port name, else by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scrape {
    /// The name of the endpoint in the plan and in the bundle: lower-case letters, digits and `-`.
    pub name: String,
    /// Whether a bundle without it is incomplete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Annotations of the pod with the port number, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_annotations: Vec<String>,
    /// Names of container ports, tried in this order when no annotation names a port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_names: Vec<String>,
    /// The port if nothing else names one.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Annotations of the pod with the path, tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_annotations: Vec<String>,
    /// The path if no annotation names one.
    #[serde(default = "metrics_path")]
    pub path: String,
    /// How to connect to the endpoint.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scheme: Scheme,
    /// Only pods that have a container of this name are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// How to connect to a metric endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// The default. Plain HTTP.
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

/// One query to a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryRule {
    /// The name of the query: lower-case letters, digits and `-`.
    pub id: String,
    /// The scenario that it belongs to. Queries of one scenario are shown together.
    pub scenario: String,
    /// What its value means, in a line.
    pub measures: String,
    /// The unit of its value.
    pub unit: Unit,
    /// The comparison that a healthy value meets: `> 0.99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<String>,
    /// The comparison that a value meets if it shows a problem: `< 0.99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// How long before the window it also looks: `24h`, at most `1y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<String>,
    /// The time between two of its values: `1m`. Default: 15 s, or as long as it takes for at most 1,000 values over
    /// the window and `lookback`, up to the 5 minutes over which rates are computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How it is answered by two scrapes of the pods when there is no Prometheus.
    #[serde(default, skip_serializing_if = "is_default")]
    pub two_scrapes: TwoScrapes,
    /// PromQL over what the listed objects state, for when no Prometheus has a value, or `same` for that of `expr`. The
    /// series have the names, labels and values of kube-state-metrics (`kube_pod_container_resource_limits`,
    /// `kube_pod_container_status_restarts_total`, `kube_pod_container_status_last_terminated_reason`,
    /// `kube_deployment_spec_replicas`, `kube_horizontalpodautoscaler_status_current_replicas` and others, see
    /// `src/facts/object_series.rs`). Two more give what the metrics server reports:
    /// `escalate_container_cpu_usage_cores` and `escalate_container_memory_working_set_bytes`. All of them exist for
    /// one moment, that of the list, so a rate over them has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_objects: Option<String>,
    /// What its metrics depend on, in a line. It is shown when there is no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// By which labels its metrics are narrowed to the workload. Series without these labels are left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub narrowed_by: NarrowedBy,
    /// The PromQL. `$range` is the time over which rates are computed.
    pub expr: String,
}

/// Stands for `$range` where only the form of a query matters.
pub(super) const EXAMPLE_RANGE: &str = "5m";

impl QueryRule {
    /// The parsed `expr`, with `range` in place of `$range`.
    ///
    /// # Errors
    /// When it is not PromQL, or more than this program can evaluate without a Prometheus.
    pub fn query(&self, range: &str) -> Result<Query, QueryError> {
        Query::parse(self.expr.replace("$range", range).trim())
    }

    /// The parsed `fromObjects`, if it is given.
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

    /// The names of the metrics in `expr`.
    pub fn metrics(&self) -> Vec<String> {
        // Any range will do. `validate` refuses what cannot be parsed.
        self.query(EXAMPLE_RANGE).map(|query| query.metrics()).unwrap_or_default()
    }

    /// Whether two scrapes of the pods can answer the query.
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
    /// A share, where 1 is the whole.
    Ratio,
    /// A rate per second.
    PerSecond,
    /// A duration in seconds.
    Seconds,
    /// A size in bytes.
    Bytes,
    /// A throughput in bytes per second.
    BytesPerSecond,
    /// A plain number.
    Count,
}

impl Unit {
    /// The unit in words, to be written after a number.
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
    /// The default. The same PromQL, with the time between the scrapes as `$range`.
    #[default]
    Same,
    /// Not at all: its metrics are not the pods' own, or it needs more time than the scrapes cover.
    None,
}

/// The labels that narrow a metric to the workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NarrowedBy {
    /// The default. By the labels in `identity.metricLabels`, for metrics that have them.
    #[default]
    Identity,
    /// By the namespaces of the pods, for kube-state-metrics, cAdvisor, and metrics that get a namespace label only
    /// from the scrape.
    Namespace,
    /// Only by the label of the cluster, if the Prometheus has several clusters: for metrics without a namespace, such
    /// as those of nodes. The answer is about the whole cluster.
    Cluster,
}

fn metrics_path() -> String {
    "/metrics".to_owned()
}
