//! Owns the format of `findings.json`: which rules of the profile match the facts, in reading order.
//!
//! As in the manifest, readers ignore unknown fields, and a known field never changes its meaning.

use super::facts::Change;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `findings.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// Version of the format; 1.
    pub format: u32,
    /// Name of the profile whose rules these are.
    #[serde(default)]
    pub profile: String,
    /// As the profile states it.
    #[serde(default)]
    pub profile_version: String,
    /// The end of the collection (UTC). Ages and durations are measured from it.
    pub at: DateTime<Utc>,
    /// Whether new SVIDs are minted.
    pub issuance: Issuance,
    /// Id of the root cause: the finding that no other explains. `null` if no finding is above "info".
    #[serde(default)]
    pub root_cause: Option<String>,
    /// A sentence for the reader.
    #[serde(default)]
    pub root_cause_why: String,
    /// The findings: the root cause, then its consequences, then the rest, the most severe first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Rules that could not be checked, because evidence is missing.
    #[serde(default)]
    pub not_checked: Vec<NotChecked>,
    /// Ids of the rules that were checked with all their evidence and did not match.
    #[serde(default)]
    pub not_found: Vec<String>,
    /// The healthy baseline, line by line.
    #[serde(default)]
    pub baseline: Vec<BaselineLine>,
    /// What changed in the last 24 hours, the oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// Whether new SVIDs are minted. Workloads keep the SVIDs that they have until these expire, in any case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issuance {
    /// Affected, not affected, or not checked.
    pub state: IssuanceState,
    /// How this is known, or why it is not.
    pub why: String,
    /// The evidence for it.
    #[serde(default)]
    pub shown_by: Vec<Shown>,
}

/// Whether new SVIDs are minted, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IssuanceState {
    /// Some or all SVIDs are not minted.
    Affected,
    /// A Prometheus shows that all requested SVIDs were minted, during the whole window.
    NotAffected,
    /// The evidence does not show it.
    NotChecked,
}

/// How severe a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Workloads get no new SVIDs, or will not soon.
    Critical,
    /// Something is wrong.
    Warning,
    /// Worth knowing; not a problem by itself.
    Info,
}

/// A rule of the profile that matches the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's id.
    pub id: String,
    /// How severe it is; at least as severe as its worst consequence.
    pub severity: Severity,
    /// The runbook's scenario, as the profile names it.
    #[serde(default)]
    pub scenario: String,
    /// What is wrong, in one line.
    pub title: String,
    /// What it means, in a few sentences.
    #[serde(default)]
    pub means: String,
    /// The first time that the evidence shows it (UTC).
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    /// The last time that the evidence shows it (UTC).
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// The affected pods, as `cluster/namespace/pod`; empty if the finding is not about pods.
    #[serde(default)]
    pub pods: Vec<String>,
    /// Number of server pods that were collected.
    #[serde(default)]
    pub of_pods: u64,
    /// The evidence, the most telling first.
    #[serde(default)]
    pub shown_by: Vec<Shown>,
    /// What to do next, in this order.
    #[serde(default)]
    pub next: Vec<Step>,
    /// Ids of the findings that this one causes.
    #[serde(default)]
    pub explains: Vec<String>,
    /// Id of the finding that causes this one.
    #[serde(default)]
    pub explained_by: Option<String>,
}

/// A piece of evidence: a line of a file, or a query's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The text, word for word: a log line without its timestamp, an event, or a field of an object with its value.
    pub quote: String,
    /// Path of the file that contains it, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
    /// Time of the line, the event or the value (UTC).
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    /// Number of similar lines or events; 1 if they were not counted.
    #[serde(default = "one")]
    pub times: u64,
    /// Id of the query, if this is a query's answer.
    #[serde(default)]
    pub query: Option<String>,
    /// PromQL of that query.
    #[serde(default)]
    pub expr: Option<String>,
    /// The worst value of the answer, with its unit.
    #[serde(default)]
    pub value: Option<String>,
    /// Labels of the series with that value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn one() -> u64 {
    1
}

/// A step to take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What to do, in one sentence.
    pub text: String,
    /// The command to run, ready to paste into a shell.
    #[serde(default)]
    pub command: Option<String>,
}

/// A rule that could not be checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotChecked {
    /// The rule's id.
    pub id: String,
    /// What it looks for.
    pub title: String,
    /// A sentence that names the evidence that is missing.
    pub why: String,
}

/// A line of the healthy baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineLine {
    /// The line's id in the profile.
    pub id: String,
    /// The signal that is checked.
    pub signal: String,
    /// The healthy value, in words.
    pub expected: String,
    /// Whether the signal is as expected.
    pub state: BaselineState,
    /// The value with its unit, if it is known.
    #[serde(default)]
    pub value: Option<String>,
    /// How this is known, or why it is not.
    #[serde(default)]
    pub why: String,
    /// Id of the query that answers it.
    #[serde(default)]
    pub query: Option<String>,
    /// Path of the file that shows it, inside the bundle's folder.
    #[serde(default)]
    pub entry: Option<String>,
}

/// Whether a line of the baseline is as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineState {
    /// As expected, during the whole window.
    AsExpected,
    /// Not as expected, by its query or its matcher.
    NotAsExpected,
    /// There is no evidence to check it with.
    NotChecked,
}
