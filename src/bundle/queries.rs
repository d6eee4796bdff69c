//! Owns the manifest's fields about queries to a Prometheus, and their answers.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Prometheus that was queried in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Backend {
    /// Its URL, or the service in front of it.
    pub at: String,
    /// Why this Prometheus was chosen.
    #[serde(default)]
    pub why: String,
    /// Name and version it reports.
    #[serde(default)]
    pub version: Option<String>,
    /// Whether its samples of the workload's servers have a namespace label.
    #[serde(default)]
    pub by_namespace: bool,
    /// Whether it has samples of the workload's servers. If not, the scrapes answer for them.
    #[serde(default)]
    pub has_servers: bool,
    /// Labels that distinguish this cluster from others in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cluster_labels: BTreeMap<String, String>,
    /// Whether it has samples of other servers that no label distinguishes.
    #[serde(default)]
    pub mixed: bool,
}

/// A query to a Prometheus, and the verdict on its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryRecord {
    /// Name of the cluster in the bundle.
    pub cluster: String,
    /// Id of the query in the profile, or the user's own.
    pub id: String,
    /// The runbook's scenario that it belongs to.
    #[serde(default)]
    pub scenario: String,
    /// What its value measures.
    #[serde(default)]
    pub measures: String,
    /// Unit of its value, as the profile names it.
    #[serde(default)]
    pub unit: Option<String>,
    /// Comparison that holds for healthy values: `> 0.99`.
    #[serde(default)]
    pub healthy: Option<String>,
    /// Comparison that holds when something is wrong.
    #[serde(default)]
    pub alert: Option<String>,
    /// What its metrics depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The PromQL as it was sent.
    pub expr: String,
    /// Whether it was narrowed to the workload by labels. The user's own queries are not.
    #[serde(default)]
    pub narrowed: bool,
    /// Start of the range (UTC).
    pub start: DateTime<Utc>,
    /// End of the range (UTC).
    pub end: DateTime<Utc>,
    /// Step of the range, in seconds.
    pub step_seconds: u64,
    /// Path of the answer, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
    /// What the answer says.
    #[serde(flatten)]
    pub answer: Verdict,
}

/// The verdict on an answer over its whole range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The verdict in one word.
    pub verdict: Judged,
    /// Number of series.
    #[serde(default)]
    pub series: u64,
    /// Number of steps in the range.
    #[serde(default)]
    pub steps: u64,
    /// Number of steps with a value. Steps without one do not show health.
    #[serde(default)]
    pub steps_with_data: u64,
    /// The worst value by `healthy` or `alert`. Without either, the highest.
    #[serde(default)]
    pub worst: Option<Reading>,
    /// The worst value at the incident.
    #[serde(default)]
    pub at_incident: Option<Reading>,
    /// Number of steps at which `alert` holds.
    #[serde(default)]
    pub alert_steps: u64,
    /// First step at which `alert` holds (UTC).
    #[serde(default)]
    pub alert_from: Option<DateTime<Utc>>,
    /// Last step at which `alert` holds (UTC).
    #[serde(default)]
    pub alert_to: Option<DateTime<Utc>>,
    /// Whether a part of the backend did not answer, or not all of the answer was read.
    #[serde(default)]
    pub partial: bool,
    /// Whether it comes from two scrapes, not from a Prometheus, and so describes only the time of the collection.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_scrapes: bool,
    /// Whether it comes from listed objects, not from a Prometheus, and so describes only the time of the collection.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_objects: bool,
    /// With two scrapes: the highest value of the counters since they began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_start: Option<Reading>,
    /// Warnings of the backend, word for word, or the metrics that the scrapes lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Whether it describes only the time of the collection.
    #[must_use]
    pub fn is_as_of_now(&self) -> bool {
        self.of_scrapes || self.of_objects
    }
}

/// The verdict on an answer, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// At some moment, the value met `alert`.
    Alert,
    /// The value never met `alert`, but at some moment did not meet `healthy`.
    Unhealthy,
    /// The value always met `healthy`, at the incident too, and was never missing for five minutes.
    Healthy,
    /// Every value met `healthy`, but there is none for five minutes, or none at the incident.
    Gaps,
    /// There is no value: the metric may be missing, or what it counts has not happened.
    NoData,
    /// There is a value, and nothing shows that it is wrong or right: there is no such bound, only a part was
    /// answered, or it may include other servers.
    Value,
    /// There is no answer; the task `query/<id>` states why.
    #[default]
    NotAnswered,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The value as received: a number, `+Inf` or `-Inf`.
    pub value: String,
    /// Time of the value (UTC).
    pub at: DateTime<Utc>,
    /// Labels of its series.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn is_false(value: &bool) -> bool {
    !value
}
