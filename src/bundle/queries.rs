//! Owns what a manifest says of the questions to a Prometheus and of their answers.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Prometheus that was asked in a cluster.
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
    /// Whether its samples of the workload's servers have their namespace among their labels.
    #[serde(default)]
    pub by_namespace: bool,
    /// Whether it has samples of servers such as the workload's; without, scrapes answer for these.
    #[serde(default)]
    pub has_servers: bool,
    /// Labels that tell this cluster from others in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cluster_labels: BTreeMap<String, String>,
    /// Whether it has samples of servers that could not be told from ours.
    #[serde(default)]
    pub mixed: bool,
}

/// A query to a Prometheus and what its answer says.
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
    /// Unit of its value, in the profile's word.
    #[serde(default)]
    pub unit: Option<String>,
    /// Comparison that holds for healthy values: `> 0.99`.
    #[serde(default)]
    pub healthy: Option<String>,
    /// Comparison that holds when something is wrong.
    #[serde(default)]
    pub alert: Option<String>,
    /// What has to be true for its metrics to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The PromQL as it was sent.
    pub expr: String,
    /// Whether it is about the workload alone, as far as its labels tell; the user's own is as they ask it.
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

/// What an answer says over its whole range.
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
    /// Number of steps with a value. Steps without one say nothing, least of all that all is well.
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
    /// Whether it is of two scrapes, in place of a Prometheus: as of the collection, and of no time before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_scrapes: bool,
    /// Whether it is of what objects of the API server stated, in place of a Prometheus: as of the collection, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_objects: bool,
    /// The same of what the counters have counted since they began, of two scrapes only: the greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_start: Option<Reading>,
    /// What the backend warns of or remarks, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Whether it is as of the collection, and says nothing of the time before.
    #[must_use]
    pub fn is_as_of_now(&self) -> bool {
        self.of_scrapes || self.of_objects
    }
}

/// What an answer says, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// At some moment it compared as when something is wrong.
    Alert,
    /// It never did, and at some moment it did not compare as in health.
    Unhealthy,
    /// It always compares as in health.
    Healthy,
    /// Wherever there is a value it compares as in health, and for five minutes or longer, or at the incident,
    /// there is none.
    Gaps,
    /// There is no value: the metric may be missing, or what it counts has not happened.
    NoData,
    /// There is a value, and nothing wrong with it that the profile knows of; nor is it known to be well, for
    /// there is no such bound, not all of it was answered, or it may be of other servers, too.
    Value,
    /// There is no answer; the task of the same name says why.
    #[default]
    NotAnswered,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The value as it was answered: a number, `+Inf` or `-Inf`.
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
